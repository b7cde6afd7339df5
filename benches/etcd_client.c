/* Our library, as its users have it: one client for all threads, blocking calls, a watcher in each thread that watches.
 *
 * ca=FILE    the authority of an https URL
 * stream=0   a request for each event of a watch, as the others do it, and not one for many */
#include "measure.h"

#include "connect.h"

static etcd_client *client;

typedef struct connection {
    char key[64];
    etcd_watcher *watcher;
} connection;

static void client_open(const setting *setting) { client = connect_client(setting->url, setting->argc, setting->argv); }

static void *client_connect(const setting *setting, unsigned thread)
{
    connection *connection = calloc(1, sizeof *connection);
    const char *key = workloads[setting->workload].key;
    if (setting->workload == PUT) snprintf(connection->key, sizeof connection->key, "%s-%u", key, thread);
    else snprintf(connection->key, sizeof connection->key, "%s", key);
    return connection;
}

static bool watch_from(connection *connection, const setting *setting, uint64_t event)
{
    etcd_watcher_options *options = etcd_watcher_options_new();
    etcd_watcher_free(connection->watcher);
    etcd_watcher_options_set_after_index(options, event - 1);
    etcd_watcher_options_set_stream(options, (int)number_argument(setting->argc, setting->argv, "stream", 1));
    etcd_status status = etcd_watcher_new(client, connection->key, options, &connection->watcher, NULL);
    etcd_watcher_options_free(options);
    return status == ETCD_OK;
}

static bool is_right(const etcd_response *response, const setting *setting, uint64_t event)
{
    size_t length;
    const etcd_node *node = etcd_response_node(response);
    if (node == NULL || etcd_response_index(response) == 0) return false;
    if (setting->workload == WATCH) return etcd_node_modified_index(node) == event;
    if (workloads[setting->workload].children > 0)
        return etcd_node_child_count(node) == workloads[setting->workload].children;
    return etcd_node_value(node, &length) != NULL && length == workloads[setting->workload].value_length;
}

static bool client_call(void *argument, const setting *setting, uint64_t event)
{
    connection *connection = argument;
    etcd_response *response = NULL;
    etcd_status status;

    if (setting->workload == WATCH) {
        if (event == setting->first_event && !watch_from(connection, setting, event)) return false;
        status = etcd_watcher_next(connection->watcher, NULL, &response, NULL);
    } else if (setting->workload == PUT) {
        status = etcd_keys_set(client, NULL, connection->key, put_value(), ETCD_STRLEN, NULL, &response, NULL);
    } else {
        status = etcd_keys_get(client, NULL, connection->key, NULL, &response, NULL);
    }
    bool right = status == ETCD_OK && is_right(response, setting, event);
    etcd_response_free(response);
    return right;
}

static void client_disconnect(void *argument)
{
    connection *connection = argument;
    etcd_watcher_free(connection->watcher);
    free(connection);
}
