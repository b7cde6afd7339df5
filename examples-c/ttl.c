/* A key that lives as long as its program says so: a TTL, refreshed without touching the value. */
#include "example.h"

static void print_life(etcd_client *client, const char *key)
{
    etcd_response *response = NULL;
    etcd_error *error = NULL;
    int64_t seconds = 0;

    must(etcd_keys_get(client, NULL, key, NULL, &response, &error), "get", &error);
    const etcd_node *node = etcd_response_node(response);
    printf("%s = %s", etcd_node_key(node, NULL), etcd_node_value(node, NULL));
    if (etcd_node_expiration(node, &seconds, NULL))
        printf(", %" PRId64 " s to live, until %" PRId64 " (Unix time)\n", etcd_node_ttl(node), seconds);
    else
        printf(", without a TTL\n");
    etcd_response_free(response);
}

int main(void)
{
    static const char key[] = "/example/ttl";
    etcd_client *client = connect_to_cluster();
    etcd_set_options *alive = etcd_set_options_new();
    etcd_set_options *again = etcd_set_options_new();
    etcd_error *error = NULL;

    /* Milliseconds here, whole seconds in etcd: rounded up. */
    must(etcd_set_options_set_ttl_ms(alive, 5000), "options", NULL);
    must(etcd_keys_set(client, NULL, key, "alive", ETCD_STRLEN, alive, NULL, &error), "set", &error);
    print_life(client, key);

    /* A refresh takes no value, and fails with code 100 when the key has expired meanwhile. */
    must(etcd_set_options_set_ttl_ms(again, 60000), "options", NULL);
    must(etcd_set_options_set_refresh(again, 1), "options", NULL);
    must(etcd_set_options_set_prev_exist(again, ETCD_PREV_EXIST), "options", NULL);
    must(etcd_keys_set(client, NULL, key, NULL, 0, again, NULL, &error), "refresh", &error);
    print_life(client, key);

    /* A set without TTL ends the TTL. */
    must(etcd_keys_set(client, NULL, key, "for good", ETCD_STRLEN, NULL, NULL, &error), "set", &error);
    print_life(client, key);
    must(etcd_keys_delete(client, NULL, key, NULL, NULL, &error), "delete", &error);

    etcd_set_options_free(again);
    etcd_set_options_free(alive);
    etcd_client_free(client);
    return EXIT_SUCCESS;
}
