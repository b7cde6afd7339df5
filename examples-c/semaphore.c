/* A semaphore in one key, as locksmith has it: who holds a slot stands in the value, which is replaced only if nobody
 * has changed it since it was read. A name in the list is a slot, so whoever finds its own name there has one, also when
 * the answer to its write was lost. The slot of a program that dies stays taken until somebody removes the name. */
#define _POSIX_C_SOURCE 200809L

#include "example.h"

#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SEMAPHORE "/example/semaphore"
#define SLOTS 2
#define THREADS 5

static etcd_client *client;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int inside, most_inside;

/* The value is {"max":2,"holders":["one","two"]}. */
struct holders {
    char names[SLOTS][32];
    int count;
};

static struct holders parse(const char *value)
{
    struct holders holders = {{{0}}, 0};
    const char *rest = strchr(value, '[');

    while (rest && holders.count < SLOTS && sscanf(rest, "%*[[,]\"%31[^\"]\"", holders.names[holders.count]) == 1)
        rest += strlen(holders.names[holders.count++]) + 3;
    return holders;
}

static void print_into(char *text, size_t size, const struct holders *holders)
{
    size_t length = (size_t)snprintf(text, size, "{\"max\":%d,\"holders\":[", SLOTS);
    for (int i = 0; i < holders->count; i++)
        length += (size_t)snprintf(text + length, size - length, "%s\"%s\"", i ? "," : "", holders->names[i]);
    snprintf(text + length, size - length, "]}");
}

static int position_of(const char *name, const struct holders *holders)
{
    int i = 0;
    while (i < holders->count && strcmp(holders->names[i], name) != 0) i++;
    return i;
}

static void wait_for_change_after(uint64_t index)
{
    etcd_watcher_options *options = etcd_watcher_options_new();
    etcd_context *patience = etcd_context_with_timeout_ms(NULL, 10000);
    etcd_watcher *watcher = NULL;
    etcd_error *error = NULL;

    must(etcd_watcher_options_set_after_index(options, index), "options", NULL);
    /* A state instead of an event is a change as well: whatever comes, the key is read again. */
    must(etcd_watcher_options_set_resync(options, 1), "options", NULL);
    must(etcd_watcher_new(client, SEMAPHORE, options, &watcher, &error), "watcher", &error);
    must(etcd_watcher_next(watcher, patience, NULL, &error), "no slot becomes free", &error);
    etcd_watcher_free(watcher);
    etcd_context_free(patience);
    etcd_watcher_options_free(options);
}

/* Puts the name into the list, or takes it out, until a look at the list shows that it is so. */
static void change(const char *name, int is_to_hold)
{
    etcd_get_options *newest = etcd_get_options_new();
    etcd_set_options *unchanged = etcd_set_options_new();
    int is_done = 0;

    must(etcd_get_options_set_quorum(newest, 1), "options", NULL);
    while (!is_done) {
        etcd_response *response = NULL;
        etcd_error *error = NULL;
        char text[128];

        must(etcd_keys_get(client, NULL, SEMAPHORE, newest, &response, &error), "get", &error);
        const etcd_node *node = etcd_response_node(response);
        struct holders holders = parse(etcd_node_value(node, NULL));
        int position = position_of(name, &holders), holds = position < holders.count;
        must(etcd_set_options_set_prev_index(unchanged, etcd_node_modified_index(node)), "options", NULL);
        uint64_t index = etcd_response_index(response);
        etcd_response_free(response);

        if (holds == is_to_hold) break;
        if (is_to_hold && holders.count == SLOTS) {
            wait_for_change_after(index);
            continue;
        }
        if (is_to_hold) strcpy(holders.names[holders.count++], name);
        else memmove(holders.names[position], holders.names[--holders.count], sizeof holders.names[0]);
        print_into(text, sizeof text, &holders);
        etcd_status status = etcd_keys_set(client, NULL, SEMAPHORE, text, ETCD_STRLEN, unchanged, NULL, &error);
        is_done = status == ETCD_OK;
        /* Somebody was faster, or the write may have happened, or may yet: the next look tells. A second write of ours
         * with the same index cannot do harm, for etcd carries out only one of the two. */
        int look_again = etcd_error_api_code(error) == ETCD_API_COMPARE_FAILED ||
                         etcd_error_outcome(error) == ETCD_MAYBE_APPLIED;
        if (!look_again) must(status, "compare-and-swap", &error);
        etcd_error_free(error);
    }
    etcd_set_options_free(unchanged);
    etcd_get_options_free(newest);
}

/* The first program makes it; for all others, and after a first try that happened unseen, it is there already. */
static void create_if_absent(const char *text)
{
    etcd_error *error = NULL;
    etcd_status status;
    int is_known;

    do {
        status = etcd_keys_create(client, NULL, SEMAPHORE, text, ETCD_STRLEN, NULL, &error);
        is_known = etcd_error_outcome(error) != ETCD_MAYBE_APPLIED;
        if (is_known && etcd_error_api_code(error) != ETCD_API_NODE_EXIST) must(status, "create", &error);
        etcd_error_free(error);
    } while (!is_known);
}

static void *work(void *number)
{
    const struct timespec at_work = {0, 20 * 1000 * 1000};
    char name[32];

    snprintf(name, sizeof name, "%ld-%d", (long)getpid(), *(int *)number);
    for (int turn = 0; turn < 3; turn++) {
        change(name, 1);
        pthread_mutex_lock(&mutex);
        if (++inside > most_inside) most_inside = inside;
        printf("%s has a slot, %d in use\n", name, inside);
        pthread_mutex_unlock(&mutex);
        nanosleep(&at_work, NULL);
        pthread_mutex_lock(&mutex);
        inside--;
        pthread_mutex_unlock(&mutex);
        change(name, 0);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    int numbers[THREADS];
    struct holders nobody = {{{0}}, 0};
    char text[128];

    client = connect_to_cluster();
    print_into(text, sizeof text, &nobody);
    create_if_absent(text);

    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        if (pthread_create(&threads[i], NULL, work, &numbers[i]) != 0) return EXIT_FAILURE;
    }
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    printf("at most %d of %d slots were in use\n", most_inside, SLOTS);
    must(etcd_client_close(client, 5000, NULL), "close", NULL); /* waits for the watches' thread, as a free does not */
    etcd_client_free(client);
    return most_inside <= SLOTS ? EXIT_SUCCESS : EXIT_FAILURE;
}
