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
    return checks_done();
}
