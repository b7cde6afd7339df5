/* The floor: what the system calls alone cost. No JSON, no object, no fail-over. */
#include "measure.h"

#include "blocking_http.h"

static void client_open(const setting *setting) { (void)setting; }

typedef struct connection {
    http *http;
    size_t length;
    char request[1024];
} connection;

static void *client_connect(const setting *setting, unsigned thread)
{
    connection *connection = calloc(1, sizeof *connection);
    connection->http = http_connect(setting->url);
    if (setting->workload == PUT)
        connection->length = (size_t)snprintf(connection->request, sizeof connection->request,
            "PUT /v2/keys/bench/put-%u HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            "Content-Length: %d\r\n\r\nvalue=%s", thread, connection->http->host, VALUE_LENGTH + 6, put_value());
    return connection;
}

static bool client_call(void *argument, const setting *setting, uint64_t event)
{
    connection *connection = argument;
    const char *key = workloads[setting->workload].key, *host = connection->http->host;
    if (setting->workload == WATCH)
        connection->length = (size_t)snprintf(connection->request, sizeof connection->request,
            "GET /v2/keys%s?recursive=false&wait=true&waitIndex=%llu HTTP/1.1\r\nHost: %s\r\n\r\n", key,
            (unsigned long long)event, host);
    else if (setting->workload != PUT)
        connection->length = (size_t)snprintf(connection->request, sizeof connection->request,
            "GET /v2/keys%s?quorum=false&recursive=false&sorted=false HTTP/1.1\r\nHost: %s\r\n\r\n", key, host);
    return http_send(connection->http, connection->request, connection->length) && http_read_answer(connection->http);
}

static void client_disconnect(void *argument)
{
    connection *connection = argument;
    http_free(connection->http);
    free(connection);
}
