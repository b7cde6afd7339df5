/* A copy of everything below a key that stays the same as the cluster's: a recursive get gives the state, and a watch
 * from its index all that comes after. It goes on through errors; when etcd has forgotten events, it gets a new state.
 * mirror [PREFIX]: ends when PREFIX/end is set, and compares. Without PREFIX a thread of its own makes the changes. */
#define _POSIX_C_SOURCE 200809L

#include "example.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

static const char *prefix = "/example/mirror";

struct entry {
    char *key, *value;
    uint64_t modified_index;
};

/* In no order; a large copy would want a hash table or a tree here. */
struct copy {
    struct entry *entries;
    size_t count;
};

static char *duplicate(const char *text)
{
    char *duplicate = malloc(strlen(text) + 1);
    if (duplicate == NULL) abort();
    return strcpy(duplicate, text);
}

/* Whether it is this key or, in a directory that goes as a whole, one below it. */
static int is_at_or_below(const char *directory, const char *key)
{
    size_t length = strlen(directory);
    return strncmp(key, directory, length) == 0 && (key[length] == '\0' || key[length] == '/');
}

static void forget(struct copy *copy, const char *key)
{
    size_t kept = 0;
    for (size_t i = 0; i < copy->count; i++) {
        if (is_at_or_below(key, copy->entries[i].key)) {
            free(copy->entries[i].key);
            free(copy->entries[i].value);
        } else {
            copy->entries[kept++] = copy->entries[i];
        }
    }
    copy->count = kept;
}

/* All values of a tree; a single value is the smallest tree. */
static void remember(struct copy *copy, const etcd_node *node)
{
    for (size_t i = 0; i < etcd_node_child_count(node); i++) remember(copy, etcd_node_child(node, i));
    if (node == NULL || etcd_node_is_dir(node)) return;
    copy->entries = realloc(copy->entries, (copy->count + 1) * sizeof *copy->entries);
    if (copy->entries == NULL) abort();
    copy->entries[copy->count].key = duplicate(etcd_node_key(node, NULL));
    copy->entries[copy->count].value = duplicate(etcd_node_value(node, NULL));
    copy->entries[copy->count++].modified_index = etcd_node_modified_index(node);
}

/* Every event is either the end of a key or directory, its new value, or the whole state anew. */
static void apply(struct copy *copy, const etcd_response *event)
{
    const etcd_node *node = etcd_response_node(event);

    switch (etcd_response_action(event)) {
    case ETCD_ACTION_DELETE:
    case ETCD_ACTION_COMPARE_AND_DELETE:
    case ETCD_ACTION_EXPIRE:
        forget(copy, etcd_node_key(node, NULL));
        break;
    case ETCD_ACTION_RESYNC:
        forget(copy, "");
        remember(copy, node);
        break;
    default:
        /* A directory whose TTL is changed keeps what is in it. */
        if (!etcd_node_is_dir(etcd_response_prev_node(event))) forget(copy, etcd_node_key(node, NULL));
        remember(copy, node);
    }
}

static const struct entry *find(const struct copy *copy, const char *key)
{
    for (size_t i = 0; i < copy->count; i++)
        if (strcmp(copy->entries[i].key, key) == 0) return &copy->entries[i];
    return NULL;
}

/* The state as the quorum knows it, and its index, also when there is nothing. */
static struct copy read_state(etcd_client *client, uint64_t *index)
{
    etcd_get_options *options = etcd_get_options_new();
    struct copy copy = {NULL, 0};
    etcd_response *response = NULL;
    etcd_error *error = NULL;

    must(etcd_get_options_set_recursive(options, 1), "options", NULL);
    must(etcd_get_options_set_quorum(options, 1), "options", NULL);
    etcd_status status = etcd_keys_get(client, NULL, prefix, options, &response, &error);
    if (!etcd_error_is_key_not_found(error)) must(status, "get", &error);
    *index = response ? etcd_response_index(response) : etcd_error_api_index(error);
    remember(&copy, etcd_response_node(response));
    etcd_error_free(error);
    etcd_response_free(response);
    etcd_get_options_free(options);
    return copy;
}

static size_t count_differences(const struct copy *ours, const struct copy *theirs)
{
    size_t differences = 0;

    for (size_t i = 0; i < theirs->count; i++) {
        const struct entry *their = &theirs->entries[i], *our = find(ours, their->key);
        if (our && strcmp(our->value, their->value) == 0 && our->modified_index == their->modified_index) continue;
        printf("%s: %s here, %s there\n", their->key, our ? our->value : "nothing", their->value);
        differences++;
    }
    for (size_t i = 0; i < ours->count; i++) {
        if (find(theirs, ours->entries[i].key)) continue;
        printf("%s: %s here, nothing there\n", ours->entries[i].key, ours->entries[i].value);
        differences++;
    }
    return differences;
}

static void set(etcd_client *client, const char *name, const char *value, int64_t ttl_ms)
{
    etcd_set_options *options = etcd_set_options_new();
    etcd_error *error = NULL;
    char key[256];

    snprintf(key, sizeof key, "%s/%s", prefix, name);
    if (ttl_ms > 0) must(etcd_set_options_set_ttl_ms(options, ttl_ms), "options", NULL);
    must(etcd_keys_set(client, NULL, key, value, ETCD_STRLEN, options, NULL, &error), "set", &error);
    etcd_set_options_free(options);
}

/* Of a key, or of a directory with all below it; one that is not there is fine. */
static void delete(etcd_client *client, const char *name)
{
    etcd_delete_options *options = etcd_delete_options_new();
    etcd_error *error = NULL;
    char key[256];

    snprintf(key, sizeof key, "%s%s", prefix, name);
    must(etcd_delete_options_set_recursive(options, 1), "options", NULL);
    etcd_status status = etcd_keys_delete(client, NULL, key, options, NULL, &error);
    if (!etcd_error_is_key_not_found(error)) must(status, "delete", &error);
    etcd_error_free(error);
    etcd_delete_options_free(options);
}

static void *make_changes(void *client)
{
    const struct timespec until_expired = {2, 0};

    set(client, "soon-gone", "expires", 1000);
    for (int i = 0; i < 300; i++) {
        char name[32], value[32];
        snprintf(name, sizeof name, "directory-%d/key-%d", i % 3, i % 10);
        snprintf(value, sizeof value, "%d", i);
        set(client, name, value, 0);
        if (i % 50 == 49) delete(client, "/directory-1");
    }
    nanosleep(&until_expired, NULL);
    set(client, "end", "", 0);
    return NULL;
}

int main(int count, char **arguments)
{
    etcd_client *client = connect_to_cluster();
    etcd_watcher_options *options = etcd_watcher_options_new();
    etcd_watcher *watcher = NULL;
    etcd_error *error = NULL;
    uint64_t index = 0;
    char end[256];
    unsigned long events = 0, resyncs = 0, errors = 0;
    pthread_t changes;

    if (count > 1) prefix = arguments[1];
    else delete(client, "");
    snprintf(end, sizeof end, "%s/end", prefix);

    struct copy copy = read_state(client, &index);
    must(etcd_watcher_options_set_after_index(options, index), "options", NULL);
    must(etcd_watcher_options_set_recursive(options, 1), "options", NULL);
    must(etcd_watcher_options_set_resync(options, 1), "options", NULL);
    must(etcd_watcher_new(client, prefix, options, &watcher, &error), "watcher", &error);
    etcd_watcher_options_free(options);
    if (count == 1 && pthread_create(&changes, NULL, make_changes, client) != 0) return EXIT_FAILURE;

    while (find(&copy, end) == NULL) {
        etcd_response *event = NULL;
        etcd_status status = etcd_watcher_next(watcher, NULL, &event, &error);
        if (status == ETCD_ERR_CLOSED) must(status, "watch", &error);
        if (status == ETCD_OK) {
            apply(&copy, event);
            events++;
            if (etcd_response_action(event) == ETCD_ACTION_RESYNC) resyncs++;
        } else {
            /* Nothing is lost: the next call goes on from here, after a pause where one is needed. */
            fprintf(stderr, "watch: %s\n", etcd_error_message(error));
            etcd_error_free(error);
            errors++;
        }
        etcd_response_free(event);
    }

    struct copy state = read_state(client, &index);
    size_t differences = count_differences(&copy, &state);
    printf("%lu events, %lu resyncs, %lu errors, %zu keys, %zu differences\n", events, resyncs, errors, state.count,
           differences);

    if (count == 1) pthread_join(changes, NULL);
    forget(&copy, "");
    forget(&state, "");
    free(copy.entries);
    free(state.entries);
    etcd_watcher_free(watcher);
    must(etcd_client_close(client, 5000, NULL), "close", NULL); /* waits for the watches' thread, as a free does not */
    etcd_client_free(client);
    return differences == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
