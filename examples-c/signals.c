/* A program with threads ends in good order at SIGINT and SIGTERM: one thread waits for the signals and does nothing else, so
 * that it may call whatever it wants, as no signal handler may. It ends the blocking calls by their context, and the thread
 * that polls a queue by a wakeup. (In an event loop: loops/signalfd.c.) */
#define _POSIX_C_SOURCE 200809L

#include "example.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#define KEY "/example/signals"

static etcd_client *client;
static etcd_context *running; /* ends with the program */
static etcd_queue *queue;

static void *wait_for_signal(void *signals)
{
    int signal = 0;
    if (sigwait(signals, &signal) != 0) exit(EXIT_FAILURE);
    printf("signal %d\n", signal);
    etcd_context_cancel(running);
    etcd_queue_wakeup(queue);
    return NULL;
}

/* A thread that blocks: in a watch, without any limit of time. */
static void *watch(void *watcher)
{
    etcd_response *event = NULL;
    etcd_error *error = NULL;
    etcd_status status = etcd_watcher_next(watcher, running, &event, &error);
    for (; status == ETCD_OK; status = etcd_watcher_next(watcher, running, &event, &error)) etcd_response_free(event);
    printf("the watch: %s\n", etcd_status_name(status));
    if (status != ETCD_ERR_CANCELED) exit(EXIT_FAILURE);
    etcd_error_free(error);
    return NULL;
}

/* The operator of this example: at work until the program has been asked to end. */
static void on_set(void *user_data, etcd_future *future)
{
    unsigned *sets = user_data;
    etcd_error *error = NULL;
    must(etcd_future_take(future, &error), "set", &error);
    if (++*sets == 10) kill(getpid(), SIGTERM);
}

int main(void)
{
    pthread_t signal_thread, watch_thread;
    etcd_watcher *watcher = NULL;
    etcd_error *error = NULL;
    unsigned sets = 0;
    sigset_t ends;

    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    /* Before there is any other thread, because each inherits it. */
    if (pthread_sigmask(SIG_BLOCK, &ends, NULL) != 0) return EXIT_FAILURE;

    client = connect_to_cluster();
    running = etcd_context_new(NULL);
    queue = etcd_queue_new();
    must(etcd_watcher_new(client, KEY, NULL, &watcher, &error), "watcher", &error);
    if (pthread_create(&signal_thread, NULL, wait_for_signal, &ends) != 0) return EXIT_FAILURE;
    if (pthread_create(&watch_thread, NULL, watch, watcher) != 0) return EXIT_FAILURE;

    for (unsigned i = 0; i < 10; i++) {
        etcd_future *future = etcd_keys_set_async(client, NULL, KEY, "at work", ETCD_STRLEN, NULL);
        must(etcd_future_on_ready(future, queue, on_set, &sets, NULL), "callback", NULL);
        etcd_future_free(future);
    }
    while (etcd_context_status(running) == ETCD_OK)
        if (etcd_queue_poll(queue, -1, 0) < 0) return EXIT_FAILURE;

    pthread_join(signal_thread, NULL);
    pthread_join(watch_thread, NULL);
    etcd_watcher_free(watcher);
    etcd_queue_free(queue);
    etcd_context_free(running);
    must(etcd_client_close(client, 5000, &error), "close", &error);
    etcd_client_free(client);
    return EXIT_SUCCESS;
}
