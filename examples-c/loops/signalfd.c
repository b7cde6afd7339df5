/* SIGINT and SIGTERM in the loop itself: a descriptor for signals stands beside the queue's, and no handler runs anywhere.
 * (Where there is no signalfd, a handler writes a byte into a pipe, which stands in its place.) */
#define _POSIX_C_SOURCE 200809L

#include "work.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

int main(void)
{
    sigset_t ends;
    struct signalfd_siginfo signal;
    bool is_asked = false;
    work work;

    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    /* Blocked, they wait for the descriptor's reader. The library's threads block all signals by themselves. */
    if (sigprocmask(SIG_BLOCK, &ends, NULL) != 0) return EXIT_FAILURE;
    begin(&work, "/example/signalfd");
    enum { QUEUE, SIGNALS };
    struct pollfd in[] = {{.fd = etcd_queue_fd(work.queue), .events = POLLIN},
                          {.fd = signalfd(-1, &ends, SFD_CLOEXEC), .events = POLLIN}};

    while (in[SIGNALS].revents == 0) {
        if (poll(in, 2, -1) < 0 && errno != EINTR) return EXIT_FAILURE;
        if (in[QUEUE].revents != 0 && etcd_queue_poll(work.queue, 0, 0) < 0) return EXIT_FAILURE;
        /* The operator of this example. */
        if (is_done(&work) && !is_asked) is_asked = kill(getpid(), SIGTERM) == 0;
    }
    if (read(in[SIGNALS].fd, &signal, sizeof signal) != sizeof signal) return EXIT_FAILURE;
    printf("signal %u: ", (unsigned)signal.ssi_signo);
    /* Calls that are still in flight end here, and tell whether their write may have happened. */
    etcd_context_cancel(work.context);
    close(in[SIGNALS].fd);
    return end(&work);
}
