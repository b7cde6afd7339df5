/* Three kinds of error - the context's, the cluster's, the server's - and whether a write happened. */
#include "example.h"

static void explain(const char *what, const etcd_error *error)
{
    static const char *const outcomes[] = {"was not applied", "may have been applied", "was applied"};

    printf("%s:\n", what);
    if (etcd_error_is_canceled(error)) {
        printf("  context error: another thread called etcd_context_cancel\n");
    } else if (etcd_error_is_deadline(error)) {
        printf("  context error: the deadline passed\n");
    } else if (etcd_error_is_cluster(error)) {
        printf("  cluster error: no endpoint answered\n");
        for (size_t i = 0; i < etcd_error_list_len(error); i++) {
            const etcd_error *cause = etcd_error_list_get(error, i);
            printf("    %s: %s\n", etcd_error_endpoint(cause), etcd_error_message(cause));
        }
    } else if (etcd_error_api_code(error) != 0) {
        const char *cause = etcd_error_api_cause(error);
        printf("  response error: etcd's code %d, %s (%s)\n", (int)etcd_error_api_code(error),
               etcd_error_api_message(error), cause ? cause : "");
    } else {
        printf("  another error: %s: %s\n", etcd_status_name(etcd_error_status(error)), etcd_error_message(error));
    }
    printf("  the write %s\n", outcomes[etcd_error_outcome(error)]);
}

/* Sets a key, and says what went wrong. */
static void try_to_set(const char *what, etcd_client *client, const etcd_context *context, const etcd_set_options *options)
{
    etcd_error *error = NULL;
    if (etcd_keys_set(client, context, "/example/errors", "new", ETCD_STRLEN, options, NULL, &error) == ETCD_OK)
        printf("%s: no error\n", what);
    else
        explain(what, error);
    etcd_error_free(error);
}

int main(void)
{
    etcd_client *client = connect_to_cluster(), *nowhere = NULL;
    etcd_config *config = etcd_config_new();
    etcd_context *context = etcd_context_with_timeout_ms(NULL, 0);
    etcd_set_options *options = etcd_set_options_new();
    etcd_error *error = NULL;

    try_to_set("A context whose time is over", client, context, NULL);

    /* Ports where no etcd listens. */
    must(etcd_config_add_endpoint(config, "http://127.0.0.1:1,http://127.0.0.1:2"), "config", NULL);
    must(etcd_client_new(config, &nowhere, &error), "client", &error);
    try_to_set("A cluster that is not there", nowhere, NULL, NULL);

    must(etcd_keys_set(client, NULL, "/example/errors", "old", ETCD_STRLEN, NULL, NULL, &error), "set", &error);
    must(etcd_set_options_set_prev_value(options, "older", ETCD_STRLEN), "options", NULL);
    try_to_set("A comparison that fails", client, NULL, options);

    etcd_set_options_free(options);
    etcd_context_free(context);
    etcd_config_free(config);
    etcd_client_free(nowhere);
    etcd_client_free(client);
    return EXIT_SUCCESS;
}
