/* What the examples share: a client of the cluster in ETCD_ENDPOINTS, and an end when a call fails. For a cluster that
 * demands more: ETCD_CA_FILE, ETCD_CERT_FILE with ETCD_KEY_FILE, ETCD_USERNAME with ETCD_PASSWORD. */
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
    const char *endpoints = getenv("ETCD_ENDPOINTS"), *ca = getenv("ETCD_CA_FILE");
    const char *certificate = getenv("ETCD_CERT_FILE"), *user = getenv("ETCD_USERNAME");
    etcd_config *config = etcd_config_new();
    etcd_client *client = NULL;
    etcd_error *error = NULL;
    must(etcd_config_add_endpoint(config, endpoints ? endpoints : "http://127.0.0.1:2379"), "ETCD_ENDPOINTS", NULL);
    if (ca) must(etcd_config_add_ca_file(config, ca), "ETCD_CA_FILE", NULL);
    if (certificate)
        must(etcd_config_set_client_cert_files(config, certificate, getenv("ETCD_KEY_FILE")), "ETCD_CERT_FILE", NULL);
    if (user) must(etcd_config_set_credentials(config, user, getenv("ETCD_PASSWORD")), "ETCD_USERNAME", NULL);
    must(etcd_client_new(config, &client, &error), "client", &error);
    etcd_config_free(config);
    return client;
}
