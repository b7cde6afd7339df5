/* A configuration that is written anew when something below a key changes, as confd does it: a recursive get gives the
 * state and its index, and a watch from that index misses nothing that comes after. Another thread makes the changes. */
#define _POSIX_C_SOURCE 200809L

#include "example.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#define CONFIG "/example/config"
#define LAST_VERSION "3"

static void print_lines(const etcd_node *node)
{
    if (!etcd_node_is_dir(node))
        printf("  %s = %s\n", etcd_node_key(node, NULL) + strlen(CONFIG "/"), etcd_node_value(node, NULL));
    for (size_t i = 0; i < etcd_node_child_count(node); i++) print_lines(etcd_node_child(node, i));
}

static int is_last_version(const etcd_node *directory)
{
    for (size_t i = 0; i < etcd_node_child_count(directory); i++) {
        const etcd_node *child = etcd_node_child(directory, i);
        if (strcmp(etcd_node_key(child, NULL), CONFIG "/version") == 0)
            return strcmp(etcd_node_value(child, NULL), LAST_VERSION) == 0;
    }
    return 0;
}

/* Writes the whole configuration. Gives the index of the state that it was made of. */
static uint64_t render(etcd_client *client, int *is_last)
{
    etcd_get_options *state = etcd_get_options_new();
    etcd_response *response = NULL;
    etcd_error *error = NULL;
    uint64_t index;

    must(etcd_get_options_set_recursive(state, 1), "options", NULL);
    must(etcd_get_options_set_sort(state, 1), "options", NULL);
    /* A member that lags behind would give an older state than the one that the event told about. */
    must(etcd_get_options_set_quorum(state, 1), "options", NULL);
    must(etcd_keys_get(client, NULL, CONFIG, state, &response, &error), "get", &error);
    index = etcd_response_index(response);
    printf("the configuration at index %" PRIu64 ":\n", index);
    print_lines(etcd_response_node(response));
    *is_last = is_last_version(etcd_response_node(response));
    etcd_response_free(response);
    etcd_get_options_free(state);
    return index;
}

static etcd_watcher *watch_after(etcd_client *client, uint64_t index)
{
    etcd_watcher_options *options = etcd_watcher_options_new();
    etcd_watcher *watcher = NULL;
    etcd_error *error = NULL;

    must(etcd_watcher_options_set_after_index(options, index), "options", NULL);
    must(etcd_watcher_options_set_recursive(options, 1), "options", NULL);
    /* When etcd has forgotten what happened meanwhile, that is a change like any other: everything is read anew. */
    must(etcd_watcher_options_set_resync(options, 1), "options", NULL);
    must(etcd_watcher_new(client, CONFIG, options, &watcher, &error), "watcher", &error);
    etcd_watcher_options_free(options);
    return watcher;
}

static void set(etcd_client *client, const char *key, const char *value)
{
    etcd_error *error = NULL;
    must(etcd_keys_set(client, NULL, key, value, ETCD_STRLEN, NULL, NULL, &error), "set", &error);
}

/* An operator at work: each version of the configuration is made of several changes. */
static void *change(void *client)
{
    static const char *const ports[] = {"8080", "8081", "8082"}, *const versions[] = {"1", "2", LAST_VERSION};
    struct timespec pause = {0, 200 * 1000 * 1000};

    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        nanosleep(&pause, NULL);
        set(client, CONFIG "/web/port", ports[i]);
        set(client, CONFIG "/version", versions[i]);
    }
    return NULL;
}

int main(void)
{
    etcd_client *client = connect_to_cluster();
    pthread_t operator;
    int is_last = 0;

    set(client, CONFIG "/web/host", "example.org");
    set(client, CONFIG "/version", "0");
    uint64_t rendered = render(client, &is_last);
    etcd_watcher *watcher = watch_after(client, rendered);
    if (pthread_create(&operator, NULL, change, client) != 0) return EXIT_FAILURE;

    while (!is_last) {
        etcd_response *event = NULL;
        etcd_error *error = NULL;

        etcd_status status = etcd_watcher_next(watcher, NULL, &event, &error);
        if (status == ETCD_ERR_CLOSED) must(status, "watch", &error);
        if (status != ETCD_OK) {
            /* The watch has lost nothing, pauses where it has to, and goes on when it is called again. */
            fprintf(stderr, "watch: %s\n", etcd_error_message(error));
            etcd_error_free(error);
            continue;
        }
        /* Of several changes in a row the first one's get has often seen the others. */
        if (etcd_response_index(event) > rendered) rendered = render(client, &is_last);
        etcd_response_free(event);
    }

    pthread_join(operator, NULL);
    etcd_watcher_free(watcher);
    must(etcd_client_close(client, 5000, NULL), "close", NULL); /* waits for the watches' thread, as a free does not */
    etcd_client_free(client);
    return EXIT_SUCCESS;
}
