/* A client of our library, and an end when a call fails that has to succeed. */
#ifndef CONNECT_H
#define CONNECT_H

#include "process.h"

#include <etcd_client.h>

/* The error by its address, because C may evaluate an argument before the call that is the argument beside it. */
static inline void must(etcd_status status, const char *what, etcd_error *const *error)
{
    if (status == ETCD_OK) return;
    const char *message = error != NULL ? etcd_error_message(*error) : etcd_status_text(status);
    fprintf(stderr, "%s: %s: %s\n", what, etcd_status_name(status), message);
    exit(EXIT_FAILURE);
}

static inline etcd_client *connect_client(const char *url, int argc, char **argv)
{
    const char *authority = text_argument(argc, argv, "ca", NULL);
    etcd_config *config = etcd_config_new();
    etcd_client *client = NULL;
    etcd_error *error = NULL;
    must(etcd_config_add_endpoint(config, url), url, NULL);
    if (authority != NULL) must(etcd_config_add_ca_file(config, authority), authority, NULL);
    must(etcd_client_new(config, &client, &error), "client", &error);
    etcd_config_free(config);
    return client;
}

#endif
