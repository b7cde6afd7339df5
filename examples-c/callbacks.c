/* No loop and no thread of one's own: without a queue, the library's one thread for callbacks calls, for each call that has
 * ended and each event of a watch. Whoever shares data with a callback locks it, as between any two threads. */
#define _POSIX_C_SOURCE 200809L

#include "example.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#define DIRECTORY "/example/callbacks"
#define SETS 20

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned done, events, freed;

static void count(unsigned *what)
{
    pthread_mutex_lock(&lock);
    ++*what;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static void on_set(void *key, etcd_future *future)
{
    etcd_error *error = NULL;
    must(etcd_future_take(future, &error), key, &error);
    count(&done);
}

/* Called once for each key, after its callback or in its place: whatever happens, nothing leaks. */
static void free_key(void *key)
{
    free(key);
    count(&freed);
}

static void on_event(void *user_data, const etcd_response *response, const etcd_error *error)
{
    (void)user_data;
    if (error != NULL) fprintf(stderr, "watch: %s\n", etcd_error_message(error)); /* it goes on by itself */
    if (response != NULL) count(&events);
}

static void begin_set(etcd_client *client, unsigned number)
{
    char *key = malloc(64);
    if (key == NULL) exit(EXIT_FAILURE);
    snprintf(key, 64, DIRECTORY "/%u", number);
    etcd_future *future = etcd_keys_set_async(client, NULL, key, "value", ETCD_STRLEN, NULL);
    must(etcd_future_on_ready(future, NULL, on_set, key, free_key), "callback", NULL);
    etcd_future_free(future); /* detached: the call goes on, and its callback comes */
}

int main(void)
{
    etcd_client *client = connect_to_cluster();
    etcd_watcher_options *options = etcd_watcher_options_new();
    etcd_watcher *watcher = NULL;
    etcd_response *response = NULL;
    etcd_error *error = NULL;
    struct timespec limit;
    int late = 0;

    must(etcd_keys_set(client, NULL, DIRECTORY "/begin", "", 0, NULL, &response, &error), "set", &error);
    must(etcd_watcher_options_set_after_index(options, etcd_response_index(response)), "options", NULL);
    must(etcd_watcher_options_set_recursive(options, 1), "options", NULL);
    must(etcd_watcher_new(client, DIRECTORY, options, &watcher, &error), "watcher", &error);
    must(etcd_watcher_start(watcher, NULL, on_event, NULL, NULL, &error), "watch", &error);
    for (unsigned i = 0; i < SETS; i++) begin_set(client, i);

    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 30;
    pthread_mutex_lock(&lock);
    while (!late && (done < SETS || events < SETS || freed < SETS)) late = pthread_cond_timedwait(&changed, &lock, &limit);
    pthread_mutex_unlock(&lock);
    printf("%u sets done, %u events, %u keys freed\n", done, events, freed);

    /* A callback that runs now ends first: not with the lock held. */
    must(etcd_watcher_stop(watcher, 5000), "stop", NULL);
    etcd_watcher_free(watcher);
    etcd_watcher_options_free(options);
    etcd_response_free(response);
    must(etcd_client_close(client, 5000, &error), "close", &error); /* also ends the thread for callbacks */
    etcd_client_free(client);
    return late ? EXIT_FAILURE : EXIT_SUCCESS;
}
