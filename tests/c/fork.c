/* After fork() the child has the parent's objects, but not its threads and locks: calls are refused, frees are harmless,
 * and a new client works. fork_storm.c does it while other threads of the parent are busy. */
#include "inherited.h"

#include <sys/wait.h>

static etcd_client *client;
static etcd_watcher *watcher;
static etcd_context *context;
static etcd_response *response;
static etcd_error *error;

/* In the child: the line of the first thing that is wrong, or 0. */
static int child(void)
{
    MUST(etcd_keys_get(client, NULL, test_key("a"), NULL, NULL, &error) == ETCD_ERR_FORKED);
    MUST(etcd_error_status(error) == ETCD_ERR_FORKED && etcd_error_outcome(error) == ETCD_NOT_APPLIED);
    etcd_error_free(error);
    MUST(strcmp(etcd_node_value(etcd_response_node(response), NULL), "parent") == 0);
    etcd_response_free(response);
    return inherited(client, watcher, context);
}

/* The order in which a new client of eight endpoints tries them. */
static void order(char *text, size_t size)
{
    etcd_config *config = etcd_config_new();
    etcd_client *shuffled = NULL;
    etcd_strings *list = NULL;
    char url[64];
    size_t i, length = 0;
    memset(text, 0, size);
    for (i = 1; i <= 8; i++) {
        snprintf(url, sizeof url, "http://127.0.0.1:%d", (int)i);
        if (etcd_config_add_endpoint(config, url) != ETCD_OK) bail_out("an endpoint is refused");
    }
    if (etcd_client_new(config, &shuffled, NULL) != ETCD_OK || etcd_client_endpoints(shuffled, &list, NULL) != ETCD_OK) bail_out("no endpoints");
    for (i = 0; i < etcd_strings_len(list) && length + 1 < size; i++) text[length++] = strrchr(etcd_strings_get(list, i), ':')[1];
    etcd_strings_free(list);
    etcd_client_free(shuffled);
    etcd_config_free(config);
}

/* A server that forks its workers: they must not all call the same endpoint first. */
static void test_workers_are_not_alike(void)
{
    enum { WORKERS = 4 };
    char orders[WORKERS][16];
    int number, different = 0;
    order(orders[0], sizeof orders[0]);
    for (number = 0; number < WORKERS; number++) {
        int ends[2];
        pid_t pid;
        if (pipe(ends) != 0) bail_out("no pipe");
        pid = fork();
        if (pid == 0) {
            order(orders[number], sizeof orders[number]);
            if (write(ends[1], orders[number], sizeof orders[number]) < 0) _exit(1);
            execlp("true", "true", (char *)NULL);
            _exit(127);
        }
        if (pid < 0 || read(ends[0], orders[number], sizeof orders[number]) <= 0 || waitpid(pid, NULL, 0) != pid) bail_out("no child");
        close(ends[0]);
        close(ends[1]);
        different += strcmp(orders[0], orders[number]) != 0;
    }
    CHECK(different > 0, "clients that the children of one fork make try their endpoints in orders of their own (%s, %s, %s, %s)", orders[0], orders[1], orders[2], orders[3]);
}

int main(void)
{
    pid_t pid;
    int status = -1;

    client = test_client();
    context = etcd_context_with_timeout_ms(NULL, 60000);
    CHECK_STATUS(ETCD_OK, etcd_watcher_new(client, test_key("child"), NULL, &watcher, &error), &error, "watcher in the parent");
    CHECK_STATUS(ETCD_OK, etcd_keys_set(client, context, test_key("a"), "parent", ETCD_STRLEN, NULL, &response, &error), &error, "set in the parent");

    pid = fork();
    if (pid == 0) {
        int wrong = child();
        /* An inherited client's memory is not given back, on purpose: exec ends the child before valgrind calls it a leak. */
        if (wrong == 0) execlp("true", "true", (char *)NULL);
        dprintf(1, "# line %d\n", wrong);
        _exit(1);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) bail_out("no child");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child's checks (status %d)", status);
    etcd_response_free(response);
    response = NULL;

    CHECK(etcd_context_status(context) == ETCD_OK, "what the child does to a context is not seen in the parent");
    CHECK_STATUS(ETCD_OK, etcd_keys_get(client, context, test_key("child"), NULL, &response, &error), &error, "get in the parent");
    CHECK_TEXT("child", etcd_node_value(etcd_response_node(response), NULL), "what the child wrote");
    etcd_response_free(response);
    remove_test_keys(client);
    etcd_context_free(context);
    etcd_watcher_free(watcher);
    etcd_client_free(client);
    test_workers_are_not_alike();
    return checks_done();
}
