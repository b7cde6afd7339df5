/* Servers of the test program itself, for what etcd cannot be made to do on demand: refuse, hang, talk nonsense. */
#ifndef SERVER_H
#define SERVER_H

#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

typedef struct {
    int fd;
    char url[64];
    const char *answer; /* NULL: never answers */
    pthread_t thread;
} test_server;

/* Nobody listens: connections are refused as long as the server is not started. */
static inline void server_bind(test_server *server)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    memset(server, 0, sizeof *server);
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (server->fd < 0 || bind(server->fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        getsockname(server->fd, (struct sockaddr *)&address, &length) != 0) bail_out("no socket");
    snprintf(server->url, sizeof server->url, "http://127.0.0.1:%d", ntohs(address.sin_port));
}

/* The kernel accepts connections, and no byte ever comes: what a stopped member looks like. */
static inline void server_hang(test_server *server)
{
    server_bind(server);
    if (listen(server->fd, 64) != 0) bail_out("cannot listen");
}

static inline void *server_loop(void *argument)
{
    test_server *server = argument;
    char request[8192];
    int connection;
    /* accept fails once server_stop has shut the socket down. */
    while ((connection = accept(server->fd, NULL, NULL)) >= 0) {
        size_t length = 0;
        ssize_t count;
        while (length < sizeof request - 1 && (count = read(connection, request + length, sizeof request - 1 - length)) > 0) {
            length += (size_t)count;
            request[length] = '\0';
            if (strstr(request, "\r\n\r\n") != NULL) break;
        }
        if (write(connection, server->answer, strlen(server->answer)) < 0) perror("# write");
        /* Reading to the end first: a close with unread bytes would reset the connection and may drop the answer. */
        shutdown(connection, SHUT_WR);
        while (read(connection, request, sizeof request) > 0) {}
        close(connection);
    }
    return NULL;
}

/* Every connection gets this answer and is closed. */
static inline void server_answer(test_server *server, const char *answer)
{
    server_hang(server);
    server->answer = answer;
    if (pthread_create(&server->thread, NULL, server_loop, server) != 0) bail_out("no thread");
}

static inline void server_stop(test_server *server)
{
    shutdown(server->fd, SHUT_RDWR);
    if (server->answer != NULL) pthread_join(server->thread, NULL);
    close(server->fd);
}

/* Waits until somebody has connected to a hanging server: from then on a call is blocked there. */
static inline void server_wait_for_connection(test_server *server)
{
    struct pollfd wanted;
    wanted.fd = server->fd;
    wanted.events = POLLIN;
    wanted.revents = 0;
    if (poll(&wanted, 1, 30000) != 1) bail_out("nobody connected");
}

#endif
