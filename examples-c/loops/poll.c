/* The library in a loop around poll(): whenever the queue's descriptor is readable, its callbacks are run, here. */
#define _POSIX_C_SOURCE 200809L

#include "work.h"

#include <errno.h>
#include <poll.h>

int main(void)
{
    work work;
    begin(&work, "/example/poll");
    struct pollfd queue = {.fd = etcd_queue_fd(work.queue), .events = POLLIN};

    while (!is_done(&work)) {
        /* The descriptors of the application stand beside this one. */
        if (poll(&queue, 1, -1) < 0 && errno != EINTR) return EXIT_FAILURE;
        /* It runs what waits and does not wait itself. */
        if (etcd_queue_poll(work.queue, 0, 0) < 0) return EXIT_FAILURE;
    }
    return end(&work);
}
