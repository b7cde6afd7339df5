/* The library in a GLib main loop, and so beside GTK: a source on the queue's descriptor. */
#define _POSIX_C_SOURCE 200809L

#include "work.h"

#include <glib-unix.h>
#include <glib.h>

struct state {
    work work;
    GMainLoop *loop;
};

static gboolean on_readable(gint descriptor, GIOCondition condition, gpointer argument)
{
    struct state *state = argument;
    (void)descriptor;
    (void)condition;
    if (etcd_queue_poll(state->work.queue, 0, 0) < 0) exit(EXIT_FAILURE);
    if (!is_done(&state->work)) return G_SOURCE_CONTINUE;
    g_main_loop_quit(state->loop);
    return G_SOURCE_REMOVE;
}

int main(void)
{
    struct state state;

    begin(&state.work, "/example/glib");
    state.loop = g_main_loop_new(NULL, FALSE);
    g_unix_fd_add(etcd_queue_fd(state.work.queue), G_IO_IN, on_readable, &state);

    g_main_loop_run(state.loop);
    g_main_loop_unref(state.loop);
    return end(&state.work);
}
