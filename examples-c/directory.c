/* A directory: keys below it make it, a recursive get reads the whole tree, a recursive delete removes it. */
#include "example.h"

static void print_tree(const etcd_node *node, int depth)
{
    printf("%*s%s", 2 * depth, "", etcd_node_key(node, NULL));
    if (etcd_node_is_dir(node)) printf("/\n");
    else printf(" = %s\n", etcd_node_value(node, NULL));
    /* A value has no children. */
    for (size_t i = 0; i < etcd_node_child_count(node); i++) print_tree(etcd_node_child(node, i), depth + 1);
}

int main(void)
{
    static const struct {
        const char *key, *value;
    } entries[] = {
        {"/example/directory/web/port", "8080"},
        {"/example/directory/web/host", "example.org"},
        {"/example/directory/name", "a directory"},
    };
    etcd_client *client = connect_to_cluster();
    etcd_get_options *whole = etcd_get_options_new();
    etcd_delete_options *recursive = etcd_delete_options_new();
    etcd_response *response = NULL;
    etcd_error *error = NULL;

    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++)
        must(etcd_keys_set(client, NULL, entries[i].key, entries[i].value, ETCD_STRLEN, NULL, NULL, &error), "set", &error);

    must(etcd_get_options_set_recursive(whole, 1), "options", NULL);
    must(etcd_get_options_set_sort(whole, 1), "options", NULL);
    must(etcd_keys_get(client, NULL, "/example/directory", whole, &response, &error), "get", &error);
    print_tree(etcd_response_node(response), 0);
    etcd_response_free(response);

    must(etcd_delete_options_set_recursive(recursive, 1), "options", NULL);
    must(etcd_keys_delete(client, NULL, "/example/directory", recursive, NULL, &error), "delete", &error);

    etcd_delete_options_free(recursive);
    etcd_get_options_free(whole);
    etcd_client_free(client);
    return EXIT_SUCCESS;
}
