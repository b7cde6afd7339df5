/* The host's signals are the host's: dispositions, masks, SIGPIPE, and handlers that interrupt the library's calls. */
#define _GNU_SOURCE
#include "server.h"
#include "stress.h"

#include <errno.h>
#include <signal.h>
#include <sys/time.h>

enum { SIGNALS = 64, SENT_AWAY = 10 };

static etcd_error *error;

/* What is to stay as it is. */
typedef struct {
    struct sigaction actions[SIGNALS + 1];
    sigset_t mask;
} signal_state;

static signal_state now(void)
{
    signal_state state;
    int number;
    memset(&state, 0, sizeof state);
    pthread_sigmask(SIG_SETMASK, NULL, &state.mask);
    for (number = 1; number <= SIGNALS; number++) sigaction(number, NULL, &state.actions[number]);
    return state;
}

static int changes(const signal_state *before)
{
    signal_state after = now();
    int number, other, changed = 0;
    for (number = 1; number <= SIGNALS; number++) {
        const struct sigaction *was = &before->actions[number], *is = &after.actions[number];
        int differs = was->sa_handler != is->sa_handler || was->sa_flags != is->sa_flags;
        for (other = 1; other <= SIGNALS; other++) differs += sigismember(&was->sa_mask, other) != sigismember(&is->sa_mask, other);
        differs += sigismember(&before->mask, number) != sigismember(&after.mask, number);
        if (differs > 0) printf("# the disposition of signal %d, or whether it is blocked, has changed\n", number);
        changed += differs;
    }
    return changed;
}

static void ignore(int number)
{
    (void)number;
}

/* The blocked signals of one thread, as the kernel has them. */
static uint64_t blocked_signals(const char *thread)
{
    char path[300], line[256];
    uint64_t mask = 0;
    FILE *status;
    snprintf(path, sizeof path, "/proc/self/task/%s/status", thread);
    status = fopen(path, "r");
    if (status == NULL) bail_out("a thread of ours has ended");
    while (fgets(line, sizeof line, status) != NULL) {
        if (sscanf(line, "SigBlk: %" SCNx64, &mask) == 1) break;
    }
    fclose(status);
    return mask;
}

/* All but those that cannot be blocked, and the two that glibc keeps for itself. */
static int blocks_everything(uint64_t mask)
{
    return (mask | 1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1) | 1ull << (32 - 1) | 1ull << (33 - 1)) == UINT64_MAX;
}

static void check_threads(void)
{
    char own[32];
    struct dirent *entry;
    int ours = 0, open_to_signals = 0, changed = 0;
    DIR *tasks = opendir("/proc/self/task");
    if (tasks == NULL) bail_out("no /proc");
    snprintf(own, sizeof own, "%ld", (long)getpid());
    while ((entry = readdir(tasks)) != NULL) {
        uint64_t mask;
        if (entry->d_name[0] == '.') continue;
        mask = blocked_signals(entry->d_name);
        if (strcmp(entry->d_name, own) == 0) changed += mask != 1ull << (SIGUSR2 - 1);
        else ours++, open_to_signals += !blocks_everything(mask);
    }
    closedir(tasks);
    /* valgrind keeps signals back itself, and the kernel knows nothing of the masks. */
    if (under_valgrind()) return;
    CHECK(ours == 1 + SANITIZER_THREADS && open_to_signals == 0, "each thread of the library blocks every signal (%d threads, %d open to some)", ours, open_to_signals);
    CHECK(changed == 0, "the mask of the host's thread is its own");
}

static void watch_and_sync(etcd_client *client)
{
    etcd_context *soon = etcd_context_with_timeout_ms(NULL, 50);
    etcd_watcher *watcher = NULL;
    CHECK_STATUS(ETCD_OK, etcd_watcher_new(client, test_key("watched"), NULL, &watcher, &error), &error, "watcher");
    CHECK_STATUS(ETCD_ERR_DEADLINE_EXCEEDED, etcd_watcher_next(watcher, soon, NULL, &error), &error, "next");
    CHECK_STATUS(ETCD_OK, etcd_client_start_auto_sync(client, 1000, &error), &error, "auto-sync");
    check_threads();
    etcd_watcher_free(watcher);
    etcd_context_free(soon);
}

static void test_dispositions_and_masks(void)
{
    struct sigaction action;
    sigset_t mask;
    signal_state before;
    etcd_client *client, *by_name = client_of("http://localhost:1", 5000);

    /* Something to lose: a handler with flags and a mask, and a blocked signal. */
    memset(&action, 0, sizeof action);
    action.sa_handler = ignore;
    action.sa_flags = SA_RESTART | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGHUP);
    sigaction(SIGUSR1, &action, NULL);
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    before = now();
    client = test_client();
    CHECK_STATUS(ETCD_OK, etcd_keys_set(client, NULL, test_key("a"), "v", ETCD_STRLEN, NULL, NULL, &error), &error, "set");
    CHECK_STATUS(ETCD_ERR_CLUSTER, etcd_keys_get(by_name, NULL, "/a", NULL, NULL, &error), &error, "a name that is looked up, where nobody listens");
    watch_and_sync(client);
    CHECK(changes(&before) == 0, "dispositions and mask are as before while the library runs");
    CHECK_STATUS(ETCD_OK, etcd_client_close(client, 10000, &error), &error, "close");
    etcd_client_free(client);
    etcd_client_free(by_name);
    CHECK(changes(&before) == 0, "and after its end");
    sigemptyset(&mask);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

/* Reads a little of each request, and closes the connection under the rest. */
static void *hang_up(void *argument)
{
    test_server *server = argument;
    /* A look at the member may have connected and said nothing so far: it must not hold up the others. */
    struct timeval patience = {0, 200 * 1000};
    char some[1000];
    int connection;
    while ((connection = accept(server->fd, NULL, NULL)) >= 0) {
        setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        if (read(connection, some, sizeof some) < 0 && errno != EAGAIN) perror("# read");
        close(connection);
    }
    return NULL;
}

static void test_sigpipe(void)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    size_t length = 4u << 20;
    char *large = malloc(length);
    test_server server;
    pthread_t thread;
    etcd_client *client;
    /* valgrind takes a second and more for each. */
    int round, broken = 0, sent_away = under_valgrind() ? 2 : SENT_AWAY;

    if (large == NULL) bail_out("no memory");
    memset(large, 'x', length);
    /* Whoever started this program may have had it ignored. */
    signal(SIGPIPE, SIG_DFL);
    /* The server says that the connection stays open, and closes it: the next request meets a dead one. */
    server_answer(&server, answer);
    client = client_of(server.url, 5000);
    for (round = 0; round < 20; round++) (void)etcd_keys_set(client, NULL, "/a", "1", ETCD_STRLEN, NULL, NULL, NULL);
    CHECK(1, "a connection that is dead before the write ends no program");
    etcd_client_free(client);
    server_stop(&server);

    server_hang(&server);
    if (pthread_create(&thread, NULL, hang_up, &server) != 0) bail_out("no thread");
    client = client_of(server.url, 60000);
    for (round = 0; round < sent_away; round++) {
        etcd_status status = etcd_keys_create(client, NULL, "/a", large, length, NULL, &error);
        if (status != ETCD_ERR_IO) printf("# %s\n", etcd_error_message(error));
        broken += status == ETCD_ERR_IO;
        etcd_error_free(error);
    }
    CHECK(broken == sent_away, "one that breaks in the middle of a write is an error, and ends no program (%d of %d)", broken, sent_away);
    broken = 0;
    for (round = 0; round < sent_away; round++) {
        etcd_future *future = etcd_keys_create_async(client, NULL, "/a", large, length);
        etcd_status status = etcd_future_wait(future, -1);
        if (status == ETCD_OK) status = etcd_future_take(future, &error);
        if (status != ETCD_ERR_IO) printf("# %s\n", etcd_error_message(error));
        broken += status == ETCD_ERR_IO;
        etcd_error_free(error);
        error = NULL;
        etcd_future_free(future);
    }
    CHECK(broken == sent_away, "nor does one on the library's thread (%d of %d)", broken, sent_away);
    etcd_client_free(client);
    shutdown(server.fd, SHUT_RDWR);
    pthread_join(thread, NULL);
    server_stop(&server);
    free(large);
}

static volatile sig_atomic_t interruptions;

static void count_interruption(int number)
{
    (void)number;
    interruptions++;
}

/* Without SA_RESTART, so that every system call that waits comes back with EINTR. */
static void start_storm(int microseconds)
{
    struct sigaction action;
    struct itimerval every;
    memset(&action, 0, sizeof action);
    action.sa_handler = count_interruption;
    sigaction(SIGALRM, &action, NULL);
    every.it_value.tv_sec = every.it_interval.tv_sec = 0;
    every.it_value.tv_usec = every.it_interval.tv_usec = microseconds;
    setitimer(ITIMER_REAL, &every, NULL);
}

/* Set, see the event, get: on the thread that is interrupted all the time. */
static int round_trip(etcd_client *client, etcd_watcher *watcher, const char *key, int round)
{
    etcd_response *event = NULL, *got = NULL;
    char value[32];
    int good;
    snprintf(value, sizeof value, "%d", round);
    good = etcd_keys_set(client, NULL, key, value, ETCD_STRLEN, NULL, NULL, NULL) == ETCD_OK && etcd_watcher_next(watcher, NULL, &event, NULL) == ETCD_OK &&
           strcmp(etcd_node_value(etcd_response_node(event), NULL), value) == 0 && etcd_keys_get(client, NULL, key, NULL, &got, NULL) == ETCD_OK &&
           strcmp(etcd_node_value(etcd_response_node(got), NULL), value) == 0;
    etcd_response_free(event);
    etcd_response_free(got);
    return good;
}

static void count_callback(void *user_data, etcd_future *future)
{
    etcd_response *response = NULL;
    if (etcd_future_take_response(future, &response, NULL) == ETCD_OK) ++*(int *)user_data;
    etcd_response_free(response);
}

/* The same without blocking: waits for futures and polls of a queue are interrupted as well. */
static void test_interrupted_polls(void)
{
    etcd_client *client = test_client();
    etcd_queue *queue = etcd_queue_new();
    const char *key = test_key("stormy");
    int64_t until, started;
    int round = 0, waited = 0, told = 0, polled = 0;

    start_storm(under_valgrind() ? 10000 : 100);
    for (until = now_ms() + stress_ms(); now_ms() < until; round++) {
        etcd_future *set = etcd_keys_set_async(client, NULL, key, "v", 1, NULL), *get;
        waited += etcd_future_wait(set, 10000) == ETCD_OK && etcd_future_take(set, NULL) == ETCD_OK;
        get = etcd_keys_get_async(client, NULL, key, NULL);
        if (etcd_future_on_ready(get, queue, count_callback, &told, NULL) != ETCD_OK) bail_out("no callback");
        polled += etcd_queue_poll(queue, -1, 0);
        etcd_future_free(set);
        etcd_future_free(get);
    }
    started = now_ms();
    CHECK(etcd_queue_poll(queue, 100, 0) == 0 && now_ms() - started >= 100, "a poll lasts its time in the storm");
    CHECK_STATUS(ETCD_OK, etcd_client_close(client, 10000, &error), &error, "close in the storm");
    signal(SIGALRM, SIG_IGN);
    CHECK(waited == round && told == round && polled == round, "%d waits, %d callbacks and %d polls of %d rounds are right", waited, told, polled, round);
    etcd_queue_free(queue);
    etcd_client_free(client);
}

static void test_interruptions(void)
{
    etcd_client *client = test_client(), *refused = client_of("http://localhost:1", 5000);
    etcd_watcher_options *options = etcd_watcher_options_new();
    etcd_watcher *watcher = NULL;
    etcd_response *first = NULL;
    const char *key = test_key("stormy");
    int64_t until;
    int round = 0, good = 0, refusals = 0, in_time = 0, waits = 0;

    if (etcd_keys_set(client, NULL, key, "first", ETCD_STRLEN, NULL, &first, NULL) != ETCD_OK ||
        etcd_watcher_options_set_after_index(options, etcd_response_index(first)) != ETCD_OK || etcd_watcher_new(client, key, options, &watcher, NULL) != ETCD_OK) bail_out("no watcher");
    etcd_response_free(first);
    etcd_watcher_options_free(options);
    start_storm(under_valgrind() ? 10000 : 100);
    for (until = now_ms() + stress_ms(); now_ms() < until; round++) {
        good += round_trip(client, watcher, key, round);
        if (round % 50 == 0) {
            etcd_context *soon = etcd_context_with_timeout_ms(NULL, 30);
            int64_t started = now_ms();
            /* Nothing comes: the wait lasts as long as it was to last, however often it is interrupted. */
            in_time += etcd_watcher_next(watcher, soon, NULL, NULL) == ETCD_ERR_DEADLINE_EXCEEDED && now_ms() - started >= 30;
            etcd_context_free(soon);
            refusals += etcd_keys_get(refused, NULL, "/a", NULL, NULL, NULL) == ETCD_ERR_CLUSTER;
            waits++;
        }
    }
    CHECK_STATUS(ETCD_OK, etcd_client_sync(client, NULL, &error), &error, "sync in the storm");
    CHECK_STATUS(ETCD_OK, etcd_watcher_stop(watcher, 10000), NULL, "stop in the storm");
    CHECK_STATUS(ETCD_OK, etcd_client_close(client, 10000, &error), &error, "close in the storm");
    signal(SIGALRM, SIG_IGN);
    CHECK(good == round, "%d of %d rounds of set, watch and get are right among %d interruptions", good, round, (int)interruptions);
    CHECK(in_time == waits && refusals == waits, "%d of %d waits last their time, %d connections are refused", in_time, waits, refusals);
    CHECK(interruptions > 100, "there were enough of them");
    etcd_watcher_free(watcher);
    etcd_client_free(refused);
    etcd_client_free(client);
}

int main(void)
{
    etcd_client *client;
    test_dispositions_and_masks();
    test_sigpipe();
    test_interruptions();
    test_interrupted_polls();
    client = test_client();
    remove_test_keys(client);
    etcd_client_free(client);
    return checks_done();
}
