/* One client and many threads: concurrent calls, a cancellation and a close that wake blocked ones. */
#include "freed_meanwhile.h"
#include "server.h"

enum { THREADS = 8, ROUNDS = 40, BLOCKED = 4 };

/* A blocked call must come back this soon after its wake-up; generous, because valgrind is slow. */
enum { SOON_MS = 3000 };

static etcd_error *error;

typedef struct {
    pthread_t thread;
    etcd_client *client;
    const etcd_context *context;
    int number;
    char key[256];
    int failures;
    char first_failure[512];
    etcd_status status;
    int64_t returned_at;
} worker;

static void note(worker *self, const char *what, etcd_error *failure)
{
    const char *message = etcd_error_message(failure);
    if (self->failures++ == 0) snprintf(self->first_failure, sizeof self->first_failure, "%s: %s", what, message == NULL ? "a wrong value" : message);
    etcd_error_free(failure);
}

static void *set_and_get(void *argument)
{
    worker *self = argument;
    char value[64];
    int round;
    for (round = 0; round < ROUNDS; round++) {
        etcd_response *response = NULL;
        etcd_error *failure = NULL;
        snprintf(value, sizeof value, "%d-%d", self->number, round);
        if (etcd_keys_set(self->client, self->context, self->key, value, ETCD_STRLEN, NULL, NULL, &failure) != ETCD_OK) note(self, "set", failure);
        if (etcd_keys_get(self->client, self->context, self->key, NULL, &response, &failure) != ETCD_OK) note(self, "get", failure);
        else if (strcmp(etcd_node_value(etcd_response_node(response), NULL), value) != 0) note(self, "get", NULL);
        etcd_response_free(response);
    }
    return NULL;
}

static void *blocked_get(void *argument)
{
    worker *self = argument;
    self->status = etcd_keys_get(self->client, self->context, "/a", NULL, NULL, NULL);
    self->returned_at = now_ms();
    return NULL;
}

static void start(worker *workers, int count, void *(*run)(void *), etcd_client *client, const etcd_context *context)
{
    int i;
    memset(workers, 0, (size_t)count * sizeof *workers);
    for (i = 0; i < count; i++) {
        workers[i].client = client;
        workers[i].context = context;
        workers[i].number = i;
        snprintf(workers[i].key, sizeof workers[i].key, "%s-%d", test_key("thread"), i);
        if (pthread_create(&workers[i].thread, NULL, run, &workers[i]) != 0) bail_out("no thread");
    }
}

static void join(worker *workers, int count)
{
    int i;
    for (i = 0; i < count; i++) pthread_join(workers[i].thread, NULL);
}

static void test_shared_client(void)
{
    worker workers[THREADS];
    etcd_client *client = test_client();
    etcd_context *context = etcd_context_with_timeout_ms(NULL, 60000);
    int i, failures = 0;

    start(workers, THREADS, set_and_get, client, context);
    join(workers, THREADS);
    for (i = 0; i < THREADS; i++) {
        failures += workers[i].failures;
        if (workers[i].failures > 0) printf("# thread %d: %s\n", i, workers[i].first_failure);
    }
    CHECK(failures == 0, "%d threads with %d sets and gets each on one client and one context: %d failed", THREADS, ROUNDS, failures);
    remove_test_keys(client);
    etcd_context_free(context);
    etcd_client_free(client);
}

static void check_woken(const worker *workers, etcd_status status, int64_t woken_at, const char *what)
{
    int i;
    for (i = 0; i < BLOCKED; i++) {
        CHECK(workers[i].status == status, "%s: blocked call %d gets %s (it got %s)", what, i, etcd_status_name(status), etcd_status_name(workers[i].status));
        CHECK(workers[i].returned_at - woken_at < SOON_MS, "%s: after %d ms", what, (int)(workers[i].returned_at - woken_at));
    }
}

static void test_cancel_wakes(void)
{
    worker workers[BLOCKED];
    test_server hung;
    etcd_client *client;
    etcd_context *context = etcd_context_new(NULL);
    int64_t woken_at;

    server_hang(&hung);
    client = client_of(hung.url, 60000);
    start(workers, BLOCKED, blocked_get, client, context);
    server_wait_for_connection(&hung);
    woken_at = now_ms();
    etcd_context_cancel(context);
    join(workers, BLOCKED);
    check_woken(workers, ETCD_ERR_CANCELED, woken_at, "cancel");
    etcd_context_free(context);
    etcd_client_free(client);
    server_stop(&hung);
}

static void test_freed_context_does_not_cancel(void)
{
    worker blocked[1];
    test_server hung;
    etcd_client *client;
    etcd_context *context = etcd_context_with_timeout_ms(NULL, 500);
    int64_t started = now_ms();

    server_hang(&hung);
    client = client_of(hung.url, 60000);
    start(blocked, 1, blocked_get, client, context);
    server_wait_for_connection(&hung);
    etcd_context_free(context);
    join(blocked, 1);
    CHECK(blocked[0].status == ETCD_ERR_DEADLINE_EXCEEDED, "a call whose context is freed keeps its deadline (it got %s)", etcd_status_name(blocked[0].status));
    CHECK(blocked[0].returned_at - started < 500 + SOON_MS, "and comes back by it");
    etcd_client_free(client);
    server_stop(&hung);
}

static void test_free_does_not_disturb(void)
{
    worker blocked[1];
    test_server hung;
    etcd_client *client;
    etcd_context *context = etcd_context_new(NULL);

    server_hang(&hung);
    client = client_of(hung.url, 60000);
    start(blocked, 1, blocked_get, client, context);
    server_wait_for_connection(&hung);
    etcd_client_free(client);
    etcd_context_cancel(context);
    join(blocked, 1);
    CHECK(blocked[0].status == ETCD_ERR_CANCELED, "a call whose client is freed goes on to its end (it got %s)", etcd_status_name(blocked[0].status));
    etcd_context_free(context);
    server_stop(&hung);
}

static void test_close_wakes(void)
{
    worker workers[BLOCKED];
    test_server hung;
    etcd_client *client;
    int64_t woken_at;

    server_hang(&hung);
    client = client_of(hung.url, 60000);
    start(workers, BLOCKED, blocked_get, client, NULL);
    server_wait_for_connection(&hung);
    woken_at = now_ms();
    CHECK_STATUS(ETCD_OK, etcd_client_close(client, 30000, &error), &error, "close");
    join(workers, BLOCKED);
    check_woken(workers, ETCD_ERR_CLOSED, woken_at, "close");
    CHECK_STATUS(ETCD_ERR_CLOSED, etcd_keys_get(client, NULL, "/a", NULL, NULL, &error), &error, "get after close");
    etcd_client_free(client);
    server_stop(&hung);
}

int main(void)
{
    test_shared_client();
    test_cancel_wakes();
    test_freed_context_does_not_cancel();
    test_free_does_not_disturb();
    test_close_wakes();
    return checks_done();
}
