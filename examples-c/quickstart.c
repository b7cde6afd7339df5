/* Sets /foo to bar and reads it back. ETCD_ENDPOINTS says where the cluster is. */
#include <etcd_client.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    const char *endpoints = getenv("ETCD_ENDPOINTS");
    if (endpoints == NULL) endpoints = "http://127.0.0.1:2379";

    etcd_config *config = etcd_config_new();
    etcd_client *client = NULL;
    etcd_response *set = NULL, *got = NULL;
    etcd_error *error = NULL;

    etcd_status status = etcd_config_add_endpoint(config, endpoints);
    if (status == ETCD_OK) status = etcd_client_new(config, &client, &error);

    if (status == ETCD_OK) status = etcd_keys_set(client, NULL, "/foo", "bar", ETCD_STRLEN, NULL, &set, &error);
    if (status == ETCD_OK) {
        const etcd_node *node = etcd_response_node(set);
        printf("Set:  action %s, index %" PRIu64 ", cluster %s\n", etcd_response_action_name(set),
               etcd_response_index(set), etcd_response_cluster_id(set));
        printf("      key %s, createdIndex %" PRIu64 ", modifiedIndex %" PRIu64 "\n", etcd_node_key(node, NULL),
               etcd_node_created_index(node), etcd_node_modified_index(node));
    }

    if (status == ETCD_OK) status = etcd_keys_get(client, NULL, "/foo", NULL, &got, &error);
    if (status == ETCD_OK) {
        const etcd_node *node = etcd_response_node(got);
        printf("Get:  key %s has the value %s\n", etcd_node_key(node, NULL), etcd_node_value(node, NULL));
    }

    if (status != ETCD_OK)
        fprintf(stderr, "%s: %s\n", etcd_status_name(status), error ? etcd_error_message(error) : endpoints);
    etcd_error_free(error);
    etcd_response_free(got);
    etcd_response_free(set);
    etcd_client_free(client);
    etcd_config_free(config);
    return status == ETCD_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
