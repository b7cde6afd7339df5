/* The six keys calls with all their options, and what comes back, on a real etcd. */
#include "check.h"

static etcd_client *client;
static etcd_error *error;

/* Calls that must succeed: the response is the caller's. */
static etcd_response *set(const char *key, const char *value, const etcd_set_options *options)
{
    etcd_response *response = NULL;
    CHECK_STATUS(ETCD_OK, etcd_keys_set(client, NULL, test_key(key), value, ETCD_STRLEN, options, &response, &error), &error, "set");
    return response;
}

static etcd_response *get(const char *key, const etcd_get_options *options)
{
    etcd_response *response = NULL;
    CHECK_STATUS(ETCD_OK, etcd_keys_get(client, NULL, test_key(key), options, &response, &error), &error, "get");
    return response;
}

/* A call that the server must refuse with an etcd code. */
static void check_refused(etcd_status status, int32_t code, const char *what)
{
    CHECK(status == ETCD_ERR_API && etcd_error_api_code(error) == code, "%s: code %d", what, (int)code);
    if (etcd_error_api_code(error) != code) printf("# got %s: %s\n", etcd_status_name(status), error == NULL ? "" : etcd_error_message(error));
    CHECK(etcd_error_outcome(error) == ETCD_NOT_APPLIED, "%s: not applied", what);
    etcd_error_free(error);
    error = NULL;
}

static void check_value(const char *key, const char *value)
{
    etcd_response *response = get(key, NULL);
    CHECK_TEXT(value, etcd_node_value(etcd_response_node(response), NULL), key);
    etcd_response_free(response);
}

static void test_set_and_get(void)
{
    etcd_response *first = set("plain", "one", NULL);
    etcd_response *second = set("plain", "two", NULL);
    etcd_response *got = get("plain", NULL);
    const etcd_node *node = etcd_response_node(first);
    size_t length = 0;

    CHECK_TEXT("set", etcd_response_action_name(first), "the action");
    CHECK(etcd_response_action(first) == ETCD_ACTION_SET, "the action is ETCD_ACTION_SET");
    CHECK(etcd_response_index(first) >= etcd_node_modified_index(node), "the index reaches the node's");
    CHECK(etcd_response_cluster_id(first) != NULL && etcd_response_cluster_id(first)[0] != '\0', "there is a cluster id");
    CHECK_TEXT(test_key("plain"), etcd_node_key(node, &length), "the key");
    CHECK(length == strlen(test_key("plain")), "the key's length");
    CHECK(etcd_node_created_index(node) > 0 && etcd_node_created_index(node) == etcd_node_modified_index(node), "createdIndex is modifiedIndex");
    CHECK(!etcd_node_is_dir(node) && etcd_node_ttl(node) == 0 && etcd_node_child_count(node) == 0, "a value without TTL or children");
    CHECK(!etcd_node_expiration(node, NULL, NULL), "no expiration");
    CHECK(etcd_response_prev_node(first) == NULL, "the first set replaces nothing");

    CHECK_TEXT("one", etcd_node_value(etcd_response_prev_node(second), NULL), "the replaced value");
    CHECK(etcd_node_modified_index(etcd_response_node(second)) > etcd_node_modified_index(node), "the index grows");

    CHECK_TEXT("get", etcd_response_action_name(got), "the action");
    CHECK(etcd_response_action(got) == ETCD_ACTION_GET, "the action is ETCD_ACTION_GET");
    CHECK_TEXT("two", etcd_node_value(etcd_response_node(got), &length), "the value");
    CHECK(length == 3, "the value's length");
    CHECK(etcd_response_json(got, &length) != NULL && length == strlen(etcd_response_json(got, NULL)) &&
          strstr(etcd_response_json(got, NULL), "\"two\"") != NULL, "the JSON holds the value");

    etcd_response_free(first);
    etcd_response_free(second);
    etcd_response_free(got);
    CHECK_STATUS(ETCD_OK, etcd_keys_set(client, NULL, test_key("plain"), "three", ETCD_STRLEN, NULL, NULL, &error), &error, "set without a response");
    check_value("plain", "three");
    check_refused(etcd_keys_get(client, NULL, test_key("missing"), NULL, NULL, &error), ETCD_API_KEY_NOT_FOUND, "get of a missing key");
}

static void test_values(void)
{
    static const char with_nul[] = {'a', '\0', 'b'};
    static const char utf8[] = "<&> \xc3\xa9 \xe2\x82\xac \xf0\x9f\xa6\x80 \"\\\n\t+%;=";
    const size_t big_length = 1000 * 1000;
    char *big = malloc(big_length + 1);
    etcd_response *response = NULL;
    const char *value;
    size_t length = 0;

    CHECK_STATUS(ETCD_OK, etcd_keys_set(client, NULL, test_key("nul"), with_nul, sizeof with_nul, NULL, NULL, &error), &error, "set a value with a NUL");
    response = get("nul", NULL);
    value = etcd_node_value(etcd_response_node(response), &length);
    CHECK(length == 3 && memcmp(value, with_nul, 3) == 0 && value[3] == '\0', "the NUL comes back, and one ends the value");
    etcd_response_free(response);

    CHECK_STATUS(ETCD_OK, etcd_keys_set(client, NULL, test_key("empty"), NULL, 0, NULL, NULL, &error), &error, "set NULL with length 0");
    response = get("empty", NULL);
    value = etcd_node_value(etcd_response_node(response), &length);
    CHECK(value != NULL && length == 0 && value[0] == '\0', "it is the empty string");
    etcd_response_free(response);
    etcd_response_free(set("empty", "", NULL));
    check_value("empty", "");

    etcd_response_free(set("utf8", utf8, NULL));
    check_value("utf8", utf8);
    CHECK_STATUS(ETCD_OK, etcd_keys_set(client, NULL, test_key("part"), "barbar", 3, NULL, NULL, &error), &error, "set a part of a text");
    check_value("part", "bar");

    memset(big, 'x', big_length);
    big[big_length] = '\0';
    CHECK_STATUS(ETCD_OK, etcd_keys_set(client, NULL, test_key("big"), big, big_length, NULL, NULL, &error), &error, "set a megabyte");
    response = get("big", NULL);
    value = etcd_node_value(etcd_response_node(response), &length);
    CHECK(length == big_length && memcmp(value, big, big_length) == 0, "it comes back");
    etcd_response_free(response);
    free(big);

    CHECK_STATUS(ETCD_ERR_INVALID_ARGUMENT, etcd_keys_set(client, NULL, test_key("bytes"), "ab\xff", 3, NULL, NULL, &error), NULL, "a value that is not UTF-8");
    CHECK(etcd_error_message(error) != NULL && strchr(etcd_error_message(error), '2') != NULL, "the message names the offset of the bad byte");
    CHECK(etcd_error_outcome(error) == ETCD_NOT_APPLIED, "it was not applied");
    etcd_error_free(error);
    error = NULL;
}

static void test_keys_as_text(void)
{
    static const char odd[] = "odd/a b?c#d%e&f+g;h=i:j@k,l$m!n'o(p)q*r~s[t]u\"v\\w \xc3\xa9";
    etcd_response *response = set(odd, "odd", NULL);
    char expected[300];

    CHECK_TEXT(test_key(odd), etcd_node_key(etcd_response_node(response), NULL), "the key");
    etcd_response_free(response);
    check_value(odd, "odd");
    CHECK_STATUS(ETCD_OK, etcd_keys_get(client, NULL, test_key(odd) + 1, NULL, NULL, &error), &error, "a key without its first slash");
    snprintf(expected, sizeof expected, "%s/b", test_key("odd"));
    CHECK_STATUS(ETCD_OK, etcd_keys_set(client, NULL, test_key("odd//x/.././b"), "v", ETCD_STRLEN, NULL, &response, &error), &error, "dots and empty segments");
    CHECK_TEXT(expected, etcd_node_key(etcd_response_node(response), NULL), "the key");
    etcd_response_free(response);

    CHECK_STATUS(ETCD_ERR_INVALID_ARGUMENT, etcd_keys_get(client, NULL, "../members", NULL, NULL, &error), &error, "a key that would leave the prefix");
    CHECK_STATUS(ETCD_ERR_INVALID_ARGUMENT, etcd_keys_get(client, NULL, "/a/../../members", NULL, NULL, &error), &error, "another one");
    CHECK_STATUS(ETCD_ERR_INVALID_ARGUMENT, etcd_keys_get(client, NULL, "/a\xff", NULL, NULL, &error), &error, "a key that is not UTF-8");
}

static void test_create_and_update(void)
{
    etcd_response *created = NULL, *updated = NULL;

    CHECK_STATUS(ETCD_OK, etcd_keys_create(client, NULL, test_key("made"), "one", ETCD_STRLEN, &created, &error), &error, "create");
    CHECK(etcd_response_action(created) == ETCD_ACTION_CREATE, "the action is ETCD_ACTION_CREATE");
    check_refused(etcd_keys_create(client, NULL, test_key("made"), "two", ETCD_STRLEN, NULL, &error), ETCD_API_NODE_EXIST, "create of an existing key");
    CHECK_STATUS(ETCD_OK, etcd_keys_update(client, NULL, test_key("made"), "three", ETCD_STRLEN, &updated, &error), &error, "update");
    CHECK(etcd_response_action(updated) == ETCD_ACTION_UPDATE, "the action is ETCD_ACTION_UPDATE");
    CHECK(etcd_node_created_index(etcd_response_node(updated)) == etcd_node_created_index(etcd_response_node(created)), "createdIndex is kept");
    check_value("made", "three");
    check_refused(etcd_keys_update(client, NULL, test_key("unmade"), "x", ETCD_STRLEN, NULL, &error), ETCD_API_KEY_NOT_FOUND, "update of a missing key");
    etcd_response_free(created);
    etcd_response_free(updated);
}

static void test_prev_exist(void)
{
    etcd_set_options *options = etcd_set_options_new();
    etcd_response *response;

    CHECK(etcd_set_options_set_prev_exist(options, ETCD_PREV_NO_EXIST) == ETCD_OK, "ETCD_PREV_NO_EXIST");
    response = set("exist", "one", options);
    CHECK(etcd_response_action(response) == ETCD_ACTION_CREATE, "it creates");
    etcd_response_free(response);
    check_refused(etcd_keys_set(client, NULL, test_key("exist"), "two", ETCD_STRLEN, options, NULL, &error), ETCD_API_NODE_EXIST, "and only creates");

    CHECK(etcd_set_options_set_prev_exist(options, ETCD_PREV_EXIST) == ETCD_OK, "ETCD_PREV_EXIST");
    response = set("exist", "three", options);
    CHECK(etcd_response_action(response) == ETCD_ACTION_UPDATE, "it updates");
    etcd_response_free(response);

    CHECK(etcd_set_options_set_prev_exist(options, ETCD_PREV_IGNORE) == ETCD_OK, "ETCD_PREV_IGNORE");
    response = set("exist", "four", options);
    CHECK(etcd_response_action(response) == ETCD_ACTION_SET, "it sets");
    etcd_response_free(response);
    CHECK(etcd_set_options_set_prev_exist(options, 7) == ETCD_ERR_INVALID_ARGUMENT, "an unknown etcd_prev_exist is refused");
    CHECK(etcd_set_options_set_prev_exist(options, -1) == ETCD_ERR_INVALID_ARGUMENT, "a negative one too");
    etcd_set_options_free(options);
}

static void test_compare_and_swap(void)
{
    etcd_set_options *by_value = etcd_set_options_new();
    etcd_set_options *by_index = etcd_set_options_new();
    etcd_response *response = set("swap", "one", NULL);
    uint64_t index = etcd_node_modified_index(etcd_response_node(response));
    char *big = malloc(10001);
    etcd_response_free(response);

    CHECK(etcd_set_options_set_prev_value(by_value, "one", ETCD_STRLEN) == ETCD_OK, "a previous value");
    response = set("swap", "two", by_value);
    CHECK(etcd_response_action(response) == ETCD_ACTION_COMPARE_AND_SWAP, "it compares and swaps");
    CHECK_TEXT("one", etcd_node_value(etcd_response_prev_node(response), NULL), "the replaced value");
    etcd_response_free(response);
    check_refused(etcd_keys_set(client, NULL, test_key("swap"), "x", ETCD_STRLEN, by_value, NULL, &error), ETCD_API_COMPARE_FAILED, "another value");

    CHECK(etcd_set_options_set_prev_index(by_index, index) == ETCD_OK, "a previous index");
    check_refused(etcd_keys_set(client, NULL, test_key("swap"), "x", ETCD_STRLEN, by_index, NULL, &error), ETCD_API_COMPARE_FAILED, "another index");
    response = get("swap", NULL);
    CHECK(etcd_set_options_set_prev_index(by_index, etcd_node_modified_index(etcd_response_node(response))) == ETCD_OK, "the present index");
    etcd_response_free(response);
    response = set("swap", "three", by_index);
    CHECK(etcd_response_action(response) == ETCD_ACTION_COMPARE_AND_SWAP, "it compares and swaps");
    etcd_response_free(response);

    /* In the URL it would not fit into the 4096 bytes which a server takes. */
    memset(big, 'y', 10000);
    big[10000] = '\0';
    etcd_response_free(set("swap", big, NULL));
    CHECK(etcd_set_options_set_prev_value(by_value, big, 10000) == ETCD_OK, "a previous value of 10000 bytes");
    etcd_response_free(set("swap", "four", by_value));
    check_value("swap", "four");

    CHECK(etcd_set_options_set_prev_value(by_value, "", 0) == ETCD_ERR_INVALID_ARGUMENT, "an empty previous value is refused");
    CHECK(etcd_set_options_set_prev_value(by_value, "\xff", 1) == ETCD_ERR_INVALID_ARGUMENT, "one that is not UTF-8 too");
    free(big);
    etcd_set_options_free(by_value);
    etcd_set_options_free(by_index);
}

static void test_ttl(void)
{
    etcd_set_options *options = etcd_set_options_new();
    etcd_response *response;
    int64_t seconds = 0;
    int32_t nanoseconds = -1;

    CHECK(etcd_set_options_set_ttl_ms(options, 58001) == ETCD_OK, "a TTL of 58001 ms");
    response = set("ttl", "v", options);
    CHECK(etcd_node_ttl(etcd_response_node(response)) == 59, "it is rounded up to 59 s");
    CHECK(etcd_node_expiration(etcd_response_node(response), &seconds, &nanoseconds), "there is an expiration");
    CHECK(seconds > (int64_t)time(NULL) + 50 && seconds < (int64_t)time(NULL) + 65 && nanoseconds >= 0 && nanoseconds < 1000000000,
          "in about 59 s (it is %" PRId64 ".%09" PRId32 ")", seconds, nanoseconds);
    etcd_response_free(response);

    CHECK(etcd_set_options_set_ttl_ms(options, 100000) == ETCD_OK, "a TTL of 100 s");
    CHECK(etcd_set_options_set_refresh(options, 1) == ETCD_OK, "refresh");
    CHECK(etcd_set_options_set_prev_exist(options, ETCD_PREV_EXIST) == ETCD_OK, "of an existing key");
    CHECK_STATUS(ETCD_OK, etcd_keys_set(client, NULL, test_key("ttl"), NULL, 0, options, NULL, &error), &error, "set with refresh");
    response = get("ttl", NULL);
    CHECK_TEXT("v", etcd_node_value(etcd_response_node(response), NULL), "the value");
    CHECK(etcd_node_ttl(etcd_response_node(response)) > 90, "the TTL is the new one");
    etcd_response_free(response);

    CHECK(etcd_set_options_set_ttl_ms(options, 0) == ETCD_ERR_INVALID_ARGUMENT, "a TTL of 0 is refused");
    CHECK(etcd_set_options_set_ttl_ms(options, -1) == ETCD_ERR_INVALID_ARGUMENT, "a negative one too");
    etcd_set_options_free(options);

    response = set("ttl", "v", NULL);
    CHECK(etcd_node_ttl(etcd_response_node(response)) == 0, "a set without TTL ends it");
    etcd_response_free(response);
}

static void test_no_value_on_success(void)
{
    etcd_set_options *options = etcd_set_options_new();
    etcd_response *response;
    CHECK(etcd_set_options_set_no_value_on_success(options, 1) == ETCD_OK, "no value on success");
    response = set("quiet", "v", options);
    CHECK(etcd_response_node(response) == NULL && etcd_response_prev_node(response) == NULL, "no node comes back");
    CHECK_TEXT("set", etcd_response_action_name(response), "the action");
    etcd_response_free(response);
    check_value("quiet", "v");
    etcd_set_options_free(options);
}

static void test_directory(void)
{
    etcd_set_options *as_dir = etcd_set_options_new();
    etcd_get_options *options = etcd_get_options_new();
    etcd_response *response;
    const etcd_node *node, *child;

    CHECK(etcd_set_options_set_dir(as_dir, 1) == ETCD_OK, "dir");
    CHECK_STATUS(ETCD_OK, etcd_keys_set(client, NULL, test_key("dir"), NULL, 0, as_dir, &response, &error), &error, "set a directory");
    CHECK(etcd_node_is_dir(etcd_response_node(response)), "it is a directory");
    etcd_response_free(response);
    response = get("dir", NULL);
    CHECK(etcd_node_is_dir(etcd_response_node(response)) && etcd_node_child_count(etcd_response_node(response)) == 0, "an empty one");
    etcd_response_free(response);

    etcd_response_free(set("dir/b", "2", NULL));
    etcd_response_free(set("dir/a", "1", NULL));
    etcd_response_free(set("dir/c/d/e", "3", NULL));
    etcd_response_free(set("dir/_hidden", "4", NULL));

    CHECK(etcd_get_options_set_sort(options, 1) == ETCD_OK, "sort");
    response = get("dir", options);
    node = etcd_response_node(response);
    CHECK(etcd_node_child_count(node) == 3, "three children, the hidden one left out");
    CHECK_TEXT(test_key("dir/a"), etcd_node_key(etcd_node_child(node, 0), NULL), "the first");
    CHECK_TEXT(test_key("dir/b"), etcd_node_key(etcd_node_child(node, 1), NULL), "the second");
    CHECK_TEXT("2", etcd_node_value(etcd_node_child(node, 1), NULL), "its value");
    child = etcd_node_child(node, 2);
    CHECK_TEXT(test_key("dir/c"), etcd_node_key(child, NULL), "the third");
    CHECK(etcd_node_is_dir(child) && etcd_node_child_count(child) == 0, "a directory without its content");
    CHECK(etcd_node_child(node, 3) == NULL && etcd_node_child(node, SIZE_MAX) == NULL, "nothing past the end");
    etcd_response_free(response);

    CHECK(etcd_get_options_set_recursive(options, 1) == ETCD_OK, "recursive");
    response = get("dir", options);
    child = etcd_node_child(etcd_node_child(etcd_node_child(etcd_response_node(response), 2), 0), 0);
    CHECK_TEXT(test_key("dir/c/d/e"), etcd_node_key(child, NULL), "the deepest key");
    CHECK_TEXT("3", etcd_node_value(child, NULL), "its value");
    etcd_response_free(response);
    check_value("dir/_hidden", "4");

    CHECK(etcd_get_options_set_quorum(options, 1) == ETCD_OK, "quorum");
    response = get("dir", options);
    CHECK(etcd_node_child_count(etcd_response_node(response)) == 3, "three children");
    etcd_response_free(response);
    etcd_get_options_free(options);
    etcd_set_options_free(as_dir);
}

static void test_delete(void)
{
    etcd_delete_options *as_dir = etcd_delete_options_new();
    etcd_delete_options *recursive = etcd_delete_options_new();
    etcd_response *response = NULL;
    const char *key = test_key("gone");

    etcd_response_free(set("gone", "v", NULL));
    CHECK_STATUS(ETCD_OK, etcd_keys_delete(client, NULL, key, NULL, &response, &error), &error, "delete");
    CHECK(etcd_response_action(response) == ETCD_ACTION_DELETE, "the action is ETCD_ACTION_DELETE");
    CHECK_TEXT("v", etcd_node_value(etcd_response_prev_node(response), NULL), "the deleted value");
    etcd_response_free(response);
    check_refused(etcd_keys_delete(client, NULL, key, NULL, NULL, &error), ETCD_API_KEY_NOT_FOUND, "delete once more");

    etcd_response_free(set("gone/a/b", "v", NULL));
    CHECK(etcd_delete_options_set_dir(as_dir, 1) == ETCD_OK, "dir");
    CHECK(etcd_delete_options_set_recursive(recursive, 1) == ETCD_OK, "recursive");
    check_refused(etcd_keys_delete(client, NULL, key, NULL, NULL, &error), ETCD_API_NOT_FILE, "delete of a directory");
    check_refused(etcd_keys_delete(client, NULL, key, as_dir, NULL, &error), ETCD_API_DIR_NOT_EMPTY, "delete of a full directory");
    CHECK_STATUS(ETCD_OK, etcd_keys_delete(client, NULL, key, recursive, NULL, &error), &error, "delete with recursive");
    etcd_delete_options_free(as_dir);
    etcd_delete_options_free(recursive);
}

static void test_compare_and_delete(void)
{
    etcd_delete_options *by_value = etcd_delete_options_new();
    etcd_delete_options *by_index = etcd_delete_options_new();
    etcd_response *response = set("cad", "one", NULL);
    uint64_t index = etcd_node_modified_index(etcd_response_node(response));
    const char *key = test_key("cad");
    char *big = malloc(10001);
    etcd_response_free(response);

    CHECK(etcd_delete_options_set_prev_value(by_value, "two", ETCD_STRLEN) == ETCD_OK, "a previous value");
    check_refused(etcd_keys_delete(client, NULL, key, by_value, NULL, &error), ETCD_API_COMPARE_FAILED, "delete of another value");
    CHECK(etcd_delete_options_set_prev_index(by_index, index + 1000000) == ETCD_OK, "a previous index");
    check_refused(etcd_keys_delete(client, NULL, key, by_index, NULL, &error), ETCD_API_COMPARE_FAILED, "delete of another index");

    CHECK(etcd_delete_options_set_prev_value(by_value, "one", 3) == ETCD_OK, "the present value");
    CHECK_STATUS(ETCD_OK, etcd_keys_delete(client, NULL, key, by_value, &response, &error), &error, "delete of it");
    CHECK(etcd_response_action(response) == ETCD_ACTION_COMPARE_AND_DELETE, "the action is ETCD_ACTION_COMPARE_AND_DELETE");
    etcd_response_free(response);

    response = set("cad", "one", NULL);
    CHECK(etcd_delete_options_set_prev_index(by_index, etcd_node_modified_index(etcd_response_node(response))) == ETCD_OK, "the present index");
    etcd_response_free(response);
    CHECK_STATUS(ETCD_OK, etcd_keys_delete(client, NULL, key, by_index, NULL, &error), &error, "delete of it");

    /* A server cannot be told such a comparison, and must not be told to delete without one. */
    memset(big, 'y', 10000);
    big[10000] = '\0';
    etcd_response_free(set("cad", big, NULL));
    CHECK(etcd_delete_options_set_prev_value(by_value, big, ETCD_STRLEN) == ETCD_OK, "a previous value of 10000 bytes");
    CHECK_STATUS(ETCD_ERR_INVALID_ARGUMENT, etcd_keys_delete(client, NULL, key, by_value, NULL, &error), &error, "delete of it");
    check_value("cad", big);
    CHECK(etcd_delete_options_set_prev_value(by_value, "", 0) == ETCD_ERR_INVALID_ARGUMENT, "an empty previous value is refused");
    free(big);
    etcd_delete_options_free(by_value);
    etcd_delete_options_free(by_index);
}

static void test_create_in_order(void)
{
    etcd_create_in_order_options *options = etcd_create_in_order_options_new();
    etcd_response *first = NULL, *second = NULL;
    const char *dir = test_key("queue");
    const etcd_node *node;

    CHECK_STATUS(ETCD_OK, etcd_keys_create_in_order(client, NULL, dir, "one", ETCD_STRLEN, NULL, &first, &error), &error, "create in order");
    CHECK(etcd_create_in_order_options_set_ttl_ms(options, 60000) == ETCD_OK, "a TTL");
    CHECK_STATUS(ETCD_OK, etcd_keys_create_in_order(client, NULL, dir, "two", 3, options, &second, &error), &error, "create in order");
    node = etcd_response_node(second);
    CHECK(etcd_response_action(second) == ETCD_ACTION_CREATE, "the action is ETCD_ACTION_CREATE");
    CHECK(strncmp(etcd_node_key(node, NULL), dir, strlen(dir)) == 0, "the key is in the directory");
    CHECK(strcmp(etcd_node_key(etcd_response_node(first), NULL), etcd_node_key(node, NULL)) < 0, "the keys sort by age");
    CHECK(etcd_node_ttl(node) == 60 && etcd_node_ttl(etcd_response_node(first)) == 0, "only the second has a TTL");
    CHECK(etcd_create_in_order_options_set_ttl_ms(options, 0) == ETCD_ERR_INVALID_ARGUMENT, "a TTL of 0 is refused");
    etcd_response_free(first);
    etcd_response_free(second);
    etcd_create_in_order_options_free(options);
}

static void test_server_version(void)
{
    etcd_server_version *version = NULL;
    CHECK_STATUS(ETCD_OK, etcd_client_version(client, NULL, &version, &error), &error, "version");
    CHECK(etcd_server_version_server(version) != NULL && strchr(etcd_server_version_server(version), '.') != NULL, "the server's version");
    CHECK(etcd_server_version_cluster(version) != NULL && etcd_server_version_cluster(version)[0] != '\0', "the cluster's version");
    etcd_server_version_free(version);
}

int main(void)
{
    client = test_client();
    test_set_and_get();
    test_values();
    test_keys_as_text();
    test_create_and_update();
    test_prev_exist();
    test_compare_and_swap();
    test_ttl();
    test_no_value_on_success();
    test_directory();
    test_delete();
    test_compare_and_delete();
    test_create_in_order();
    test_server_version();
    remove_test_keys(client);
    etcd_client_free(client);
    return checks_done();
}
