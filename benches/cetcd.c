/* cetcd (github.com/shafreeck/cetcd), where somebody has built it by hand: a client for each thread. */
#include "measure.h"

#include <cetcd.h>

typedef struct connection {
    cetcd_client *client;
    char key[64];
} connection;

static void client_open(const setting *setting) { (void)setting; }

static void *client_connect(const setting *setting, unsigned thread)
{
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER; /* it initializes libcurl with each client */
    connection *connection = calloc(1, sizeof *connection);
    cetcd_array addresses;

    pthread_mutex_lock(&one_at_a_time);
    cetcd_array_init(&addresses, 1);
    cetcd_array_append(&addresses, strdup(setting->url + strlen("http://")));
    connection->client = cetcd_client_create(&addresses);
    pthread_mutex_unlock(&one_at_a_time);
    snprintf(connection->key, sizeof connection->key, "%s-%u", workloads[PUT].key, thread);
    return connection;
}

static cetcd_response *ask(connection *connection, const setting *setting, uint64_t event)
{
    const char *key = workloads[setting->workload].key;
    switch (setting->workload) {
    case PUT: return cetcd_set(connection->client, connection->key, put_value(), 0);
    case WATCH: return cetcd_watch(connection->client, key, event);
    case DIRECTORY:
    case LISTING: return cetcd_lsdir(connection->client, key, 0, 0);
    default: return cetcd_get(connection->client, key);
    }
}

static bool is_right(const cetcd_response *response, const setting *setting, uint64_t event)
{
    if (response == NULL || response->err != NULL || response->node == NULL || response->etcd_index == 0) return false;
    if (setting->workload == WATCH) return response->node->modified_index == event;
    if (workloads[setting->workload].children > 0)
        return response->node->nodes != NULL &&
               cetcd_array_size(response->node->nodes) == workloads[setting->workload].children;
    return response->node->value != NULL && strlen(response->node->value) == workloads[setting->workload].value_length;
}

static bool client_call(void *argument, const setting *setting, uint64_t event)
{
    cetcd_response *response = ask(argument, setting, event);
    bool right = is_right(response, setting, event);
    if (response != NULL) cetcd_response_release(response);
    return right;
}

static void client_disconnect(void *argument) { free(argument); }
