/* A pre-fork server: the parent reads the configuration, and each worker makes a client of its own after the fork, since a
 * connection that two processes speak on at once serves neither. */
#define _POSIX_C_SOURCE 200809L

#include "example.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DIRECTORY "/example/prefork"
#define WORKERS 3

static const char *key_of(int worker)
{
    static char key[64];
    snprintf(key, sizeof key, DIRECTORY "/worker-%d", worker);
    return key;
}

static void expect_value(etcd_client *client, const char *key, const char *value)
{
    etcd_response *response = NULL;
    etcd_error *error = NULL;
    must(etcd_keys_get(client, NULL, key, NULL, &response, &error), "get", &error);
    printf("%s = %s\n", key, etcd_node_value(etcd_response_node(response), NULL));
    if (strcmp(etcd_node_value(etcd_response_node(response), NULL), value) != 0) exit(EXIT_FAILURE);
    etcd_response_free(response);
}

/* The parent's client refuses at once, and the parent is not disturbed. */
static int work(int worker, etcd_client *of_the_parent, const char *greeting)
{
    etcd_error *error = NULL;

    if (etcd_keys_get(of_the_parent, NULL, DIRECTORY "/greeting", NULL, NULL, &error) != ETCD_ERR_FORKED) return EXIT_FAILURE;
    if (worker == 0) printf("in a worker: %s\n", etcd_error_message(error));
    etcd_error_free(error);
    error = NULL;
    /* It stays where it is: what a worker frees of it is not given back. */

    etcd_client *client = connect_to_cluster();
    must(etcd_keys_set(client, NULL, key_of(worker), greeting, ETCD_STRLEN, NULL, NULL, &error), "set", &error);
    etcd_client_free(client);
    return EXIT_SUCCESS;
}

int main(void)
{
    etcd_client *client = connect_to_cluster();
    etcd_response *configuration = NULL;
    etcd_error *error = NULL;
    int failed = 0;

    must(etcd_keys_set(client, NULL, DIRECTORY "/greeting", "hello", ETCD_STRLEN, NULL, NULL, &error), "set", &error);
    must(etcd_keys_get(client, NULL, DIRECTORY "/greeting", NULL, &configuration, &error), "get", &error);
    /* A response is only memory: the workers read it as the parent does. */
    const char *greeting = etcd_node_value(etcd_response_node(configuration), NULL);

    for (int worker = 0; worker < WORKERS; worker++) {
        fflush(stdout); /* or each worker prints it again */
        pid_t process = fork();
        if (process < 0) return EXIT_FAILURE;
        if (process == 0) exit(work(worker, client, greeting));
    }
    for (int worker = 0; worker < WORKERS; worker++) {
        int status = 0;
        if (wait(&status) < 0 || status != 0) failed = 1;
    }
    /* The parent's client has noticed nothing. */
    for (int worker = 0; worker < WORKERS && !failed; worker++) expect_value(client, key_of(worker), greeting);

    etcd_response_free(configuration);
    etcd_client_free(client);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
