/* Changes one key as fast as etcd carries it out: bursts of sets over some connections, for watchers to follow.
 *
 *     burst_writer URL connections=N burst=EVENTS bursts=N pause=SECONDS
 *
 * Prints a line of JSON: how many sets etcd carried out per second within a burst. */
#define _GNU_SOURCE
#include "blocking_http.h"
#include "process.h"

#include <pthread.h>
#include <stdatomic.h>

static atomic_long wanted;
static atomic_bool has_failed;
static const char *url;

static void *write_some(void *argument)
{
    char request[256];
    http *http = argument;
    int length = snprintf(request, sizeof request, "PUT /v2/keys/bench/burst HTTP/1.1\r\nHost: %s\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 11\r\n\r\nvalue=event", http->host);
    while (atomic_fetch_sub(&wanted, 1) > 0)
        if (!http_send(http, request, (size_t)length) || !http_read_answer(http)) atomic_store(&has_failed, true);
    return NULL;
}

int main(int argc, char **argv)
{
    int connections = (int)number_argument(argc, argv, "connections", 8);
    long burst = (long)number_argument(argc, argv, "burst", 900);
    int bursts = (int)number_argument(argc, argv, "bursts", 5);
    uint64_t writing = 0;

    if (argc < 2) return 2;
    url = argv[1];
    http **https = calloc((size_t)connections, sizeof *https);
    pthread_t *threads = calloc((size_t)connections, sizeof *threads);
    for (int i = 0; i < connections; i++) https[i] = http_connect(url);
    for (int i = 0; i < bursts; i++) {
        uint64_t begin = now_ns();
        atomic_store(&wanted, burst);
        for (int k = 0; k < connections; k++) pthread_create(&threads[k], NULL, write_some, https[k]);
        for (int k = 0; k < connections; k++) pthread_join(threads[k], NULL);
        writing += now_ns() - begin;
        sleep_seconds(number_argument(argc, argv, "pause", 0.3));
    }
    printf("{\"sets_per_second\": %.0f}\n", (double)burst * bursts / ((double)writing / 1e9));
    return atomic_load(&has_failed) ? EXIT_FAILURE : EXIT_SUCCESS;
}
