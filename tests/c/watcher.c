/* Watchers from C: their life, ended from other threads at any moment, after their client, after a fork, and many at once. */
#include "freed_meanwhile.h"
#include "server.h"

#include <sys/wait.h>

typedef struct {
    etcd_watcher *watcher;
    etcd_context *context;
    etcd_status status;
} reader;

static etcd_status next_value(etcd_watcher *watcher, char *value, size_t size)
{
    etcd_context *context = etcd_context_with_timeout_ms(NULL, 30000);
    etcd_response *response = NULL;
    etcd_status status = etcd_watcher_next(watcher, context, &response, NULL);
    if (status == ETCD_OK) snprintf(value, size, "%s", etcd_node_value(etcd_response_node(response), NULL));
    etcd_response_free(response);
    etcd_context_free(context);
    return status;
}

static etcd_watcher *watcher_of(etcd_client *client, const char *key, uint64_t after_index)
{
    etcd_watcher_options *options = etcd_watcher_options_new();
    etcd_watcher *watcher = NULL;
    if (etcd_watcher_options_set_after_index(options, after_index) != ETCD_OK ||
        etcd_watcher_options_set_recursive(options, 1) != ETCD_OK ||
        etcd_watcher_new(client, key, options, &watcher, NULL) != ETCD_OK) bail_out("no watcher");
    etcd_watcher_options_free(options);
    return watcher;
}

static uint64_t set(etcd_client *client, const char *key, const char *value)
{
    etcd_response *response = NULL;
    uint64_t index;
    if (etcd_keys_set(client, NULL, key, value, ETCD_STRLEN, NULL, &response, NULL) != ETCD_OK) bail_out("cannot set");
    index = etcd_response_index(response);
    etcd_response_free(response);
    return index;
}

static void basic_life(etcd_client *client)
{
    const char *key = test_key("life");
    uint64_t start = set(client, key, "zero");
    etcd_watcher *watcher = watcher_of(client, key, start);
    etcd_error *error = NULL;
    char value[64] = "";
    int number;

    for (number = 1; number <= 5; number++) {
        snprintf(value, sizeof value, "%d", number);
        set(client, key, value);
    }
    for (number = 1; number <= 5; number++) {
        char expected[64];
        snprintf(expected, sizeof expected, "%d", number);
        CHECK_STATUS(ETCD_OK, next_value(watcher, value, sizeof value), NULL, "next");
        CHECK_TEXT(expected, value, "the event's value");
    }
    set(client, key, "unseen");
    CHECK_STATUS(ETCD_OK, etcd_watcher_next(watcher, NULL, NULL, &error), &error, "an event that nobody wants to see");
    CHECK_STATUS(ETCD_OK, etcd_watcher_stop(watcher, 10000), NULL, "stop");
    CHECK_STATUS(ETCD_ERR_CLOSED, etcd_watcher_next(watcher, NULL, NULL, &error), &error, "next after stop");
    etcd_watcher_free(watcher);
}

static void *read_one(void *argument)
{
    reader *self = argument;
    etcd_response *response = NULL;
    self->status = etcd_watcher_next(self->watcher, self->context, &response, NULL);
    etcd_response_free(response);
    return NULL;
}

enum ending { CANCEL, STOP, FREE, CLOSE };

/* A hanging server: once somebody has connected to it, the reader is blocked there. */
static void end_from_another_thread(enum ending ending, etcd_status expected, const char *what)
{
    test_server server;
    etcd_client *client;
    pthread_t thread;
    reader self;
    int64_t started;

    server_hang(&server);
    client = client_of(server.url, 0);
    self.watcher = watcher_of(client, "/k", 0);
    self.context = etcd_context_new(NULL);
    self.status = ETCD_OK;
    if (pthread_create(&thread, NULL, read_one, &self) != 0) bail_out("no thread");
    server_wait_for_connection(&server);
    started = now_ms();
    switch (ending) {
    case CANCEL: etcd_context_cancel(self.context); break;
    case STOP: CHECK_STATUS(ETCD_OK, etcd_watcher_stop(self.watcher, 20000), NULL, "stop"); break;
    case FREE: etcd_watcher_free(self.watcher); break;
    case CLOSE: CHECK_STATUS(ETCD_OK, etcd_client_close(client, 20000, NULL), NULL, "close"); break;
    }
    pthread_join(thread, NULL);
    CHECK(self.status == expected, "%s: %s", what, etcd_status_name(self.status));
    /* Generous, because this runs under valgrind too. */
    CHECK(now_ms() - started < 5000, "%s at once", what);
    if (ending != FREE) etcd_watcher_free(self.watcher);
    etcd_context_free(self.context);
    /* A free would not wait for the library's thread, which valgrind then sees at the exit. */
    etcd_client_close(client, 20000, NULL);
    etcd_client_free(client);
    server_stop(&server);
}

static void client_freed_first(void)
{
    etcd_client *client = test_client();
    etcd_client *writer = test_client();
    const char *key = test_key("orphan");
    etcd_watcher *watcher = watcher_of(client, key, set(writer, key, "before"));
    char value[64] = "";

    etcd_client_free(client);
    set(writer, key, "after");
    CHECK_STATUS(ETCD_OK, next_value(watcher, value, sizeof value), NULL, "next after the client is freed");
    CHECK_TEXT("after", value, "the event's value");
    etcd_watcher_free(watcher);
    etcd_client_free(writer);
}

static int child(etcd_watcher *watcher)
{
    etcd_response *response = NULL;
    etcd_error *error = NULL;
    if (etcd_watcher_next(watcher, NULL, &response, &error) != ETCD_ERR_FORKED || response != NULL) return 1;
    etcd_error_free(error);
    if (etcd_watcher_stop(watcher, 1000) != ETCD_ERR_FORKED) return 2;
    etcd_watcher_free(watcher);
    return 0;
}

static void after_fork(etcd_client *client)
{
    const char *key = test_key("fork");
    etcd_watcher *watcher = watcher_of(client, key, set(client, key, "before"));
    char value[64] = "";
    int status = -1;
    pid_t pid;

    set(client, key, "one");
    CHECK_STATUS(ETCD_OK, next_value(watcher, value, sizeof value), NULL, "next before the fork");
    pid = fork();
    if (pid == 0) {
        int wrong = child(watcher);
        /* An inherited watcher's memory is not given back, on purpose: exec ends the child before valgrind calls it a leak. */
        if (wrong == 0) execlp("true", "true", (char *)NULL);
        _exit(wrong == 0 ? 127 : wrong);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) bail_out("no child");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child's checks (status %d)", status);
    set(client, key, "two");
    CHECK_STATUS(ETCD_OK, next_value(watcher, value, sizeof value), NULL, "next in the parent after the fork");
    CHECK_TEXT("two", value, "the event's value");
    etcd_watcher_free(watcher);
}

static void many(etcd_client *client)
{
    enum { COUNT = 40 };
    etcd_watcher *watchers[COUNT];
    const char *key = test_key("many");
    uint64_t start = set(client, key, "before");
    int number, good = 0;
    char value[64];

    for (number = 0; number < COUNT; number++) watchers[number] = watcher_of(client, key, start);
    set(client, key, "after");
    for (number = 0; number < COUNT; number++) {
        good += next_value(watchers[number], value, sizeof value) == ETCD_OK && strcmp(value, "after") == 0;
    }
    CHECK(good == COUNT, "%d of %d watchers got the event", good, COUNT);
    /* Some with events in their queues, some freed before the others have ended. */
    for (number = 0; number < 20; number++) set(client, key, "more");
    for (number = 0; number < COUNT; number += 2) etcd_watcher_free(watchers[number]);
    for (number = 1; number < COUNT; number += 2) {
        if (etcd_watcher_stop(watchers[number], 0) != ETCD_OK) bail_out("cannot stop");
        etcd_watcher_free(watchers[number]);
    }
}

int main(void)
{
    etcd_client *client = test_client();
    basic_life(client);
    end_from_another_thread(CANCEL, ETCD_ERR_CANCELED, "cancelled from another thread");
    end_from_another_thread(STOP, ETCD_ERR_CLOSED, "stopped from another thread");
    end_from_another_thread(FREE, ETCD_ERR_CLOSED, "freed from another thread");
    end_from_another_thread(CLOSE, ETCD_ERR_CLOSED, "client closed from another thread");
    client_freed_first();
    after_fork(client);
    many(client);
    remove_test_keys(client);
    CHECK_STATUS(ETCD_OK, etcd_client_close(client, 10000, NULL), NULL, "close");
    etcd_client_free(client);
    return checks_done();
}
