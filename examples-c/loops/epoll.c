/* Many watches in one thread: `epoll 10000` holds as many, in one loop around epoll_wait(). Each watches a key of its own,
 * which is set while they wait, and the program says what they cost in memory. */
#include "../example.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

typedef struct watch {
    etcd_watcher *watcher;
    bool has_seen;
} watch;

static struct {
    etcd_client *client;
    etcd_context *context;
    etcd_queue *queue;
    watch *watches;
    size_t count, begun, answered, seen;
    char value[32];
} all;

static const char *key_of(size_t number)
{
    static char key[64]; /* there is but one thread */
    snprintf(key, sizeof key, "/example/epoll/%zu", number);
    return key;
}

static void on_event(void *user_data, const etcd_response *response, const etcd_error *error)
{
    watch *watch = user_data;
    if (error != NULL) fprintf(stderr, "watch: %s\n", etcd_error_message(error)); /* it goes on by itself */
    /* The state of the key, where so much happened that etcd had forgotten its event (a resync), may be that there is none. */
    const etcd_node *node = etcd_response_node(response);
    if (node == NULL || watch->has_seen || strcmp(etcd_node_value(node, NULL), all.value) != 0) return;
    watch->has_seen = true;
    all.seen++;
}

static void set_the_next(void);

static void on_set(void *user_data, etcd_future *future)
{
    etcd_error *error = NULL;
    (void)user_data;
    must(etcd_future_take(future, &error), "set", &error);
    all.answered++;
    set_the_next();
}

static void set_the_next(void)
{
    if (all.begun == all.count) return;
    etcd_future *future =
        etcd_keys_set_async(all.client, all.context, key_of(all.begun++), all.value, ETCD_STRLEN, NULL);
    must(etcd_future_on_ready(future, all.queue, on_set, NULL, NULL), "callback", NULL);
    etcd_future_free(future);
}

static void watch_all(uint64_t after_index)
{
    etcd_watcher_options *options = etcd_watcher_options_new();
    etcd_error *error = NULL;

    must(etcd_watcher_options_set_after_index(options, after_index), "options", NULL);
    must(etcd_watcher_options_set_resync(options, 1), "options", NULL);
    for (size_t i = 0; i < all.count; i++) {
        watch *watch = &all.watches[i];
        must(etcd_watcher_new(all.client, key_of(i), options, &watch->watcher, &error), "watcher", &error);
        must(etcd_watcher_start(watch->watcher, all.queue, on_event, watch, NULL, &error), "watch", &error);
    }
    etcd_watcher_options_free(options);
}

/* Each watch has a connection, and the usual limit of a process is 1024 descriptors. */
static void allow_descriptors(size_t count)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) exit(EXIT_FAILURE);
    if (limit.rlim_cur < count) limit.rlim_cur = limit.rlim_max < count ? limit.rlim_max : count;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= count) return;
    fprintf(stderr, "the limit of this process is %ju descriptors, and %zu are wanted\n", (uintmax_t)limit.rlim_cur, count);
    exit(EXIT_FAILURE);
}

static void print_memory(void)
{
    char line[128];
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        if (strncmp(line, "VmRSS:", 6) == 0 || strncmp(line, "Threads:", 8) == 0) fputs(line, stdout);
    if (status != NULL) fclose(status);
}

int main(int argc, char **argv)
{
    etcd_response *response = NULL;
    etcd_error *error = NULL;

    all.count = argc > 1 ? strtoul(argv[1], NULL, 10) : 200;
    alarm(60 + (unsigned)all.count / 50); /* ends a program that waits for ever, so that its fault is seen */
    allow_descriptors(all.count + 200);
    all.watches = calloc(all.count + 1, sizeof *all.watches);
    all.client = connect_to_cluster();
    all.context = etcd_context_new(NULL); /* no deadline: thousands of sets wait for their turn */
    all.queue = etcd_queue_new();
    snprintf(all.value, sizeof all.value, "%ld", (long)getpid());

    must(etcd_keys_set(all.client, NULL, "/example/epoll/begin", "", 0, NULL, &response, &error), "set", &error);
    watch_all(etcd_response_index(response));
    etcd_response_free(response);
    for (unsigned i = 0; i < 100; i++) set_the_next();

    int epoll = epoll_create1(EPOLL_CLOEXEC), queue = etcd_queue_fd(all.queue);
    struct epoll_event event = {.events = EPOLLIN}; /* level-triggered: what one poll leaves is seen by the next wait */
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, queue, &event) != 0) return EXIT_FAILURE;
    while (all.seen < all.count || all.answered < all.count)
        if ((epoll_wait(epoll, &event, 1, -1) < 0 && errno != EINTR) || etcd_queue_poll(all.queue, 0, 0) < 0) return EXIT_FAILURE;
    printf("%zu watches have seen their event\n", all.seen);
    print_memory();

    /* First the descriptor leaves the loop, then what delivers to the queue ends, and then the queue. */
    epoll_ctl(epoll, EPOLL_CTL_DEL, queue, &event);
    close(epoll);
    for (size_t i = 0; i < all.count; i++) etcd_watcher_free(all.watches[i].watcher);
    etcd_queue_free(all.queue);
    etcd_context_free(all.context);
    must(etcd_client_close(all.client, 5000, &error), "close", &error);
    etcd_client_free(all.client);
    free(all.watches);
    return EXIT_SUCCESS;
}
