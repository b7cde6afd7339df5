/* A counter that many programs may increase at once: read it, and write only if nobody wrote since. */
#include "example.h"

/* Tries until no other program comes between the get and the set. */
static long increase(etcd_client *client, const char *key)
{
    etcd_set_options *unchanged = etcd_set_options_new();
    etcd_error *error = NULL;
    etcd_status status;
    long counter;

    do {
        etcd_response *response = NULL;
        char text[32];

        must(etcd_keys_get(client, NULL, key, NULL, &response, &error), "get", &error);
        const etcd_node *node = etcd_response_node(response);
        counter = strtol(etcd_node_value(node, NULL), NULL, 10) + 1;
        must(etcd_set_options_set_prev_index(unchanged, etcd_node_modified_index(node)), "options", NULL);
        etcd_response_free(response);

        snprintf(text, sizeof text, "%ld", counter);
        status = etcd_keys_set(client, NULL, key, text, ETCD_STRLEN, unchanged, NULL, &error);
        if (etcd_error_api_code(error) == ETCD_API_COMPARE_FAILED) {
            printf("somebody was faster: %s\n", etcd_error_api_cause(error));
            etcd_error_free(error);
        } else {
            /* After ETCD_MAYBE_APPLIED another try could count twice: the library does not make it, and nor do we. */
            must(status, "set", &error);
        }
    } while (status != ETCD_OK);

    etcd_set_options_free(unchanged);
    return counter;
}

int main(void)
{
    etcd_client *client = connect_to_cluster();
    etcd_error *error = NULL;

    /* The first program makes the counter; for all others it is there already. */
    etcd_status status = etcd_keys_create(client, NULL, "/example/counter", "0", ETCD_STRLEN, NULL, &error);
    if (etcd_error_api_code(error) != ETCD_API_NODE_EXIST) must(status, "create", &error);
    etcd_error_free(error);

    for (int i = 0; i < 3; i++) printf("the counter is %ld\n", increase(client, "/example/counter"));
    etcd_client_free(client);
    return EXIT_SUCCESS;
}
