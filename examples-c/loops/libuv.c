/* The library in a libuv loop: a uv_poll_t on the queue's descriptor. */
#define _POSIX_C_SOURCE 200809L

#include "work.h"

#include <uv.h>

static void on_readable(uv_poll_t *handle, int status, int events)
{
    work *work = handle->data;
    (void)events;
    if (status < 0 || etcd_queue_poll(work->queue, 0, 0) < 0) exit(EXIT_FAILURE);
    /* A closed handle is out of the loop, which ends when it has no other. */
    if (is_done(work)) uv_close((uv_handle_t *)handle, NULL);
}

int main(void)
{
    uv_loop_t *loop = uv_default_loop();
    uv_poll_t handle;
    work work;

    begin(&work, "/example/libuv");
    if (uv_poll_init(loop, &handle, etcd_queue_fd(work.queue)) != 0) return EXIT_FAILURE;
    handle.data = &work;
    if (uv_poll_start(&handle, UV_READABLE, on_readable) != 0) return EXIT_FAILURE;

    if (uv_run(loop, UV_RUN_DEFAULT) != 0 || uv_loop_close(loop) != 0) return EXIT_FAILURE;
    return end(&work);
}
