/* Many watches of one client, or one that has much to tell.
 *
 *     watches idle N URL              N watches that hear nothing: memory, threads, descriptors
 *     watches follow EVENTS URL       one watch follows EVENTS changes of a key, in bursts of burst=N
 *     watches fan-out N URL           N watches of one key, which is set events=N times: until the last one has heard it
 *     watches counted EVENTS URL      one watch on the null server, which sends batch=N events at a time: for counting
 *
 * key=KEY is what is watched, after=INDEX; set=KEY what is set, where it is another one; stream=0 makes a request for each
 * event. Each prints one line of JSON, but for `counted`. */
#define _GNU_SOURCE
#include "blocking_http.h"
#include "connect.h"
#include "histogram.h"

#include <stdatomic.h>

static etcd_client *client;
static bool is_stream;

static void no_event(void *user_data, const etcd_response *response, const etcd_error *error)
{
    (void)user_data;
    (void)response;
    if (error != NULL) fprintf(stderr, "watch: %s\n", etcd_error_message(error));
}

static etcd_watcher *watcher_of(const char *key, uint64_t after_index)
{
    etcd_watcher_options *options = etcd_watcher_options_new();
    etcd_watcher *watcher = NULL;
    etcd_error *error = NULL;
    must(etcd_watcher_options_set_after_index(options, after_index), "options", NULL);
    must(etcd_watcher_options_set_stream(options, is_stream), "options", NULL);
    must(etcd_watcher_new(client, key, options, &watcher, &error), "watcher", &error);
    etcd_watcher_options_free(options);
    return watcher;
}

/* A watch has a connection of its own, here as in Go; when all of them are there, so are the watches, but for an answer. */
static void wait_for_descriptors(long count)
{
    for (int i = 0; descriptors_now() < count; i++) {
        if (i == 6000) {
            fprintf(stderr, "%ld descriptors after a minute, and not %ld\n", descriptors_now(), count);
            exit(EXIT_FAILURE);
        }
        sleep_seconds(0.01);
    }
}

static int idle(size_t count)
{
    etcd_error *error = NULL;
    char key[64];
    long resident = resident_kb(), descriptors = descriptors_now();

    for (size_t i = 0; i < count; i++) {
        snprintf(key, sizeof key, "/bench/idle/%zu", i);
        must(etcd_watcher_start(watcher_of(key, 0), NULL, no_event, NULL, NULL, &error), "watch", &error);
        if (i % 500 == 499) wait_for_descriptors(descriptors + (long)i + 1);
    }
    wait_for_descriptors(descriptors + (long)count);
    sleep_seconds(1);
    usage before = usage_now();
    sleep_seconds(1);
    usage after = usage_now();
    printf("{\"watches\": %zu, \"resident_kb\": %ld, \"kb_per_watch\": %.2f, \"threads\": %ld, \"descriptors\": %ld, "
           "\"cpu_ms_per_second\": %.2f}\n", count, resident_kb(), (double)(resident_kb() - resident) / (double)count,
           threads_now(), descriptors_now(), (after.all_us - before.all_us) / 1e3);
    return EXIT_SUCCESS;
}

/* Between two bursts it waits for the writer, which is no part of the time. */
static int follow(uint64_t events, uint64_t burst, const char *key, uint64_t after_index)
{
    etcd_watcher *watcher = watcher_of(key, after_index);
    uint64_t following = 0, begin = 0, last_index = 0;
    usage before = usage_now();

    for (uint64_t i = 0; i < events; i++) {
        etcd_response *response = NULL;
        etcd_error *error = NULL;
        must(etcd_watcher_next(watcher, NULL, &response, &error), "event", &error);
        uint64_t index = etcd_node_modified_index(etcd_response_node(response));
        if (last_index != 0 && index != last_index + 1) {
            fprintf(stderr, "the event after %llu has the index %llu\n", (unsigned long long)last_index,
                    (unsigned long long)index);
            return EXIT_FAILURE;
        }
        last_index = index;
        etcd_response_free(response);
        if (i % burst == 0) begin = now_ns();
        if (i % burst == burst - 1) following += now_ns() - begin;
    }
    usage after = usage_now();
    printf("{\"events\": %llu, \"events_per_second\": %.0f, \"cpu_us\": %.3f, \"peak_kb\": %ld}\n",
           (unsigned long long)events, (double)(events - events / burst) / ((double)following / 1e9),
           (after.all_us - before.all_us) / (double)events, peak_kb());
    return EXIT_SUCCESS;
}

static atomic_ulong heard;

static void on_event(void *user_data, const etcd_response *response, const etcd_error *error)
{
    (void)user_data;
    if (error != NULL) fprintf(stderr, "watch: %s\n", etcd_error_message(error));
    if (response != NULL) atomic_fetch_add(&heard, 1);
}

static int fan_out(size_t count, unsigned events, const char *key, const char *set_key, uint64_t after_index)
{
    static histogram durations;
    etcd_error *error = NULL;
    long descriptors = descriptors_now();
    usage before = usage_now();

    for (size_t i = 0; i < count; i++)
        must(etcd_watcher_start(watcher_of(key, after_index), NULL, on_event, NULL, NULL, &error), "watch", &error);
    wait_for_descriptors(descriptors + (long)count);
    sleep_seconds(0.5);
    for (unsigned event = 0; event <= events; event++) {
        /* The first one is not counted: with it, every connection and buffer is there. */
        if (event == 1) before = usage_now();
        atomic_store(&heard, 0);
        uint64_t begin = now_ns();
        must(etcd_keys_set(client, NULL, set_key, "event", ETCD_STRLEN, NULL, NULL, &error), "set", &error);
        while (atomic_load(&heard) < count) sleep_seconds(0.0001);
        if (event > 0) histogram_add(&durations, now_ns() - begin);
    }
    usage after = usage_now();
    printf("{\"watches\": %zu, \"events\": %u, \"p50_us\": %.1f, \"p99_us\": %.1f, \"cpu_us_per_event\": %.1f, \"peak_kb\": %ld, "
           "\"threads\": %ld}\n", count, events, histogram_us(&durations, 0.5), histogram_us(&durations, 0.99),
           (after.all_us - before.all_us) / events, peak_kb(), threads_now());
    return EXIT_SUCCESS;
}

static bool emit(http *http, uint64_t count)
{
    char request[128];
    int length = snprintf(request, sizeof request, "GET /emit/%llu HTTP/1.1\r\nHost: null\r\n\r\n", (unsigned long long)count);
    return http_send(http, request, (size_t)length) && http_read_answer(http);
}

static void take_events(etcd_watcher *watcher, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        etcd_response *response = NULL;
        etcd_error *error = NULL;
        must(etcd_watcher_next(watcher, NULL, &response, &error), "event", &error);
        etcd_response_free(response);
    }
}

/* Whether an event has come or not when it is asked for changes the work, so each batch is there before the first next. */
static int counted(uint64_t events, uint64_t batch, const char *url)
{
    http *http = http_connect(url);
    if (!emit(http, 0)) return EXIT_FAILURE;
    etcd_watcher *watcher = watcher_of("/bench/emitted", http->etcd_index);

    /* The first batch is there as well, however long it takes until the watch begins. */
    for (uint64_t taken = 0; taken < events; taken += batch) {
        if (!emit(http, batch)) return EXIT_FAILURE;
        take_events(watcher, batch);
    }
    http_free(http);
    etcd_watcher_free(watcher);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    if (argc < 4) return 2;
    const char *mode = argv[1], *url = argv[3], *key = text_argument(argc, argv, "key", "/bench/watch");
    uint64_t count = strtoull(argv[2], NULL, 10), after_index = (uint64_t)number_argument(argc, argv, "after", 0);

    allow_descriptors();
    client = connect_client(url, argc, argv);
    is_stream = number_argument(argc, argv, "stream", 1) != 0;
    if (strcmp(mode, "idle") == 0) return idle(count);
    if (strcmp(mode, "follow") == 0)
        return follow(count, (uint64_t)number_argument(argc, argv, "burst", (double)count), key, after_index);
    if (strcmp(mode, "fan-out") == 0)
        return fan_out(count, (unsigned)number_argument(argc, argv, "events", 50), key,
                       text_argument(argc, argv, "set", key), after_index);
    if (strcmp(mode, "counted") == 0) return counted(count, (uint64_t)number_argument(argc, argv, "batch", 1), url);
    return 2;
}
