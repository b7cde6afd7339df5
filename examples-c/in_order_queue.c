/* A queue: etcd names the entries in the order of their creation, and each is taken by one program only. */
#include "example.h"

int main(void)
{
    static const char queue[] = "/example/queue";
    static const char *const jobs[] = {"first", "second", "third"};
    etcd_client *client = connect_to_cluster();
    etcd_get_options *in_order = etcd_get_options_new();
    etcd_delete_options *ours = etcd_delete_options_new();
    etcd_response *response = NULL;
    etcd_error *error = NULL;
    const etcd_node *directory;

    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++) {
        must(etcd_keys_create_in_order(client, NULL, queue, jobs[i], ETCD_STRLEN, NULL, &response, &error), "create", &error);
        printf("put  %s: %s\n", etcd_node_key(etcd_response_node(response), NULL), jobs[i]);
        etcd_response_free(response);
    }

    must(etcd_get_options_set_sort(in_order, 1), "options", NULL);
    must(etcd_keys_get(client, NULL, queue, in_order, &response, &error), "get", &error);
    directory = etcd_response_node(response);
    for (size_t i = 0; i < etcd_node_child_count(directory); i++) {
        const etcd_node *job = etcd_node_child(directory, i);

        /* Of several programs that read the same entry, only one can delete it: the job is that one's. */
        must(etcd_delete_options_set_prev_index(ours, etcd_node_modified_index(job)), "options", NULL);
        etcd_status status = etcd_keys_delete(client, NULL, etcd_node_key(job, NULL), ours, NULL, &error);
        if (etcd_error_is_key_not_found(error)) {
            printf("%s went to another program\n", etcd_node_key(job, NULL));
            etcd_error_free(error);
            error = NULL;
            continue;
        }
        must(status, "delete", &error);
        printf("took %s: %s\n", etcd_node_key(job, NULL), etcd_node_value(job, NULL));
    }

    etcd_response_free(response);
    etcd_delete_options_free(ours);
    etcd_get_options_free(in_order);
    etcd_client_free(client);
    return EXIT_SUCCESS;
}
