/* A call that a server never answers: one is ended by its deadline, the other by a second thread. The server is this
 * program's own socket, which takes connections and stays silent, because an etcd in good health answers at once. */
#define _POSIX_C_SOURCE 200809L

#include "example.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static etcd_client *client_of_silent_server(void)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    etcd_config *config = etcd_config_new();
    etcd_client *client = NULL;
    etcd_error *error = NULL;
    char url[64];

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 8) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0) exit(EXIT_FAILURE);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", ntohs(address.sin_port));

    must(etcd_config_add_endpoint(config, url), "config", NULL);
    must(etcd_client_new(config, &client, &error), "client", &error);
    etcd_config_free(config);
    return client;
}

static void *cancel_after_300_ms(void *context)
{
    struct timespec pause = {0, 300 * 1000 * 1000};
    nanosleep(&pause, NULL);
    etcd_context_cancel(context);
    return NULL;
}

int main(void)
{
    etcd_client *client = client_of_silent_server();
    etcd_context *all = etcd_context_new(NULL);
    /* A child has its own deadline, and ends with its parent at the latest. */
    etcd_context *soon = etcd_context_with_timeout_ms(all, 200);
    etcd_error *error = NULL;
    pthread_t thread;

    etcd_status status = etcd_keys_get(client, soon, "/foo", NULL, NULL, &error);
    printf("with a deadline: %s: %s\n", etcd_status_name(status), etcd_error_message(error));
    etcd_error_free(error);

    if (pthread_create(&thread, NULL, cancel_after_300_ms, all) != 0) return EXIT_FAILURE;
    status = etcd_keys_get(client, all, "/foo", NULL, NULL, &error);
    printf("cancelled:       %s: %s\n", etcd_status_name(status), etcd_error_message(error));
    etcd_error_free(error);
    pthread_join(thread, NULL);

    etcd_context_free(soon);
    etcd_context_free(all);
    etcd_client_free(client);
    return status == ETCD_ERR_CANCELED ? EXIT_SUCCESS : EXIT_FAILURE;
}
