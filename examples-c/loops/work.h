/* What each loop here has to do, in its one thread: a burst of sets, a get behind each of them, and a watch that sees them
 * all. Nothing of it knows the loop; all the loop has to know is the queue. */
#include "../example.h"

#include <string.h>
#include <unistd.h>

#define BURST 100

typedef struct work {
    etcd_client *client;
    etcd_context *context;
    etcd_queue *queue;
    etcd_watcher *watcher;
    unsigned answers, events;
    struct call {
        struct work *work;
        char key[64];
    } calls[BURST];
} work;

static inline int is_done(const work *work)
{
    return work->answers == BURST && work->events == BURST;
}

/* Detached: nobody keeps the future, whose callback comes all the same. */
static inline void when_done(etcd_future *future, etcd_future_fn fn, struct call *call)
{
    must(etcd_future_on_ready(future, call->work->queue, fn, call, NULL), "callback", NULL);
    etcd_future_free(future);
}

static inline void on_get(void *user_data, etcd_future *future)
{
    struct call *call = user_data;
    etcd_response *response = NULL;
    etcd_error *error = NULL;
    must(etcd_future_take_response(future, &response, &error), "get", &error);
    if (strcmp(etcd_node_value(etcd_response_node(response), NULL), call->key) == 0) call->work->answers++;
    etcd_response_free(response);
}

static inline void on_set(void *user_data, etcd_future *future)
{
    struct call *call = user_data;
    etcd_error *error = NULL;
    must(etcd_future_take(future, &error), "set", &error);
    when_done(etcd_keys_get_async(call->work->client, call->work->context, call->key, NULL), on_get, call);
}

static inline void on_event(void *user_data, const etcd_response *response, const etcd_error *error)
{
    work *work = user_data;
    /* The watch goes on by itself after an error. */
    if (error != NULL) fprintf(stderr, "watch: %s\n", etcd_error_message(error));
    if (response != NULL) work->events++;
}

static inline void begin(work *work, const char *directory)
{
    etcd_watcher_options *options = etcd_watcher_options_new();
    etcd_response *response = NULL;
    etcd_error *error = NULL;
    char key[64];

    alarm(60); /* ends a program whose loop would wait for ever, so that its fault is seen */
    memset(work, 0, sizeof *work);
    work->client = connect_to_cluster();
    work->context = etcd_context_with_timeout_ms(NULL, 30000); /* one deadline for the whole burst */
    work->queue = etcd_queue_new();

    /* The loop does not run yet, so this may block. The watch begins behind its index, and so misses nothing of the burst. */
    snprintf(key, sizeof key, "%s/begin", directory);
    must(etcd_keys_set(work->client, work->context, key, "", 0, NULL, &response, &error), "set", &error);
    must(etcd_watcher_options_set_after_index(options, etcd_response_index(response)), "options", NULL);
    must(etcd_watcher_options_set_recursive(options, 1), "options", NULL);
    must(etcd_watcher_new(work->client, directory, options, &work->watcher, &error), "watcher", &error);
    must(etcd_watcher_start(work->watcher, work->queue, on_event, work, NULL, &error), "watch", &error);
    etcd_response_free(response);
    etcd_watcher_options_free(options);

    for (unsigned i = 0; i < BURST; i++) {
        struct call *call = &work->calls[i];
        call->work = work;
        snprintf(call->key, sizeof call->key, "%s/%u", directory, i);
        when_done(etcd_keys_set_async(work->client, work->context, call->key, call->key, ETCD_STRLEN, NULL), on_set, call);
    }
}

/* The loop does not look at the queue's descriptor any more. */
static inline int end(work *work)
{
    int ok = is_done(work);
    printf("%u answers, %u events\n", work->answers, work->events);
    must(etcd_watcher_stop(work->watcher, 5000), "stop", NULL); /* no callback of it comes after this */
    etcd_watcher_free(work->watcher);
    etcd_queue_free(work->queue);
    etcd_context_free(work->context);
    must(etcd_client_close(work->client, 5000, NULL), "close", NULL);
    etcd_client_free(work->client);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
