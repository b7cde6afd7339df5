/* What the examples share: a client of the cluster in ETCD_ENDPOINTS, and an end when a call fails. */
#include <etcd_client.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* The error by its address, because C may evaluate an argument before the call that is the argument beside it. */
static inline void must(etcd_status status, const char *what, etcd_error *const *error)
{
    if (status == ETCD_OK) return;
    fprintf(stderr, "%s: %s: %s\n", what, etcd_status_name(status), error ? etcd_error_message(*error) : etcd_status_text(status));
    exit(EXIT_FAILURE);
}

static inline etcd_client *connect_to_cluster(void)
{
    const char *endpoints = getenv("ETCD_ENDPOINTS");
    etcd_config *config = etcd_config_new();
    etcd_client *client = NULL;
    etcd_error *error = NULL;
    must(etcd_config_add_endpoint(config, endpoints ? endpoints : "http://127.0.0.1:2379"), "ETCD_ENDPOINTS", NULL);
    must(etcd_client_new(config, &client, &error), "client", &error);
    etcd_config_free(config);
    return client;
}
