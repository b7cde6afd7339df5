/* The measuring loop. A client is one file that includes this one and defines the four functions below; main is here.
 *
 *     PROGRAM WORKLOAD THREADS SECONDS URL [NAME=VALUE...]
 *
 * warm=SECONDS   before the measuring begins (0.1)
 * calls=N        N calls on one thread and no measuring: for counting, for the time to the first answer, for peak memory
 * first=N        the index of the first event that a watch gets (1)
 * events=N       how many events there are from there on; behind the last one it begins again (0 = without end)
 *
 * It prints one line of JSON. Every client checks every answer and frees it, and both are part of the time. */
#ifndef MEASURE_H
#define MEASURE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "histogram.h"
#include "process.h"
#include "workload.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct setting {
    workload workload;
    const char *url;
    uint64_t first_event, events;
    int argc;
    char **argv;
} setting;

static setting setting_of_this_run;

/* Once in the process; once in each thread, which gets its own number; a call, true when its answer is right; and the end
 * of a thread. `event` is the index of the event that a watch has to give. */
static void client_open(const setting *setting);
static void *client_connect(const setting *setting, unsigned thread);
static bool client_call(void *connection, const setting *setting, uint64_t event);
static void client_disconnect(void *connection);

enum { WARMING, MEASURING, STOPPING };
static atomic_int phase;

typedef struct worker {
    pthread_t thread;
    unsigned number;
    uint64_t errors;
    histogram durations;
} worker;

static uint64_t event_of_call(uint64_t call)
{
    const setting *setting = &setting_of_this_run;
    return setting->first_event + (setting->events == 0 ? call : call % setting->events);
}

static void *work(void *argument)
{
    worker *worker = argument;
    const setting *setting = &setting_of_this_run;
    void *connection = client_connect(setting, worker->number);

    for (uint64_t call = 0; atomic_load_explicit(&phase, memory_order_relaxed) != STOPPING; call++) {
        uint64_t event = event_of_call(call), begin = now_ns();
        bool is_right = client_call(connection, setting, event);
        uint64_t end = now_ns();
        if (atomic_load_explicit(&phase, memory_order_relaxed) != MEASURING) continue;
        if (is_right) histogram_add(&worker->durations, end - begin);
        else worker->errors++;
    }
    client_disconnect(connection);
    return NULL;
}

static int measure(unsigned threads, double seconds, double warm)
{
    static histogram all;
    uint64_t errors = 0;
    worker *workers = calloc(threads, sizeof *workers);

    for (unsigned i = 0; i < threads; i++) {
        workers[i].number = i;
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) return EXIT_FAILURE;
    }
    sleep_seconds(warm);
    usage before = usage_now();
    uint64_t begin = now_ns();
    atomic_store(&phase, MEASURING);
    sleep_seconds(seconds);
    uint64_t end = now_ns();
    usage after = usage_now();
    long peak = peak_kb(), running = threads_now(), descriptors = descriptors_now();
    atomic_store(&phase, STOPPING);

    for (unsigned i = 0; i < threads; i++) {
        pthread_join(workers[i].thread, NULL);
        histogram_merge(&all, &workers[i].durations);
        errors += workers[i].errors;
    }
    double elapsed = (double)(end - begin) / 1e9, calls = all.count > 0 ? (double)all.count : 1;
    printf("{\"calls\": %llu, \"errors\": %llu, \"calls_per_second\": %.0f, \"p50_us\": %.2f, \"p99_us\": %.2f, "
           "\"cpu_us\": %.2f, \"user_us\": %.2f, \"switches\": %.2f, \"peak_kb\": %ld, \"threads\": %ld, \"descriptors\": %ld}\n",
           (unsigned long long)all.count, (unsigned long long)errors, (double)all.count / elapsed, histogram_us(&all, 0.5),
           histogram_us(&all, 0.99), (after.all_us - before.all_us) / calls, (after.user_us - before.user_us) / calls,
           (double)(after.switches - before.switches) / calls, peak, running, descriptors);
    free(workers);
    return EXIT_SUCCESS;
}

/* One thread, which is main's. */
static int make_calls(uint64_t calls)
{
    const setting *setting = &setting_of_this_run;
    void *connection = client_connect(setting, 0);
    uint64_t errors = 0;

    for (uint64_t call = 0; call < calls; call++) {
        errors += client_call(connection, setting, event_of_call(call)) ? 0 : 1;
        if (call > 0) continue;
        printf("answered\n");
        fflush(stdout);
    }
    client_disconnect(connection);
    printf("{\"calls\": %llu, \"errors\": %llu, \"peak_kb\": %ld}\n", (unsigned long long)calls, (unsigned long long)errors,
           peak_kb());
    return errors == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: %s WORKLOAD THREADS SECONDS URL [warm=SECONDS] [calls=N] [first=N] [events=N]\n", argv[0]);
        return 2;
    }
    setting_of_this_run = (setting){
        .workload = workload_named(argv[1]),
        .url = argv[4],
        .first_event = (uint64_t)number_argument(argc, argv, "first", 1),
        .events = (uint64_t)number_argument(argc, argv, "events", 0),
        .argc = argc,
        .argv = argv,
    };
    uint64_t calls = (uint64_t)number_argument(argc, argv, "calls", 0);
    client_open(&setting_of_this_run);
    if (calls > 0) return make_calls(calls);
    return measure((unsigned)atoi(argv[2]), strtod(argv[3], NULL), number_argument(argc, argv, "warm", 0.1));
}

#endif
