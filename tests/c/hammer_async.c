/* Many threads begin, cancel, wait for, take and free calls and watches of one client in every order, while others poll, and
 * clients and queues come and go: each callback runs once, each drop once behind it, each result is taken once. */
#include "stress.h"

#include <pthread.h>

enum { HAMMERS = 8, POLLERS = 2, KINDS = 7 };

static etcd_client *shared;
static etcd_queue *queue;
static int is_over, begun, called, dropped, wrong;

typedef struct {
    pthread_t thread;
    unsigned seed;
} hammer;

/* What one registration has seen. */
typedef struct {
    int called, dropped;
    int is_watch;
} seen;

static int over(void)
{
    return __atomic_load_n(&is_over, __ATOMIC_RELAXED);
}

static void add(int *counter)
{
    __atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

static void count_drop(void *user_data)
{
    seen *self = user_data;
    /* The client closes at the end of each of its lives, so that a call is always told. */
    if (self->dropped++ != 0 || (!self->is_watch && self->called != 1)) add(&wrong);
    add(&dropped);
    free(self);
}

static void count_call(void *user_data, etcd_future *future)
{
    seen *self = user_data;
    etcd_response *response = NULL;
    etcd_status status = etcd_future_take_response(future, &response, NULL);
    if (self->called++ != 0 || self->dropped != 0 || status == ETCD_ERR_NOT_READY) add(&wrong);
    if (etcd_keys_get(shared, NULL, "/", NULL, NULL, NULL) != ETCD_ERR_WOULD_DEADLOCK) add(&wrong);
    etcd_response_free(response);
    add(&called);
}

static void count_event(void *user_data, const etcd_response *event, const etcd_error *error)
{
    seen *self = user_data;
    if (self->dropped != 0 || (event == NULL) == (error == NULL)) add(&wrong);
    self->called++;
}

static seen *new_seen(int is_watch)
{
    seen *self = calloc(1, sizeof *self);
    if (self == NULL) bail_out("no memory");
    self->is_watch = is_watch;
    add(&begun);
    return self;
}

static void one_call(hammer *self, etcd_queue *place)
{
    const char *key = "/c-test-hammer-async";
    etcd_context *context = rand_r(&self->seed) % 4 == 0 ? etcd_context_new(NULL) : NULL;
    etcd_future *future = rand_r(&self->seed) % 2 == 0 ? etcd_keys_get_async(shared, context, key, NULL) : etcd_keys_set_async(shared, context, key, "v", 1, NULL);
    int order = rand_r(&self->seed) % KINDS;
    if (order == 0) etcd_future_cancel(future);
    if (order == 1) (void)etcd_future_wait(future, 5);
    if (etcd_future_on_ready(future, place, count_call, new_seen(0), count_drop) != ETCD_OK) add(&wrong);
    if (order == 2) etcd_future_cancel(future);
    if (order == 3) (void)etcd_future_take(future, NULL);
    if (order == 4) etcd_context_cancel(context);
    if (order == 5) (void)etcd_future_wait(future, 1);
    etcd_context_free(context);
    etcd_future_free(future);
}

static void one_watch(hammer *self, etcd_queue *place)
{
    etcd_watcher *watcher = NULL;
    if (etcd_watcher_new(shared, "/c-test-hammer-async", NULL, &watcher, NULL) != ETCD_OK) return;
    if (etcd_watcher_start(watcher, place, count_event, new_seen(1), count_drop, NULL) != ETCD_OK) add(&wrong);
    one_call(self, place);
    if (rand_r(&self->seed) % 2 == 0 && etcd_watcher_stop(watcher, 10000) != ETCD_OK) add(&wrong);
    etcd_watcher_free(watcher);
}

static void *hammer_on(void *argument)
{
    hammer *self = argument;
    while (!over()) {
        etcd_queue *place = rand_r(&self->seed) % 2 == 0 ? queue : NULL;
        if (rand_r(&self->seed) % 8 == 0) one_watch(self, place);
        else one_call(self, place);
    }
    return NULL;
}

static void *poll_on(void *argument)
{
    (void)argument;
    while (!over())
        if (etcd_queue_poll(queue, 20, 3) < 0) add(&wrong);
    return NULL;
}

/* Calls in flight when client, queue and futures go, in one order or another: only the drops are certain. */
static void a_short_life(unsigned round)
{
    etcd_client *client = test_client();
    etcd_queue *own = etcd_queue_new();
    int i;
    for (i = 0; i < 10; i++) {
        etcd_future *future = etcd_keys_get_async(client, NULL, "/", NULL);
        seen *self = new_seen(1);
        if (etcd_future_on_ready(future, i % 2 == 0 ? own : NULL, count_call, self, count_drop) != ETCD_OK) add(&wrong);
        if (round % 3 == 0) etcd_future_free(future);
        else if (round % 3 == 1) etcd_future_cancel(future), etcd_future_free(future);
        else (void)etcd_future_wait(future, -1), etcd_future_free(future);
    }
    if (round % 2 == 0) etcd_queue_free(own);
    if (etcd_client_close(client, 20000, NULL) != ETCD_OK) add(&wrong);
    if (round % 2 == 1) etcd_queue_free(own);
    etcd_client_free(client);
}

static int begin(hammer *hammers, pthread_t *pollers)
{
    int i;
    is_over = 0;
    shared = test_client();
    queue = etcd_queue_new();
    for (i = 0; i < HAMMERS; i++) {
        hammers[i].seed = (unsigned)i + (unsigned)now_ms();
        if (pthread_create(&hammers[i].thread, NULL, hammer_on, &hammers[i]) != 0) bail_out("no thread");
    }
    for (i = 0; i < POLLERS; i++)
        if (pthread_create(&pollers[i], NULL, poll_on, NULL) != 0) bail_out("no thread");
    return 0;
}

int main(void)
{
    int64_t until = now_ms() + stress_ms();
    int descriptors_before = 0, threads_before = threads(), lives = 0, i;

    shared = test_client();
    a_short_life(0);
    if (etcd_client_close(shared, 20000, NULL) != ETCD_OK) bail_out("no close");
    etcd_client_free(shared);
    descriptors_before = descriptors();
    do {
        hammer hammers[HAMMERS];
        pthread_t pollers[POLLERS];
        int64_t life = now_ms() + 500;
        begin(hammers, pollers);
        while (now_ms() < life) a_short_life((unsigned)lives++);
        __atomic_store_n(&is_over, 1, __ATOMIC_RELAXED);
        for (i = 0; i < HAMMERS; i++) pthread_join(hammers[i].thread, NULL);
        for (i = 0; i < POLLERS; i++) pthread_join(pollers[i], NULL);
        /* What is in flight ends now; what waits in the queue is told in the last polls. */
        if (etcd_client_close(shared, 20000, NULL) != ETCD_OK) add(&wrong);
        while (etcd_queue_poll(queue, 0, 0) > 0) continue;
        etcd_queue_free(queue);
        etcd_client_free(shared);
    } while (now_ms() < until);
    CHECK(wrong == 0, "nothing was wrong in %d registrations and %d short lives (%d)", begun, lives, wrong);
    CHECK(begun == dropped, "each was dropped once (%d of %d), %d callbacks", dropped, begun, called);
    CHECK(threads_become(threads_before) == threads_before, "no thread is left");
    CHECK(descriptors() == descriptors_before, "no descriptor is left (%d before, %d after)", descriptors_before, descriptors());
    return checks_done();
}
