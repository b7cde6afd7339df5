/* Sixteen threads do everything at once to one client, with watches that are cancelled, stopped and freed under their readers, and
 * others make and free clients beside them: every call gets the answer that it would get alone, and nothing is left. */
#include "stress.h"

#include <pthread.h>

enum { HAMMERS = 16, MAKERS = 2 };

static etcd_client *shared;
static int is_over;

typedef struct {
    pthread_t thread;
    int number;
    char key[300];
    long done;
    int wrong;
    char first_wrong[300];
} hammer;

static int over(void)
{
    return __atomic_load_n(&is_over, __ATOMIC_RELAXED);
}

static void expect(hammer *self, int holds, const char *what, etcd_status status)
{
    if (!holds && self->wrong++ == 0) snprintf(self->first_wrong, sizeof self->first_wrong, "%s: %s", what, etcd_status_name(status));
}

/* What nobody else writes is what this thread wrote last. */
static uint64_t write_and_read(hammer *self)
{
    etcd_response *response = NULL;
    char value[32];
    uint64_t index;
    etcd_status status;
    snprintf(value, sizeof value, "%ld", self->done);
    status = etcd_keys_set(shared, NULL, self->key, value, ETCD_STRLEN, NULL, &response, NULL);
    expect(self, status == ETCD_OK, "set", status);
    index = etcd_response_index(response);
    etcd_response_free(response);
    response = NULL;
    status = etcd_keys_get(shared, NULL, self->key, NULL, &response, NULL);
    expect(self, status == ETCD_OK && strcmp(etcd_node_value(etcd_response_node(response), NULL), value) == 0, "get", status);
    etcd_response_free(response);
    return index;
}

typedef struct {
    etcd_watcher *watcher;
    etcd_context *context;
    etcd_status status;
} reader;

static void *read_until_the_end(void *argument)
{
    reader *self = argument;
    do {
        etcd_response *event = NULL;
        self->status = etcd_watcher_next(self->watcher, self->context, &event, NULL);
        etcd_response_free(event);
    } while (self->status == ETCD_OK);
    return NULL;
}

/* A watch that has a reader, ended in one of three ways. */
static void watch_and_end(hammer *self, uint64_t index)
{
    etcd_watcher_options *options = etcd_watcher_options_new();
    reader watching = {NULL, etcd_context_new(NULL), ETCD_OK};
    pthread_t thread;
    etcd_status status = etcd_watcher_options_set_after_index(options, index - 1);
    if (status == ETCD_OK) status = etcd_watcher_new(shared, self->key, options, &watching.watcher, NULL);
    expect(self, status == ETCD_OK, "watcher", status);
    etcd_watcher_options_free(options);
    if (pthread_create(&thread, NULL, read_until_the_end, &watching) != 0) bail_out("no thread");
    switch (self->done % 3) {
    case 0: etcd_context_cancel(watching.context); break;
    case 1: status = etcd_watcher_stop(watching.watcher, 0); expect(self, status == ETCD_OK, "stop", status); break;
    default: etcd_context_cancel(watching.context); status = etcd_watcher_stop(watching.watcher, 0); expect(self, status == ETCD_OK, "stop", status); break;
    }
    pthread_join(thread, NULL);
    expect(self, watching.status == ETCD_ERR_CANCELED || watching.status == ETCD_ERR_CLOSED, "next", watching.status);
    etcd_watcher_free(watching.watcher);
    etcd_context_free(watching.context);
}

/* Ended from the beginning, or soon: whichever comes first, the answer is one of two. */
static void cancel_a_call(hammer *self)
{
    etcd_context *soon = etcd_context_with_timeout_ms(NULL, self->done % 2);
    etcd_status status = etcd_keys_get(shared, soon, self->key, NULL, NULL, NULL);
    expect(self, status == ETCD_OK || status == ETCD_ERR_DEADLINE_EXCEEDED, "a call with a short deadline", status);
    etcd_context_free(soon);
}

static void *hammer_on(void *argument)
{
    hammer *self = argument;
    for (; !over(); self->done++) {
        uint64_t index = write_and_read(self);
        if (self->done % 4 == self->number % 4) watch_and_end(self, index);
        if (self->done % 4 == (self->number + 1) % 4) cancel_a_call(self);
        if (self->done % 16 == self->number) {
            etcd_status status = etcd_client_sync(shared, NULL, NULL);
            expect(self, status == ETCD_OK, "sync", status);
        }
    }
    return NULL;
}

static void *make_and_free(void *argument)
{
    hammer *self = argument;
    for (; !over(); self->done++) {
        etcd_client *own = test_client();
        etcd_watcher *watcher = NULL;
        etcd_status status = etcd_keys_set(own, NULL, self->key, "v", 1, NULL, NULL, NULL);
        expect(self, status == ETCD_OK, "set of a client of one's own", status);
        status = etcd_watcher_new(own, self->key, NULL, &watcher, NULL);
        if (self->done % 2 == 0) status = etcd_client_start_auto_sync(own, 1, NULL);
        if (self->done % 3 == 0) status = etcd_client_close(own, 0, NULL);
        expect(self, status == ETCD_OK, "close of a client of one's own", status);
        etcd_client_free(own);
        etcd_watcher_free(watcher);
    }
    return NULL;
}

static void run(void)
{
    hammer hammers[HAMMERS + MAKERS];
    struct timespec rest = {stress_ms() / 1000, stress_ms() % 1000 * 1000000};
    long calls = 0, made = 0;
    int i, wrong = 0;
    memset(hammers, 0, sizeof hammers);
    for (i = 0; i < HAMMERS + MAKERS; i++) {
        hammers[i].number = i;
        snprintf(hammers[i].key, sizeof hammers[i].key, "%s-%d", test_key("hammer"), i);
        if (pthread_create(&hammers[i].thread, NULL, i < HAMMERS ? hammer_on : make_and_free, &hammers[i]) != 0) bail_out("no thread");
    }
    nanosleep(&rest, NULL);
    __atomic_store_n(&is_over, 1, __ATOMIC_RELAXED);
    for (i = 0; i < HAMMERS + MAKERS; i++) {
        pthread_join(hammers[i].thread, NULL);
        if (hammers[i].wrong > 0) printf("# thread %d: %s, and %d more\n", i, hammers[i].first_wrong, hammers[i].wrong - 1);
        wrong += hammers[i].wrong;
        *(i < HAMMERS ? &calls : &made) += hammers[i].done;
    }
    CHECK(wrong == 0, "%ld rounds of %d threads on one client, %ld clients made and freed beside it: %d wrong answers", calls, HAMMERS, made, wrong);
    CHECK(calls >= HAMMERS && made >= MAKERS, "every thread had its turn");
}

int main(void)
{
    int before = descriptors();
    shared = test_client();
    run();
    remove_test_keys(shared);
    CHECK(etcd_client_close(shared, 30000, NULL) == ETCD_OK, "close");
    etcd_client_free(shared);
    /* The clients that were freed, not closed, end by themselves. */
    CHECK(threads_become(1) == 1, "no thread is left (%d)", threads());
    CHECK(descriptors() == before, "no descriptor is left (%d before, %d after)", before, descriptors());
    return checks_done();
}
