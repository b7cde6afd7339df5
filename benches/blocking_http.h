/* HTTP as simple as it can be: a blocking socket, one send, as few reads as the answer needs, and of its head only what is
 * needed to find its end. Nothing here looks at a body. */
#ifndef BLOCKING_HTTP_H
#define BLOCKING_HTTP_H

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct http {
    int socket;
    char host[64]; /* with the port, as the header has it */
    size_t begin, end;
    uint64_t etcd_index;
    char buffer[1 << 17];
} http;

/* The URL is http://ADDRESS:PORT. */
static inline http *http_connect(const char *url)
{
    char address[48] = "";
    int port = 0, on = 1;
    if (sscanf(url, "http://%47[0-9.]:%d", address, &port) != 2) {
        fprintf(stderr, "%s is not http://ADDRESS:PORT\n", url);
        exit(2);
    }
    http *http = calloc(1, sizeof *http);
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, address, &server.sin_addr);
    snprintf(http->host, sizeof http->host, "%s:%d", address, port);
    http->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(http->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(http->socket, (struct sockaddr *)&server, sizeof server) != 0) {
        perror(url);
        exit(EXIT_FAILURE);
    }
    return http;
}

static inline void http_free(http *http)
{
    close(http->socket);
    free(http);
}

static inline bool http_send(http *http, const char *request, size_t length)
{
    return send(http->socket, request, length, MSG_NOSIGNAL) == (ssize_t)length;
}

static inline bool http_read_more(http *http)
{
    if (http->begin == http->end) http->begin = http->end = 0;
    if (http->end == sizeof http->buffer) {
        memmove(http->buffer, http->buffer + http->begin, http->end - http->begin);
        http->end -= http->begin;
        http->begin = 0;
    }
    ssize_t got = recv(http->socket, http->buffer + http->end, sizeof http->buffer - http->end, 0);
    if (got <= 0) return false;
    http->end += (size_t)got;
    return true;
}

static inline bool http_skip(http *http, size_t length)
{
    for (;;) {
        size_t here = http->end - http->begin;
        size_t skipped = length < here ? length : here;
        http->begin += skipped;
        length -= skipped;
        if (length == 0) return true;
        if (!http_read_more(http)) return false;
    }
}

/* The bytes up to this mark, the mark included; they stay in the buffer until the next read. NULL when there are none. */
static inline const char *http_take_until(http *http, const char *mark, size_t *length)
{
    for (;;) {
        char *begin = http->buffer + http->begin;
        char *found = memmem(begin, http->end - http->begin, mark, strlen(mark));
        if (found != NULL) {
            *length = (size_t)(found - begin) + strlen(mark);
            http->begin += *length;
            return begin;
        }
        if (!http_read_more(http)) return NULL;
    }
}

static inline bool http_number_in_head(const char *head, size_t length, const char *name, uint64_t *number)
{
    const char *found = memmem(head, length, name, strlen(name));
    if (found == NULL) return false;
    *number = strtoull(found + strlen(name), NULL, 10);
    return true;
}

/* True for an answer of etcd that is a success. */
static inline bool http_read_answer(http *http)
{
    size_t length;
    uint64_t body;
    const char *head = http_take_until(http, "\r\n\r\n", &length);
    if (head == NULL || head[9] != '2') return false;
    if (!http_number_in_head(head, length, "X-Etcd-Index: ", &http->etcd_index) || http->etcd_index == 0) return false;
    if (http_number_in_head(head, length, "Content-Length: ", &body)) return http_skip(http, body);
    for (;;) {
        const char *line = http_take_until(http, "\r\n", &length);
        if (line == NULL) return false;
        size_t chunk = strtoul(line, NULL, 16);
        if (!http_skip(http, chunk + 2)) return false;
        if (chunk == 0) return true;
    }
}

#endif
