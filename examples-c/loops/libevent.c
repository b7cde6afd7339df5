/* The library in a libevent loop: a persistent event on the queue's descriptor. */
#define _POSIX_C_SOURCE 200809L

#include "work.h"

#include <event2/event.h>

struct state {
    work work;
    struct event *readable;
};

static void on_readable(evutil_socket_t descriptor, short events, void *argument)
{
    struct state *state = argument;
    (void)descriptor;
    (void)events;
    if (etcd_queue_poll(state->work.queue, 0, 0) < 0) exit(EXIT_FAILURE);
    /* The loop ends when it has no event to wait for. */
    if (is_done(&state->work)) event_del(state->readable);
}

int main(void)
{
    struct event_base *base = event_base_new();
    struct state state;

    begin(&state.work, "/example/libevent");
    state.readable = event_new(base, etcd_queue_fd(state.work.queue), EV_READ | EV_PERSIST, on_readable, &state);
    if (state.readable == NULL || event_add(state.readable, NULL) != 0) return EXIT_FAILURE;

    if (event_base_dispatch(base) < 0) return EXIT_FAILURE;
    event_free(state.readable);
    event_base_free(base);
    return end(&state.work);
}
