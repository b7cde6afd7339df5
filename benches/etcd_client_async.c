/* Calls without blocking: some number of them is in flight all the time, each answered call begins the next one in its
 * callback, and one thread runs the queue.
 *
 *     etcd_client_async get IN_FLIGHT SECONDS URL [warm=SECONDS] [calls=N]
 *
 * calls=N makes N calls and measures nothing: for counting. Otherwise it prints what benches/measure.h does. */
#define _GNU_SOURCE
#include "connect.h"
#include "histogram.h"
#include "workload.h"

static struct {
    etcd_client *client;
    etcd_queue *queue;
    bool is_measuring, is_stopping;
    uint64_t in_flight, begun, limit, errors;
    histogram durations;
} all;

static void begin_call(void);

static void on_answer(void *user_data, etcd_future *future)
{
    uint64_t begin = (uint64_t)(uintptr_t)user_data;
    etcd_response *response = NULL;
    size_t length = 0;
    etcd_status status = etcd_future_take_response(future, &response, NULL);
    bool right = status == ETCD_OK && etcd_response_index(response) > 0 &&
                 etcd_node_value(etcd_response_node(response), &length) != NULL && length == VALUE_LENGTH;
    etcd_response_free(response);
    all.in_flight--;
    if (!right) all.errors++;
    else if (all.is_measuring) histogram_add(&all.durations, now_ns() - begin);
    begin_call();
}

static void begin_call(void)
{
    if (all.is_stopping || (all.limit > 0 && all.begun == all.limit)) return;
    all.begun++;
    all.in_flight++;
    etcd_future *future = etcd_keys_get_async(all.client, NULL, workloads[GET].key, NULL);
    must(etcd_future_on_ready(future, all.queue, on_answer, (void *)(uintptr_t)now_ns(), NULL), "callback", NULL);
    etcd_future_free(future);
}

static void run_until(uint64_t end)
{
    while (all.in_flight > 0 && now_ns() < end)
        if (etcd_queue_poll(all.queue, 100, 0) < 0) exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
    if (argc < 5 || strcmp(argv[1], "get") != 0) return 2;
    unsigned wanted = (unsigned)atoi(argv[2]);
    double seconds = strtod(argv[3], NULL);

    all.client = connect_client(argv[4], argc, argv);
    all.queue = etcd_queue_new();
    all.limit = (uint64_t)number_argument(argc, argv, "calls", 0);
    for (unsigned i = 0; i < wanted; i++) begin_call();
    if (all.limit > 0) {
        run_until(UINT64_MAX);
        printf("{\"calls\": %llu, \"errors\": %llu}\n", (unsigned long long)all.begun, (unsigned long long)all.errors);
        return all.errors == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    run_until(now_ns() + (uint64_t)(number_argument(argc, argv, "warm", 0.1) * 1e9));

    usage before = usage_now();
    uint64_t begin = now_ns();
    all.is_measuring = true;
    run_until(begin + (uint64_t)(seconds * 1e9));
    all.is_measuring = false;
    double elapsed = (double)(now_ns() - begin) / 1e9;
    usage after = usage_now();
    long peak = peak_kb(), threads = threads_now(), descriptors = descriptors_now();
    all.is_stopping = true;
    run_until(UINT64_MAX);

    double calls = all.durations.count > 0 ? (double)all.durations.count : 1;
    printf("{\"calls\": %llu, \"errors\": %llu, \"calls_per_second\": %.0f, \"p50_us\": %.2f, \"p99_us\": %.2f, "
           "\"cpu_us\": %.2f, \"user_us\": %.2f, \"switches\": %.2f, \"peak_kb\": %ld, \"threads\": %ld, \"descriptors\": %ld}\n",
           (unsigned long long)all.durations.count, (unsigned long long)all.errors, (double)all.durations.count / elapsed,
           histogram_us(&all.durations, 0.5), histogram_us(&all.durations, 0.99), (after.all_us - before.all_us) / calls,
           (after.user_us - before.user_us) / calls, (double)(after.switches - before.switches) / calls, peak, threads,
           descriptors);
    etcd_queue_free(all.queue);
    etcd_client_free(all.client);
    return EXIT_SUCCESS;
}
