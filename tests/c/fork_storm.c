/* Forks at any moment: while threads of the parent are in the middle of calls and hold whatever locks there are, and while the
 * very first calls of the process run. The child finds no lock that nobody will release, and the parent notices nothing. */
#include "inherited.h"
#include "stress.h"

#include <pthread.h>

enum { CALLERS = 8, CONTEXTS = 2, FIRST_CALLERS = 4, FIRST_FORKS = 20 };

/* A child that has not ended by then hangs; the number of seconds is for a busy machine. */
enum { CHILD_SECONDS = 20 };

static etcd_client *client;
static etcd_watcher *watcher;
static etcd_context *context;
static int is_over, has_begun;
static char keys[CALLERS][300], first_key[300];
static int failures[CALLERS];

static int over(void)
{
    return __atomic_load_n(&is_over, __ATOMIC_RELAXED);
}

static void *call(void *argument)
{
    int *failed = argument;
    const char *key = keys[failed - failures];
    while (!over()) {
        etcd_context *own = etcd_context_new(context);
        etcd_strings *endpoints = NULL;
        *failed += etcd_keys_set(client, own, key, "v", 1, NULL, NULL, NULL) != ETCD_OK;
        *failed += etcd_keys_get(client, NULL, key, NULL, NULL, NULL) != ETCD_OK;
        *failed += etcd_client_endpoints(client, &endpoints, NULL) != ETCD_OK;
        etcd_strings_free(endpoints);
        etcd_context_free(own);
    }
    return NULL;
}

static void *watch(void *argument)
{
    int *failed = argument;
    while (!over()) {
        etcd_context *short_time = etcd_context_with_timeout_ms(context, 5);
        etcd_response *event = NULL;
        etcd_status status = etcd_watcher_next(watcher, short_time, &event, NULL);
        *failed += status != ETCD_OK && status != ETCD_ERR_DEADLINE_EXCEEDED;
        etcd_response_free(event);
        etcd_context_free(short_time);
    }
    return NULL;
}

/* Nothing but the locks of the tree of contexts, so that a fork meets one that is held. */
static void *make_and_cancel_contexts(void *argument)
{
    int *failed = argument;
    while (!over()) {
        etcd_context *parent = etcd_context_new(context);
        etcd_context *child = etcd_context_new(parent);
        etcd_context_cancel(parent);
        *failed += etcd_context_status(child) != ETCD_ERR_CANCELED;
        etcd_context_free(child);
        etcd_context_free(parent);
    }
    return NULL;
}

static void *make_and_close_clients(void *argument)
{
    int *failed = argument;
    while (!over()) {
        etcd_client *own = test_client();
        *failed += etcd_client_start_auto_sync(own, 1000, NULL) != ETCD_OK;
        *failed += etcd_client_close(own, 0, NULL) != ETCD_OK;
        etcd_client_free(own);
    }
    return NULL;
}

/* Ends in every way in which a child can. */
static void end_child(int number, int code)
{
    if (code != 0 || number % 3 == 0) _exit(code);
    if (number % 3 == 1) exit(code);
    execlp("true", "true", (char *)NULL);
    _exit(127);
}

static int storm(void)
{
    void *(*const run[CALLERS])(void *) = {call, call, call, watch, make_and_cancel_contexts, make_and_cancel_contexts, make_and_close_clients, call};
    pthread_t callers[CALLERS];
    int64_t until;
    int i, forks = 0, wrong = 0, disturbed = 0;

    for (i = 0; i < CALLERS; i++) snprintf(keys[i], sizeof keys[i], "%s-%d", test_key("caller"), i);
    client = test_client();
    context = etcd_context_new(NULL);
    if (etcd_watcher_new(client, keys[0], NULL, &watcher, NULL) != ETCD_OK) bail_out("no watcher");
    if (etcd_client_start_auto_sync(client, 1, NULL) != ETCD_OK) bail_out("no auto-sync");
    for (i = 0; i < CALLERS; i++) {
        if (pthread_create(&callers[i], NULL, run[i], &failures[i]) != 0) bail_out("no thread");
    }
    for (until = now_ms() + stress_ms(); now_ms() < until && wrong == 0; forks++) {
        pid_t pid = fork();
        if (pid == 0) {
            int line;
            alarm(CHILD_SECONDS);
            line = inherited(client, watcher, context);
            if (line != 0) dprintf(1, "# line %d of inherited.h\n", line);
            end_child(forks, line != 0);
        }
        if ((i = ending_of(pid)) != 0) {
            printf("# child %d ended with %d (1000 and a signal: 14 is the alarm, it hung)\n", forks, i);
            wrong++;
        }
    }
    __atomic_store_n(&is_over, 1, __ATOMIC_RELAXED);
    for (i = 0; i < CALLERS; i++) {
        pthread_join(callers[i], NULL);
        disturbed += failures[i];
    }
    CHECK(wrong == 0, "each child of %d forks among busy threads refuses what it inherited, makes a client, and ends", forks);
    CHECK(disturbed == 0, "no call of the parent failed (%d did)", disturbed);
    CHECK(etcd_client_close(client, 10000, NULL) == ETCD_OK, "the parent closes its client");
    remove_test_keys(client);
    etcd_watcher_free(watcher);
    etcd_context_free(context);
    etcd_client_free(client);
    return checks_done();
}

/* What sets up what is set up once in a process: the runtime, HTTP, TLS. */
static int use_everything(void)
{
    etcd_client *plain = test_client();
    etcd_client *tls = client_of("https://127.0.0.1:1", 1000);
    int ok = etcd_keys_set(plain, NULL, first_key, "v", 1, NULL, NULL, NULL) == ETCD_OK &&
             etcd_keys_get(tls, NULL, "/a", NULL, NULL, NULL) == ETCD_ERR_CLUSTER;
    etcd_client_free(plain);
    etcd_client_free(tls);
    return ok;
}

static void *first_call(void *argument)
{
    (void)argument;
    __atomic_store_n(&has_begun, 1, __ATOMIC_RELAXED);
    return use_everything() ? NULL : &is_over;
}

/* In a process in which nothing of the library has run yet. */
static int fork_during_the_first_calls(void)
{
    pthread_t callers[FIRST_CALLERS];
    pid_t children[FIRST_FORKS];
    int i, wrong = 0;
    snprintf(first_key, sizeof first_key, "%s", test_key("first"));
    for (i = 0; i < FIRST_CALLERS; i++) {
        if (pthread_create(&callers[i], NULL, first_call, NULL) != 0) return 2;
    }
    while (!__atomic_load_n(&has_begun, __ATOMIC_RELAXED)) {}
    for (i = 0; i < FIRST_FORKS; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            alarm(CHILD_SECONDS);
            _exit(use_everything() ? 0 : 1);
        }
    }
    for (i = 0; i < FIRST_FORKS; i++) wrong += ending_of(children[i]) != 0;
    for (i = 0; i < FIRST_CALLERS; i++) {
        void *failed = NULL;
        pthread_join(callers[i], &failed);
        wrong += failed != NULL;
    }
    return wrong > 0;
}

static void first_calls(void)
{
    int64_t until = now_ms() + stress_ms() / 2;
    int rounds = 0, wrong = 0;
    while (now_ms() < until && wrong == 0) {
        wrong += ending_of(start_again("first", 2 * CHILD_SECONDS)) != 0;
        rounds++;
    }
    CHECK(wrong == 0, "%d processes forked during the first calls of the library, and no child hangs", rounds);
}

int main(int count, char **arguments)
{
    if (count > 1 && strcmp(arguments[1], "first") == 0) return fork_during_the_first_calls();
    if (count > 1) return storm();
    /* Not in this process: what a child forgets on purpose, valgrind would call lost. */
    CHECK(ending_of(start_again("storm", (unsigned)(stress_ms() / 1000) + 120)) == 0, "forks among busy threads");
    first_calls();
    return checks_done();
}
