/* Calls and watches that do not block, from C: run by a queue in the program's own loop, or by the library's thread. */
#include "server.h"

#include <poll.h>

static etcd_error *error;

typedef struct {
    etcd_client *client;
    etcd_queue *queue;
    etcd_watcher *watcher;
    int called, dropped, failed, events;
    uint64_t last_index;
} host;

static void count_drop(void *user_data)
{
    ((host *)user_data)->dropped++;
}

static void get_is_ready(void *user_data, etcd_future *future)
{
    host *self = user_data;
    etcd_response *response = NULL;
    if (etcd_future_take_response(future, &response, NULL) != ETCD_OK) self->failed++;
    etcd_response_free(response);
    self->called++;
}

/* The next call begins in the callback of the one before. */
static void set_is_ready(void *user_data, etcd_future *future)
{
    host *self = user_data;
    etcd_future *next;
    if (etcd_future_take(future, NULL) != ETCD_OK) self->failed++;
    if (etcd_keys_get(self->client, NULL, "/a", NULL, NULL, NULL) != ETCD_ERR_WOULD_DEADLOCK) self->failed++;
    next = etcd_keys_get_async(self->client, NULL, test_key("many"), NULL);
    if (etcd_future_on_ready(next, self->queue, get_is_ready, self, count_drop) != ETCD_OK) self->failed++;
    etcd_future_free(next);
    self->called++;
}

static void run_until(host *self, const int *counter, int target)
{
    struct pollfd polled = {etcd_queue_fd(self->queue), POLLIN, 0};
    int64_t until = now_ms() + 60000;
    while (*counter < target && now_ms() < until)
        if (poll(&polled, 1, 1000) > 0) (void)etcd_queue_poll(self->queue, 0, 0);
}

static void a_loop_of_ones_own(etcd_client *client)
{
    host self = {NULL, NULL, NULL, 0, 0, 0, 0, 0};
    int number;

    self.client = client;
    self.queue = etcd_queue_new();
    for (number = 0; number < 100; number++) {
        etcd_future *future = etcd_keys_set_async(client, NULL, test_key("many"), "v", ETCD_STRLEN, NULL);
        if (etcd_future_on_ready(future, self.queue, set_is_ready, &self, count_drop) != ETCD_OK) bail_out("no callback");
        etcd_future_free(future);
    }
    run_until(&self, &self.dropped, 200);
    CHECK(self.called == 200 && self.dropped == 200 && self.failed == 0, "200 callbacks (%d), 200 drops (%d), no failure (%d)", self.called,
          self.dropped, self.failed);
    etcd_queue_free(self.queue);
}

static void event(void *user_data, const etcd_response *response, const etcd_error *failure)
{
    host *self = user_data;
    uint64_t index;
    if (failure != NULL) {
        self->failed++;
        return;
    }
    index = etcd_node_modified_index(etcd_response_node(response));
    if (index <= self->last_index) self->failed++;
    self->last_index = index;
    /* Borrowed: this does nothing. */
    etcd_response_free((etcd_response *)(uintptr_t)response);
    if (++self->events == 50 && etcd_watcher_stop(self->watcher, 0) != ETCD_OK) self->failed++;
}

static void a_watch_that_stops_itself(etcd_client *client)
{
    etcd_watcher_options *options = etcd_watcher_options_new();
    etcd_response *response = NULL;
    host self = {NULL, NULL, NULL, 0, 0, 0, 0, 0};
    int number;

    self.queue = etcd_queue_new();
    CHECK_STATUS(ETCD_OK, etcd_keys_set(client, NULL, test_key("watched"), "v", ETCD_STRLEN, NULL, &response, &error), &error, "set");
    self.last_index = etcd_response_index(response);
    if (etcd_watcher_options_set_after_index(options, self.last_index) != ETCD_OK) bail_out("an option is refused");
    CHECK_STATUS(ETCD_OK, etcd_watcher_new(client, test_key("watched"), options, &self.watcher, &error), &error, "a watcher");
    etcd_watcher_options_free(options);
    etcd_response_free(response);
    CHECK_STATUS(ETCD_OK, etcd_watcher_start(self.watcher, self.queue, event, &self, count_drop, &error), &error, "start");
    for (number = 0; number < 60; number++) etcd_future_free(etcd_keys_set_async(client, NULL, test_key("watched"), "w", 1, NULL));
    run_until(&self, &self.dropped, 1);
    CHECK(self.events == 50 && self.failed == 0, "50 events (%d), the last of which stopped the watch; %d failures", self.events, self.failed);
    etcd_watcher_free(self.watcher);
    etcd_queue_free(self.queue);
}

/* What is in flight when everything is freed: nobody is called, and nothing is lost or freed twice. */
static void frees_in_any_order(void)
{
    int order;
    for (order = 0; order < 6; order++) {
        host self = {NULL, NULL, NULL, 0, 0, 0, 0, 0};
        etcd_future *future;
        test_server server;
        server_hang(&server);
        self.client = client_of(server.url, 60000);
        self.queue = etcd_queue_new();
        future = etcd_keys_get_async(self.client, NULL, "/a", NULL);
        if (etcd_future_on_ready(future, self.queue, get_is_ready, &self, count_drop) != ETCD_OK) bail_out("no callback");
        server_wait_for_connection(&server);
        if (order % 2 == 0) etcd_future_cancel(future);
        /* A close waits for the user data to be freed, wherever the queue is by then. */
        if (order / 2 == 0) etcd_queue_free(self.queue);
        if (order / 2 == 1) etcd_future_free(future);
        CHECK_STATUS(ETCD_OK, etcd_client_close(self.client, 20000, &error), &error, "close");
        etcd_client_free(self.client);
        if (order / 2 != 0) etcd_queue_free(self.queue);
        if (order / 2 != 1) etcd_future_free(future);
        CHECK(self.called == 0 && self.dropped == 1, "order %d: nobody is called, and one drop (%d)", order, self.dropped);
        server_stop(&server);
    }
}

static void no_queue_at_all(etcd_client *client)
{
    host self = {NULL, NULL, NULL, 0, 0, 0, 0, 0};
    int number;
    for (number = 0; number < 50; number++) {
        etcd_future *future = etcd_keys_get_async(client, NULL, test_key("many"), NULL);
        if (etcd_future_on_ready(future, NULL, get_is_ready, &self, count_drop) != ETCD_OK) bail_out("no callback");
        etcd_future_free(future);
    }
    CHECK_STATUS(ETCD_OK, etcd_client_close(client, 60000, &error), &error, "close");
    CHECK(self.called == 50 && self.dropped == 50, "all are told before close returns (%d, %d)", self.called, self.dropped);
}

int main(void)
{
    etcd_client *client = test_client();
    a_loop_of_ones_own(client);
    a_watch_that_stops_itself(client);
    frees_in_any_order();
    remove_test_keys(client);
    no_queue_at_all(client);
    etcd_client_free(client);
    return checks_done();
}
