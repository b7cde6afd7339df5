/* A lock with a queue, as Vault has it: each program puts an entry with a TTL into a directory, in order, and the first
 * entry owns the lock. The others each watch the entry before theirs. Entries of dead programs expire.
 * lock_queue [DIRECTORY [TURNS]]: 4 threads contend, each for so many turns; several programs may run at once. */
#define _POSIX_C_SOURCE 200809L

#include "example.h"

#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define THREADS 4
#define TTL_MS 10000

static etcd_client *client;
static const char *directory = "/example/lock";
static int turns = 3;

/* An entry in the queue. */
struct ticket {
    char value[128]; /* says whose it is: no two are the same */
    char key[256];
    double valid_until; /* by our own clock: before this it cannot have expired */
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* The queue, first entry first, as the quorum knows it. */
static etcd_response *list(void)
{
    etcd_get_options *options = etcd_get_options_new();
    etcd_response *response = NULL;
    etcd_error *error = NULL;

    must(etcd_get_options_set_sort(options, 1), "options", NULL);
    must(etcd_get_options_set_quorum(options, 1), "options", NULL);
    must(etcd_keys_get(client, NULL, directory, options, &response, &error), "list", &error);
    etcd_get_options_free(options);
    return response;
}

/* The place of the ticket in the queue, from 0, by its value while its key is unknown; -1 when it is not there. */
static int place_of(const struct ticket *ticket, const etcd_node *queue)
{
    for (size_t i = 0; i < etcd_node_child_count(queue); i++) {
        const etcd_node *entry = etcd_node_child(queue, i);
        if (ticket->key[0] != '\0' ? strcmp(etcd_node_key(entry, NULL), ticket->key) == 0
                                   : strcmp(etcd_node_value(entry, NULL), ticket->value) == 0) return (int)i;
    }
    return -1;
}

static void enter_queue(struct ticket *ticket)
{
    etcd_create_in_order_options *options = etcd_create_in_order_options_new();

    must(etcd_create_in_order_options_set_ttl_ms(options, TTL_MS), "options", NULL);
    for (ticket->key[0] = '\0'; ticket->key[0] == '\0';) {
        etcd_response *response = NULL;
        etcd_error *error = NULL;
        const etcd_node *entry = NULL;

        ticket->valid_until = now() + TTL_MS / 1e3;
        etcd_status status = etcd_keys_create_in_order(client, NULL, directory, ticket->value, ETCD_STRLEN, options,
                                                       &response, &error);
        if (etcd_error_outcome(error) == ETCD_MAYBE_APPLIED) {
            /* The answer was lost: is our value in the queue? What gets there even later belongs to nobody, and blocks
             * the queue until its TTL ends. */
            int place = place_of(ticket, etcd_response_node(response = list()));
            if (place >= 0) entry = etcd_node_child(etcd_response_node(response), (size_t)place);
        } else {
            must(status, "create", &error);
            entry = etcd_response_node(response);
        }
        if (entry) snprintf(ticket->key, sizeof ticket->key, "%s", etcd_node_key(entry, NULL));
        etcd_error_free(error);
        etcd_response_free(response);
    }
    etcd_create_in_order_options_free(options);
}

/* Starts the TTL anew, whether waiting or owning. 0 when the entry has expired, or nobody can say that it has not. */
static int renew(struct ticket *ticket)
{
    etcd_set_options *options = etcd_set_options_new();
    int is_renewed = 0;

    must(etcd_set_options_set_prev_exist(options, ETCD_PREV_EXIST), "options", NULL);
    must(etcd_set_options_set_ttl_ms(options, TTL_MS), "options", NULL);
    must(etcd_set_options_set_refresh(options, 1), "options", NULL); /* wakes no watchers */
    while (!is_renewed && now() < ticket->valid_until) {
        etcd_error *error = NULL;
        double start = now();

        is_renewed = etcd_keys_set(client, NULL, ticket->key, NULL, 0, options, NULL, &error) == ETCD_OK;
        int is_gone = etcd_error_is_key_not_found(error);
        /* Anything else, ETCD_MAYBE_APPLIED too: to renew twice does no harm. */
        etcd_error_free(error);
        if (is_gone) break;
        if (is_renewed) ticket->valid_until = start + TTL_MS / 1e3;
    }
    etcd_set_options_free(options);
    return is_renewed;
}

/* Waits until the entry is gone or something else needs a look at the queue; renews ours meanwhile. */
static void wait_for_end_of(const char *key, uint64_t index, struct ticket *ticket)
{
    etcd_watcher_options *options = etcd_watcher_options_new();
    etcd_watcher *watcher = NULL;
    etcd_error *error = NULL;
    etcd_status status;

    must(etcd_watcher_options_set_after_index(options, index), "options", NULL);
    must(etcd_watcher_new(client, key, options, &watcher, &error), "watcher", &error);
    do {
        etcd_context *soon = etcd_context_with_timeout_ms(NULL, TTL_MS / 3);
        /* Nothing but its delete or its expiry happens to an entry. An error leads to a look at the queue as well. */
        status = etcd_watcher_next(watcher, soon, NULL, &error);
        etcd_context_free(soon);
        etcd_error_free(error);
    } while (status == ETCD_ERR_DEADLINE_EXCEEDED && renew(ticket));
    etcd_watcher_free(watcher);
    etcd_watcher_options_free(options);
}

static void lock(struct ticket *ticket)
{
    int place;

    enter_queue(ticket);
    do {
        etcd_response *response = list();
        const etcd_node *queue = etcd_response_node(response);

        place = place_of(ticket, queue);
        if (place > 0) {
            const char *before = etcd_node_key(etcd_node_child(queue, (size_t)place - 1), NULL);
            wait_for_end_of(before, etcd_response_index(response), ticket);
        } else if (place < 0 || !renew(ticket)) {
            enter_queue(ticket); /* expired: at the end again */
            place = 1;
        }
        etcd_response_free(response);
    } while (place != 0);
}

/* To delete twice does no harm either, and what cannot be deleted expires. */
static void unlock(const struct ticket *ticket)
{
    int is_gone = 0;

    while (!is_gone && now() < ticket->valid_until) {
        etcd_error *error = NULL;
        is_gone = etcd_keys_delete(client, NULL, ticket->key, NULL, NULL, &error) == ETCD_OK ||
                  etcd_error_is_key_not_found(error);
        etcd_error_free(error);
    }
}

static void *work(void *number)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static int owners;
    const struct timespec at_work = {0, 20 * 1000 * 1000};
    struct ticket ticket;
    char host[64] = "";

    gethostname(host, sizeof host - 1);
    for (int turn = 0; turn < turns; turn++) {
        snprintf(ticket.value, sizeof ticket.value, "%s-%ld-%d-%d", host, (long)getpid(), *(int *)number, turn);
        lock(&ticket);
        double start = now();
        pthread_mutex_lock(&mutex);
        int owners_now = ++owners;
        pthread_mutex_unlock(&mutex);

        nanosleep(&at_work, NULL);

        pthread_mutex_lock(&mutex);
        owners--;
        pthread_mutex_unlock(&mutex);
        /* Whoever works for long renews, and stops working when valid_until is over. */
        if (now() >= ticket.valid_until) printf("%s was too slow\n", ticket.value);
        else printf("%s had the lock from %.6f to %.6f\n", ticket.value, start, now());
        if (owners_now != 1) {
            fprintf(stderr, "%d owners at once\n", owners_now);
            exit(EXIT_FAILURE);
        }
        unlock(&ticket);
    }
    return NULL;
}

int main(int count, char **arguments)
{
    pthread_t threads[THREADS];
    int numbers[THREADS];

    if (count > 1) directory = arguments[1];
    if (count > 2) turns = atoi(arguments[2]);
    client = connect_to_cluster();
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        if (pthread_create(&threads[i], NULL, work, &numbers[i]) != 0) return EXIT_FAILURE;
    }
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    must(etcd_client_close(client, 5000, NULL), "close", NULL); /* waits for the watches' thread, as a free does not */
    etcd_client_free(client);
    return EXIT_SUCCESS;
}
