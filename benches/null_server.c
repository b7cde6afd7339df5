/* A server that costs next to nothing: it answers the v2 keys API with texts that were made beforehand, in one thread
 * around epoll, and keeps nothing. Beside it the client is all that there is to measure.
 *
 *     null_server PORT     on 127.0.0.1
 *
 * What is under /v2/keys/bench:
 *
 *     value, large, directory, listing   as benches/workload.h says; what is put is as long as `value`
 *     watch      has an event for every index: one for each request, or a stream without end
 *     emitted    has an event for each that was asked for by GET /emit/COUNT, which tells the index of the last one, or by
 *                PUT .../emitting; all watches get them
 *     other keys have no event ever
 *
 * Every other key is not there, which is what the question answers by which the library makes sure of a member. */
#define _GNU_SOURCE
#include "workload.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* `index` is that of the store, as text. */
#define HEAD_AT(status, index) \
    "HTTP/1.1 " status "\r\nAccess-Control-Allow-Headers: accept, content-type, authorization\r\n" \
    "Access-Control-Allow-Methods: POST, GET, OPTIONS, PUT, DELETE\r\nAccess-Control-Allow-Origin: *\r\n" \
    "Content-Type: application/json\r\nX-Etcd-Cluster-Id: 1e94da746a6e14ee\r\n" \
    "X-Etcd-Index: " index "\r\nX-Raft-Index: 1234600\r\nX-Raft-Term: 2\r\nDate: Sun, 22 Nov 2026 19:45:47 GMT\r\n"
#define HEAD(status) HEAD_AT(status, "1234567")
#define HEAD_OF_WATCH HEAD("200 OK") "Transfer-Encoding: chunked\r\n\r\n"
#define LAST_CHUNK "0\r\n\r\n"
#define EVENT_ROOM 512

typedef struct text {
    char *bytes;
    size_t length;
} text;

typedef enum feed { NO_WATCH, SILENT, EMITTED, ENDLESS } feed;

typedef struct connection {
    int socket;
    feed feed;
    bool is_stream;
    uint64_t next_index;
    struct connection *before, *after; /* among those that wait for emitted events */
    const char *output;
    size_t output_length, input_length;
    char *events;
    char input[4096];
} connection;

static text value_answer, put_answer, large_answer, directory_answer, listing_answer, missing_answer;
static connection waiting = {.before = &waiting, .after = &waiting};
static uint64_t emitted_index = 2000000;
static int poller;

static void *allocated(size_t size)
{
    void *memory = calloc(1, size);
    if (memory == NULL) exit(EXIT_FAILURE);
    return memory;
}

/* etcd's server writes what is longer than 2 KiB in chunks. */
static text answer(const char *head, const char *body)
{
    size_t length = strlen(body);
    text made = {.bytes = allocated(length + 1024)};
    made.length = (size_t)(length <= 2048
        ? sprintf(made.bytes, "%sContent-Length: %zu\r\n\r\n%s", head, length, body)
        : sprintf(made.bytes, "%sTransfer-Encoding: chunked\r\n\r\n%zx\r\n%s\r\n" LAST_CHUNK, head, length, body));
    return made;
}

static text value_of_length(const char *action, const char *key, size_t length, bool had_one_before)
{
    char *value = allocated(length + 1), *body = allocated(2 * length + 1024);
    memset(value, 'v', length);
    char *end = body + sprintf(body, "{\"action\":\"%s\",\"node\":{\"key\":\"%s\",\"value\":\"%s\","
        "\"modifiedIndex\":1235,\"createdIndex\":1235}", action, key, value);
    if (had_one_before)
        end += sprintf(end, ",\"prevNode\":{\"key\":\"%s\",\"value\":\"%s\",\"modifiedIndex\":1234,\"createdIndex\":1234}",
            key, value);
    sprintf(end, "}\n");
    text made = answer(HEAD("200 OK"), body);
    free(value);
    free(body);
    return made;
}

static text directory_of(const char *key, size_t children)
{
    char *body = allocated(200 * children + 1024), *end = body;
    end += sprintf(end, "{\"action\":\"get\",\"node\":{\"key\":\"%s\",\"dir\":true,\"nodes\":[", key);
    for (size_t i = 0; i < children; i++)
        end += sprintf(end, "%s{\"key\":\"%s/child-%06zu\",\"value\":\"value-%06zu-0123456789abcdef012345\","
            "\"modifiedIndex\":%zu,\"createdIndex\":%zu}", i > 0 ? "," : "", key, i, i, 1000 + i, 1000 + i);
    sprintf(end, "],\"modifiedIndex\":12,\"createdIndex\":12}}\n");
    text made = answer(HEAD("200 OK"), body);
    free(body);
    return made;
}

static void make_answers(void)
{
    value_answer = value_of_length("get", workloads[GET].key, VALUE_LENGTH, false);
    large_answer = value_of_length("get", workloads[LARGE].key, LARGE_LENGTH, false);
    put_answer = value_of_length("set", workloads[PUT].key, VALUE_LENGTH, true);
    directory_answer = directory_of(workloads[DIRECTORY].key, DIRECTORY_CHILDREN);
    listing_answer = directory_of(workloads[LISTING].key, LISTING_CHILDREN);
    missing_answer = answer(HEAD("404 Not Found"),
        "{\"errorCode\":100,\"message\":\"Key not found\",\"cause\":\"/missing\",\"index\":1234567}\n");
}

static size_t write_event(char *chunk, uint64_t index)
{
    char body[EVENT_ROOM - 32];
    unsigned long long now = index, before = index - 1;
    int length = sprintf(body, "{\"action\":\"set\",\"node\":{\"key\":\"/bench/watch\",\"value\":\"event-%020llu\","
        "\"modifiedIndex\":%llu,\"createdIndex\":%llu},\"prevNode\":{\"key\":\"/bench/watch\",\"value\":\"event-%020llu\","
        "\"modifiedIndex\":%llu,\"createdIndex\":%llu}}\n", now, now, now, before, before, before);
    return (size_t)sprintf(chunk, "%x\r\n%s\r\n", (unsigned)length, body);
}

static void wait_for(connection *connection, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = connection};
    epoll_ctl(poller, EPOLL_CTL_MOD, connection->socket, &event);
}

static void end_watch(connection *connection)
{
    if (connection->feed == EMITTED) {
        connection->before->after = connection->after;
        connection->after->before = connection->before;
    }
    connection->feed = NO_WATCH;
}

static void drop(connection *connection)
{
    end_watch(connection);
    close(connection->socket);
    free(connection->events);
    free(connection);
}

/* Whether the connection still stands. What does not fit in is sent when there is room. */
static bool push(connection *connection)
{
    while (connection->output_length > 0) {
        ssize_t sent = send(connection->socket, connection->output, connection->output_length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN) return false;
        if (sent < 0) {
            wait_for(connection, EPOLLIN | EPOLLOUT);
            return true;
        }
        connection->output += sent;
        connection->output_length -= (size_t)sent;
    }
    return true;
}

static bool reply(connection *connection, const char *bytes, size_t length)
{
    connection->output = bytes;
    connection->output_length = length;
    return push(connection);
}

/* Events up to this index, in one send. */
static bool feed_until(connection *connection, uint64_t last)
{
    const size_t room = EVENT_ROOM * 128;
    size_t length = 0;
    if (connection->events == NULL) connection->events = allocated(room);
    while (connection->next_index <= last && length + EVENT_ROOM < room)
        length += write_event(connection->events + length, connection->next_index++);
    if (length > 0 && !connection->is_stream) {
        length += (size_t)sprintf(connection->events + length, LAST_CHUNK);
        end_watch(connection);
    }
    return length == 0 || reply(connection, connection->events, length);
}

static bool feed_more(connection *connection)
{
    switch (connection->feed) {
    case ENDLESS: return feed_until(connection, connection->is_stream ? UINT64_MAX : connection->next_index);
    case EMITTED: {
        bool is_one = !connection->is_stream && connection->next_index <= emitted_index;
        return feed_until(connection, is_one ? connection->next_index : emitted_index);
    }
    default: return true;
    }
}

static void emit(unsigned long count)
{
    emitted_index += count;
    for (connection *each = waiting.after, *next; each != &waiting; each = next) {
        next = each->after;
        if (each->output_length == 0) feed_more(each); /* a broken one is dropped where its end is read */
    }
}

static bool begin_watch(connection *connection, const char *path)
{
    const char *wanted = strstr(path, "waitIndex=");
    connection->next_index = wanted != NULL ? strtoull(wanted + strlen("waitIndex="), NULL, 10) : 0;
    connection->is_stream = strstr(path, "stream=true") != NULL;
    connection->feed = SILENT;
    if (strncmp(path, "/v2/keys/bench/watch?", 21) == 0) {
        connection->feed = ENDLESS;
        if (connection->is_stream) wait_for(connection, EPOLLIN | EPOLLOUT);
    } else if (strncmp(path, "/v2/keys/bench/emitted?", 23) == 0) {
        connection->feed = EMITTED;
        if (connection->next_index == 0) connection->next_index = emitted_index + 1;
        connection->after = &waiting;
        connection->before = waiting.before;
        waiting.before->after = connection;
        waiting.before = connection;
    }
    /* The head is a segment of its own, as it is in etcd. */
    return reply(connection, HEAD_OF_WATCH, strlen(HEAD_OF_WATCH)) && feed_more(connection);
}

static bool handle(connection *connection, const char *method, const char *path)
{
    static const struct {
        const char *path;
        const text *text;
    } answers[] = {
        {"/v2/keys/bench/value", &value_answer},       {"/v2/keys/bench/large", &large_answer},
        {"/v2/keys/bench/directory", &directory_answer}, {"/v2/keys/bench/listing", &listing_answer},
    };
    if (strcmp(method, "PUT") == 0) {
        if (strncmp(path, "/v2/keys/bench/emitting", 23) == 0) emit(1);
        return reply(connection, put_answer.bytes, put_answer.length);
    }
    if (strncmp(path, "/emit/", 6) == 0) {
        static char answer[1024];
        emit(strtoul(path + 6, NULL, 10));
        int length = sprintf(answer, HEAD_AT("200 OK", "%llu") "Content-Length: 2\r\n\r\n{}", (unsigned long long)emitted_index);
        return reply(connection, answer, (size_t)length);
    }
    if (strstr(path, "wait=true") != NULL) return begin_watch(connection, path);
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        if (strncmp(path, answers[i].path, strlen(answers[i].path)) == 0)
            return reply(connection, answers[i].text->bytes, answers[i].text->length);
    return reply(connection, missing_answer.bytes, missing_answer.length);
}

/* Handles what has come in completely; false where the connection is over. */
static bool serve(connection *connection)
{
    size_t done = 0;
    while (done < connection->input_length && connection->output_length == 0 && connection->feed == NO_WATCH) {
        char method[16], path[512], *request = connection->input + done;
        char *end = strstr(request, "\r\n\r\n");
        if (end == NULL) break;
        size_t length = (size_t)(end - request) + 4;
        if (request[0] == 'P') {
            char *body = strcasestr(request, "\r\nContent-Length:");
            if (body != NULL && body < end) length += strtoul(body + strlen("\r\nContent-Length:"), NULL, 10);
        }
        if (done + length > connection->input_length) break;
        if (sscanf(request, "%15s %511s", method, path) != 2 || !handle(connection, method, path)) return false;
        done += length;
    }
    connection->input_length -= done;
    memmove(connection->input, connection->input + done, connection->input_length + 1);
    return true;
}

static bool read_more(connection *connection)
{
    size_t room = sizeof connection->input - 1 - connection->input_length;
    ssize_t got = recv(connection->socket, connection->input + connection->input_length, room, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN)) return false;
    if (got > 0) connection->input_length += (size_t)got;
    connection->input[connection->input_length] = 0;
    return true;
}

static bool write_more(connection *connection)
{
    if (!push(connection)) return false;
    if (connection->output_length > 0) return true;
    if (connection->feed == ENDLESS) return feed_more(connection);
    if (connection->feed == EMITTED && !feed_more(connection)) return false;
    if (connection->output_length > 0) return true;
    wait_for(connection, EPOLLIN);
    return true;
}

static void accept_all(int listener)
{
    int socket, on = 1;
    while ((socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        connection *accepted = allocated(sizeof *accepted);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = accepted};
        accepted->socket = socket;
        setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        epoll_ctl(poller, EPOLL_CTL_ADD, socket, &event);
    }
}

static int listener_on(int port)
{
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 4096) != 0) {
        perror("null_server");
        exit(EXIT_FAILURE);
    }
    return listener;
}

int main(int argc, char **argv)
{
    struct rlimit limit;
    if (argc != 2) return 2;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    make_answers();
    int listener = listener_on(atoi(argv[1]));
    poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN}, events[256];
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);

    for (;;) {
        int count = epoll_wait(poller, events, 256, -1);
        for (int i = 0; i < count; i++) {
            connection *connection = events[i].data.ptr;
            bool stands = true;
            if (connection == NULL) {
                accept_all(listener);
                continue;
            }
            if (events[i].events & EPOLLOUT) stands = write_more(connection);
            if (stands && (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))) stands = read_more(connection);
            if (stands) stands = serve(connection);
            if (!stands) drop(connection);
        }
    }
}
