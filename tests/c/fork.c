/* After fork() the child has the parent's objects, but not its threads and locks: calls are refused, frees are harmless,
 * and a new client works. */
#include "check.h"

#include <sys/wait.h>

static etcd_client *client;
static etcd_context *context;
static etcd_response *response;
static etcd_error *error;

/* In the child: the number of the first thing that is wrong, or 0. */
static int child(void)
{
    etcd_client *fresh;
    etcd_strings *endpoints = NULL;

    if (etcd_keys_get(client, NULL, test_key("a"), NULL, NULL, &error) != ETCD_ERR_FORKED) return 1;
    if (etcd_error_status(error) != ETCD_ERR_FORKED || etcd_error_outcome(error) != ETCD_NOT_APPLIED) return 2;
    etcd_error_free(error);
    if (etcd_client_close(client, 1000, NULL) != ETCD_ERR_FORKED) return 3;
    if (etcd_client_endpoints(client, &endpoints, NULL) != ETCD_ERR_FORKED || endpoints != NULL) return 4;
    if (etcd_client_sync(client, NULL, NULL) != ETCD_ERR_FORKED) return 7;
    if (etcd_client_auto_sync(client, NULL, 1000, NULL) != ETCD_ERR_FORKED) return 8;
    if (etcd_client_start_auto_sync(client, 1000, NULL) != ETCD_ERR_FORKED) return 9;
    if (etcd_client_stop_auto_sync(client) != ETCD_ERR_FORKED) return 10;
    if (strcmp(etcd_node_value(etcd_response_node(response), NULL), "parent") != 0) return 5;
    etcd_response_free(response);
    etcd_context_free(context);
    etcd_client_free(client);

    fresh = test_client();
    if (etcd_keys_set(fresh, NULL, test_key("a"), "child", ETCD_STRLEN, NULL, NULL, NULL) != ETCD_OK) return 6;
    etcd_client_free(fresh);
    return 0;
}

int main(void)
{
    pid_t pid;
    int status = -1;

    client = test_client();
    context = etcd_context_with_timeout_ms(NULL, 60000);
    CHECK_STATUS(ETCD_OK, etcd_keys_set(client, context, test_key("a"), "parent", ETCD_STRLEN, NULL, &response, &error), &error, "set in the parent");

    pid = fork();
    if (pid == 0) {
        int wrong = child();
        /* An inherited client's memory is not given back, on purpose: exec ends the child before valgrind calls it a leak. */
        if (wrong == 0) execlp("true", "true", (char *)NULL);
        _exit(wrong == 0 ? 127 : wrong);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) bail_out("no child");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child's checks (status %d)", status);
    etcd_response_free(response);
    response = NULL;

    CHECK_STATUS(ETCD_OK, etcd_keys_get(client, context, test_key("a"), NULL, &response, &error), &error, "get in the parent");
    CHECK_TEXT("child", etcd_node_value(etcd_response_node(response), NULL), "what the child wrote");
    etcd_response_free(response);
    remove_test_keys(client);
    etcd_context_free(context);
    etcd_client_free(client);
    return checks_done();
}
