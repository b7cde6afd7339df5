/* Programs end when they want to: without freeing anything, with calls in flight, inside a callback, in handlers that run at the
 * exit. The library has no say in it: the exit code is the program's, and it does not wait. Each way is a process of its own. */
#include "freed_meanwhile.h"
#include "server.h"
#include "stress.h"

#include <signal.h>

enum { BLOCKED = 4, BUSY = 4, PUSHED = 2 };

/* The time that a program which does nothing more has to end, on a busy machine. */
enum { END_SECONDS = 5 };

/* All in static memory, as in a program that ends without freeing: reachable, so no leak for valgrind or a sanitizer. */
static etcd_client *client, *of_hung;
static etcd_watcher *watchers[3], *pushed[PUSHED];
static etcd_queue *queue;
static int polls_no_more;
static pthread_t poller, in_flight[BLOCKED + BUSY + 3];
static test_server hung;
static pthread_key_t thread_key;
static int round_trips;

static void *blocked_get(void *argument)
{
    (void)argument;
    (void)etcd_keys_get(of_hung, NULL, "/a", NULL, NULL, NULL);
    return NULL;
}

static void *busy_get(void *argument)
{
    (void)argument;
    while (etcd_keys_get(client, NULL, "/", NULL, NULL, NULL) == ETCD_OK) __atomic_add_fetch(&round_trips, 1, __ATOMIC_RELAXED);
    return NULL;
}

static void *blocked_next(void *argument)
{
    (void)etcd_watcher_next(argument, NULL, NULL, NULL);
    return NULL;
}

/* Each answer is followed by the next call, until the client is closed. */
static void get_again(void *user_data, etcd_future *future)
{
    etcd_future *next;
    if (etcd_future_take(future, NULL) != ETCD_OK) return;
    __atomic_add_fetch(&round_trips, 1, __ATOMIC_RELAXED);
    next = etcd_keys_get_async(client, NULL, "/", NULL);
    (void)etcd_future_on_ready(next, user_data, get_again, user_data, NULL);
    etcd_future_free(next);
}

static void see_nothing(void *user_data, const etcd_response *event, const etcd_error *error)
{
    (void)user_data, (void)event, (void)error;
}

static void *poll_for_ever(void *argument)
{
    while (!__atomic_load_n(&polls_no_more, __ATOMIC_RELAXED) && etcd_queue_poll(argument, -1, 0) >= 0) continue;
    return NULL;
}

/* Calls that wait and calls that go on, with callbacks in a queue that a thread polls, and on the library's own thread. */
static void be_busy_without_blocking(void)
{
    int i;
    queue = etcd_queue_new();
    for (i = 0; i < BUSY; i++) {
        etcd_queue *place = i % 2 == 0 ? queue : NULL;
        etcd_future *future = etcd_keys_get_async(i / 2 == 0 ? client : of_hung, NULL, "/", NULL);
        if (etcd_future_on_ready(future, place, get_again, place, NULL) != ETCD_OK) bail_out("no callback");
        etcd_future_free(future);
    }
    for (i = 0; i < PUSHED; i++) {
        if (etcd_watcher_new(client, test_key("never"), NULL, &pushed[i], NULL) != ETCD_OK) bail_out("no watcher");
        if (etcd_watcher_start(pushed[i], i == 0 ? queue : NULL, see_nothing, NULL, NULL, NULL) != ETCD_OK) bail_out("no watch");
    }
}

/* Calls that wait, calls that run, watches that wait, and an auto-sync. */
static void be_busy(void)
{
    int i, next = 0;
    server_hang(&hung);
    client = test_client();
    of_hung = client_of(hung.url, 60000);
    for (i = 0; i < BLOCKED; i++) pthread_create(&in_flight[next++], NULL, blocked_get, NULL);
    for (i = 0; i < BUSY; i++) pthread_create(&in_flight[next++], NULL, busy_get, NULL);
    for (i = 0; i < 3; i++) {
        if (etcd_watcher_new(client, test_key("never"), NULL, &watchers[i], NULL) != ETCD_OK) bail_out("no watcher");
        pthread_create(&in_flight[next++], NULL, blocked_next, watchers[i]);
    }
    be_busy_without_blocking();
    pthread_create(&poller, NULL, poll_for_ever, queue);
    if (etcd_client_start_auto_sync(client, 1, NULL) != ETCD_OK) bail_out("no auto-sync");
    server_wait_for_connection(&hung);
    while (__atomic_load_n(&round_trips, __ATOMIC_RELAXED) < 20) sched_yield();
}

static void *exit_here(void *argument)
{
    (void)argument;
    exit(7);
}

static void exit_in_callback(void *user_data, etcd_log_level level, const char *message)
{
    (void)user_data, (void)level, (void)message;
    exit(7);
}

static void exit_when_ready(void *user_data, etcd_future *future)
{
    (void)user_data, (void)future;
    exit(7);
}

static void exit_at_event(void *user_data, const etcd_response *event, const etcd_error *error)
{
    (void)user_data, (void)event, (void)error;
    exit(7);
}

/* The first event of a watch after its own beginning. */
static void watch_until_exit(etcd_queue *place)
{
    etcd_watcher_options *options = etcd_watcher_options_new();
    etcd_response *response = NULL;
    const char *key = test_key("the end");
    if (etcd_keys_set(client, NULL, key, "0", 1, NULL, &response, NULL) != ETCD_OK || etcd_watcher_options_set_after_index(options, etcd_response_index(response)) != ETCD_OK ||
        etcd_watcher_new(client, key, options, &pushed[0], NULL) != ETCD_OK || etcd_watcher_start(pushed[0], place, exit_at_event, NULL, NULL, NULL) != ETCD_OK ||
        etcd_keys_set(client, NULL, key, "1", 1, NULL, NULL, NULL) != ETCD_OK) bail_out("no watch");
}

static etcd_client *logging_client(void)
{
    etcd_config *config = etcd_config_new();
    etcd_client *made = NULL;
    if (etcd_config_add_endpoint(config, getenv("ETCD_ENDPOINTS")) != ETCD_OK || etcd_config_set_log(config, ETCD_LOG_DEBUG, exit_in_callback, NULL, NULL) != ETCD_OK ||
        etcd_client_new(config, &made, NULL) != ETCD_OK) bail_out("no client");
    etcd_config_free(config);
    return made;
}

/* What leaves something of its own in the thread's memory: a call that is driven here, and a wait. */
static etcd_status call_and_wait(void)
{
    etcd_context *soon = etcd_context_with_timeout_ms(NULL, 20);
    etcd_watcher *watcher = NULL;
    etcd_status status = etcd_keys_get(client, NULL, "/", NULL, NULL, NULL);
    if (status == ETCD_OK) status = etcd_watcher_new(client, "/never", NULL, &watcher, NULL);
    if (status == ETCD_OK) status = etcd_watcher_next(watcher, soon, NULL, NULL);
    etcd_watcher_free(watcher);
    etcd_context_free(soon);
    return status == ETCD_ERR_DEADLINE_EXCEEDED ? ETCD_OK : status;
}

static void must(etcd_status expected, etcd_status status, etcd_error **error, const char *what)
{
    const char *message = error == NULL ? NULL : etcd_error_message(*error);
    if (status != expected) {
        printf("# %s at the exit: %s, %s\n", what, etcd_status_name(status), message == NULL ? "" : message);
        fflush(stdout);
        _exit(3);
    }
    if (error != NULL) {
        etcd_error_free(*error);
        *error = NULL;
    }
}

/* At the exit: what a C++ program does in the destructor of a global object. Rust's own memory of the thread is gone by then. */
static void end_in_order(void)
{
    etcd_context *context = etcd_context_with_timeout_ms(NULL, 10000), *soon;
    etcd_strings *found = NULL;
    etcd_error *error = NULL;
    int i;
    must(ETCD_OK, etcd_keys_get(client, context, "/", NULL, NULL, &error), &error, "a get");
    if (queue != NULL) {
        /* Its callbacks use the client. */
        __atomic_store_n(&polls_no_more, 1, __ATOMIC_RELAXED);
        etcd_queue_wakeup(queue);
        pthread_join(poller, NULL);
    }
    for (i = 0; i < PUSHED; i++) {
        if (pushed[i] != NULL) must(ETCD_OK, etcd_watcher_stop(pushed[i], 10000), NULL, "a stop of a pushed watch");
        etcd_watcher_free(pushed[i]);
    }
    for (i = 0; i < 3; i++) {
        if (watchers[i] != NULL) must(ETCD_OK, etcd_watcher_stop(watchers[i], 10000), NULL, "a stop");
        etcd_watcher_free(watchers[i]);
    }
    must(ETCD_OK, etcd_client_close(client, 10000, &error), &error, "a close");
    etcd_queue_free(queue);
    etcd_client_free(client);
    client = test_client();
    must(ETCD_OK, etcd_keys_get(client, NULL, "/", NULL, NULL, &error), &error, "a get of a new client");
    must(ETCD_OK, call_and_wait(), NULL, "a watch");
    soon = etcd_context_with_timeout_ms(context, 20);
    must(ETCD_ERR_DEADLINE_EXCEEDED, etcd_client_auto_sync(client, soon, 1000, &error), &error, "an auto-sync");
    must(ETCD_ERR_DEADLINE_EXCEEDED, etcd_discover_srv(soon, "example.invalid", NULL, &found, &error), &error, "a discovery");
    etcd_client_free(client);
    etcd_context_free(soon);
    etcd_context_free(context);
}

/* Destructors of a thread's memory come in rounds, as long as there is something to destroy. In the third, Rust's is gone. */
static void end_of_thread(void *argument)
{
    char *rounds_left = argument;
    if (*rounds_left > '1') {
        --*rounds_left;
        pthread_setspecific(thread_key, rounds_left);
    } else {
        end_in_order();
    }
}

static void *thread_that_ends(void *argument)
{
    static char rounds_left[] = "3";
    (void)argument;
    pthread_setspecific(thread_key, rounds_left);
    if (call_and_wait() != ETCD_OK) _exit(8);
    return NULL;
}

static int run(const char *way)
{
    if (strcmp(way, "linked, nothing called") == 0) return 7;
    if (strcmp(way, "used and freed") == 0) {
        client = test_client();
        (void)etcd_keys_get(client, NULL, "/", NULL, NULL, NULL);
        etcd_client_free(client);
        return 7;
    }
    if (strcmp(way, "exit in a log callback") == 0) {
        client = logging_client();
        (void)etcd_keys_get(client, NULL, "/", NULL, NULL, NULL);
        return 8;
    }
    if (strcmp(way, "exit in a log callback on the library's thread") == 0) {
        client = logging_client();
        (void)etcd_client_start_auto_sync(client, 1, NULL);
        for (;;) pause();
    }
    if (strcmp(way, "exit in the callback of a call, on the library's thread") == 0) {
        client = test_client();
        (void)etcd_future_on_ready(etcd_keys_get_async(client, NULL, "/", NULL), NULL, exit_when_ready, NULL, NULL);
        for (;;) pause();
    }
    if (strcmp(way, "exit in the callback of a watch, in a poll") == 0) {
        etcd_queue *own = etcd_queue_new();
        be_busy();
        watch_until_exit(own);
        for (;;) (void)etcd_queue_poll(own, -1, 0);
    }
    if (strcmp(way, "calls in an exit handler") == 0) {
        atexit(end_in_order);
        client = test_client();
        return call_and_wait() == ETCD_OK ? 7 : 8;
    }
    if (strcmp(way, "calls in an exit handler that is older than the library's first call, while others run") == 0) {
        atexit(end_in_order);
        be_busy();
        exit(7);
    }
    if (strcmp(way, "calls at the end of a thread") == 0) {
        client = test_client();
        pthread_key_create(&thread_key, end_of_thread);
        pthread_create(&in_flight[0], NULL, thread_that_ends, NULL);
        pthread_join(in_flight[0], NULL);
        return 7;
    }
    be_busy();
    if (strcmp(way, "_exit, everything in flight") == 0) _exit(7);
    if (strcmp(way, "exit in another thread, everything in flight") == 0) {
        pthread_create(&in_flight[BLOCKED + BUSY + 2], NULL, exit_here, NULL);
        for (;;) pause();
    }
    if (strcmp(way, "return from main, everything in flight") == 0) return 7;
    return 9;
}

static const char *const ways[] = {
    "linked, nothing called",
    "used and freed",
    "return from main, everything in flight",
    "exit in another thread, everything in flight",
    "_exit, everything in flight",
    "exit in a log callback",
    "exit in a log callback on the library's thread",
    "exit in the callback of a call, on the library's thread",
    "exit in the callback of a watch, in a poll",
    "calls in an exit handler",
    "calls in an exit handler that is older than the library's first call, while others run",
    "calls at the end of a thread",
};

int main(int count, char **arguments)
{
    int64_t until = now_ms() + stress_ms();
    size_t i;
    if (count > 1) return run(arguments[1]);
    for (i = 0; i < sizeof ways / sizeof *ways; i++) {
        int ending = ending_of(start_again(ways[i], END_SECONDS));
        CHECK(ending == 7, "%s: the program ends with its own exit code, 7 (it got %d; 1014 is too late)", ways[i], ending);
    }
    /* Which thread is where at the exit is chance. */
    for (count = 0; now_ms() < until; count++) {
        int ending = ending_of(start_again(ways[2 + count % 3], END_SECONDS));
        if (ending != 7) CHECK(0, "%s, again: %d", ways[2 + count % 3], ending);
    }
    CHECK(1, "%d more exits with everything in flight", count);
    return checks_done();
}
