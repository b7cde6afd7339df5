/* What a C programmer writes by hand: a libcurl handle for each thread, kept alive, and json-c, whose document becomes
 * structs with copies of the strings. */
#include "measure.h"

#include <curl/curl.h>
#include <json-c/json.h>

typedef struct connection {
    CURL *handle;
    struct curl_slist *headers;
    char *body;
    size_t length, capacity;
    uint64_t etcd_index;
    unsigned thread;
} connection;

typedef struct node {
    char *key, *value;
    bool is_directory;
    int64_t created_index, modified_index, ttl;
    size_t child_count;
    struct node **children;
} node;

static size_t on_body(char *bytes, size_t size, size_t count, void *user_data)
{
    connection *connection = user_data;
    size_t length = size * count;
    if (connection->length + length + 1 > connection->capacity) {
        connection->capacity = (connection->length + length + 1) * 2;
        connection->body = realloc(connection->body, connection->capacity);
    }
    memcpy(connection->body + connection->length, bytes, length);
    connection->length += length;
    connection->body[connection->length] = 0;
    return length;
}

static size_t on_header(char *line, size_t size, size_t count, void *user_data)
{
    static const char name[] = "X-Etcd-Index: ";
    connection *connection = user_data;
    if (size * count > strlen(name) && strncasecmp(line, name, strlen(name)) == 0)
        connection->etcd_index = strtoull(line + strlen(name), NULL, 10);
    return size * count;
}

static void client_open(const setting *setting)
{
    (void)setting;
    curl_global_init(CURL_GLOBAL_ALL);
}

static void *client_connect(const setting *setting, unsigned thread)
{
    connection *connection = calloc(1, sizeof *connection);
    const char *authority = text_argument(setting->argc, setting->argv, "ca", NULL);

    connection->thread = thread;
    connection->handle = curl_easy_init();
    connection->headers = curl_slist_append(NULL, "Content-Type: application/x-www-form-urlencoded");
    curl_easy_setopt(connection->handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(connection->handle, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(connection->handle, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(connection->handle, CURLOPT_WRITEDATA, connection);
    curl_easy_setopt(connection->handle, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(connection->handle, CURLOPT_HEADERDATA, connection);
    /* etcd offers HTTP/2 over TLS, which the others here do not speak either. */
    curl_easy_setopt(connection->handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    if (authority != NULL) curl_easy_setopt(connection->handle, CURLOPT_CAINFO, authority);
    return connection;
}

static int64_t integer_of(json_object *object, const char *name)
{
    json_object *member;
    return json_object_object_get_ex(object, name, &member) ? json_object_get_int64(member) : 0;
}

static char *text_of(json_object *object, const char *name)
{
    json_object *member;
    return json_object_object_get_ex(object, name, &member) ? strdup(json_object_get_string(member)) : NULL;
}

static node *node_of(json_object *object)
{
    json_object *member;
    node *made = calloc(1, sizeof *made);
    made->key = text_of(object, "key");
    made->value = text_of(object, "value");
    made->is_directory = json_object_object_get_ex(object, "dir", &member) && json_object_get_boolean(member);
    made->created_index = integer_of(object, "createdIndex");
    made->modified_index = integer_of(object, "modifiedIndex");
    made->ttl = integer_of(object, "ttl");
    if (json_object_object_get_ex(object, "nodes", &member)) {
        made->child_count = json_object_array_length(member);
        made->children = calloc(made->child_count, sizeof *made->children);
        for (size_t i = 0; i < made->child_count; i++) made->children[i] = node_of(json_object_array_get_idx(member, i));
    }
    return made;
}

static void node_free(node *node)
{
    if (node == NULL) return;
    for (size_t i = 0; i < node->child_count; i++) node_free(node->children[i]);
    free(node->children);
    free(node->key);
    free(node->value);
    free(node);
}

static bool put(connection *connection, const char *url)
{
    char *encoded = curl_easy_escape(connection->handle, put_value(), VALUE_LENGTH);
    char *body = malloc(strlen(encoded) + sizeof "value=");
    sprintf(body, "value=%s", encoded);
    curl_free(encoded);
    curl_easy_setopt(connection->handle, CURLOPT_URL, url);
    curl_easy_setopt(connection->handle, CURLOPT_CUSTOMREQUEST, "PUT");
    curl_easy_setopt(connection->handle, CURLOPT_HTTPHEADER, connection->headers);
    curl_easy_setopt(connection->handle, CURLOPT_POSTFIELDS, body);
    CURLcode code = curl_easy_perform(connection->handle);
    free(body);
    return code == CURLE_OK;
}

static bool get(connection *connection, const char *url)
{
    curl_easy_setopt(connection->handle, CURLOPT_URL, url);
    curl_easy_setopt(connection->handle, CURLOPT_HTTPGET, 1L);
    return curl_easy_perform(connection->handle) == CURLE_OK;
}

static bool is_right(const connection *connection, const setting *setting, const node *node, uint64_t event)
{
    if (node == NULL || connection->etcd_index == 0) return false;
    if (setting->workload == WATCH) return (uint64_t)node->modified_index == event;
    if (workloads[setting->workload].children > 0) return node->child_count == workloads[setting->workload].children;
    return node->value != NULL && strlen(node->value) == workloads[setting->workload].value_length;
}

static bool client_call(void *argument, const setting *setting, uint64_t event)
{
    connection *connection = argument;
    const char *key = workloads[setting->workload].key;
    char url[256];
    bool is_answered;
    long status = 0;

    connection->length = 0;
    connection->etcd_index = 0;
    if (setting->workload == PUT) {
        snprintf(url, sizeof url, "%s/v2/keys%s-%u", setting->url, key, connection->thread);
        is_answered = put(connection, url);
    } else if (setting->workload == WATCH) {
        snprintf(url, sizeof url, "%s/v2/keys%s?recursive=false&wait=true&waitIndex=%llu", setting->url, key,
                 (unsigned long long)event);
        is_answered = get(connection, url);
    } else {
        snprintf(url, sizeof url, "%s/v2/keys%s?quorum=false&recursive=false&sorted=false", setting->url, key);
        is_answered = get(connection, url);
    }
    curl_easy_getinfo(connection->handle, CURLINFO_RESPONSE_CODE, &status);
    if (!is_answered || status / 100 != 2) return false;

    json_object *document = json_tokener_parse(connection->body), *part = NULL;
    if (document == NULL) return false;
    node *current = json_object_object_get_ex(document, "node", &part) ? node_of(part) : NULL;
    node *previous = json_object_object_get_ex(document, "prevNode", &part) ? node_of(part) : NULL;
    json_object_put(document);
    bool right = is_right(connection, setting, current, event);
    node_free(current);
    node_free(previous);
    return right;
}

static void client_disconnect(void *argument)
{
    connection *connection = argument;
    curl_easy_cleanup(connection->handle);
    curl_slist_free_all(connection->headers);
    free(connection->body);
    free(connection);
}
