/* Every asynchronous function with NULL in each of its pointer parameters, one at a time: a call gives a future all the
 * same, which brings ETCD_ERR_INVALID_ARGUMENT; everything else refuses, or answers harmlessly. */
#include "refused.h"

/* A call whose future brings the refusal. */
#define REFUSED_LATER(parameter, call) check_refused_later((parameter), (call), __LINE__, #call)

static void check_refused_later(const char *parameter, etcd_future *future, int line, const char *call)
{
    check_line(future != NULL, __FILE__, line, "%s: a future", call);
    CHECK(etcd_future_wait(future, -1) == ETCD_OK, "it has ended");
    check_refused(etcd_future_take(future, &error), parameter, line, call);
    etcd_future_free(future);
}

static void nothing_ready(void *user_data, etcd_future *future)
{
    (void)user_data;
    (void)future;
}

static void nothing_watched(void *user_data, const etcd_response *response, const etcd_error *failure)
{
    (void)user_data;
    (void)response;
    (void)failure;
}

static int dropped;

static void count_drop(void *user_data)
{
    (void)user_data;
    dropped++;
}

static void test_keys(etcd_client *client)
{
    REFUSED_LATER("client", etcd_keys_get_async(NULL, NULL, "/a", NULL));
    REFUSED_LATER("key", etcd_keys_get_async(client, NULL, NULL, NULL));
    REFUSED_LATER("client", etcd_keys_set_async(NULL, NULL, "/a", "v", 1, NULL));
    REFUSED_LATER("key", etcd_keys_set_async(client, NULL, NULL, "v", 1, NULL));
    REFUSED_LATER("value", etcd_keys_set_async(client, NULL, "/a", NULL, 1, NULL));
    REFUSED_LATER("value", etcd_keys_set_async(client, NULL, "/a", NULL, ETCD_STRLEN, NULL));
    REFUSED_LATER("client", etcd_keys_create_async(NULL, NULL, "/a", "v", 1));
    REFUSED_LATER("key", etcd_keys_create_async(client, NULL, NULL, "v", 1));
    REFUSED_LATER("value", etcd_keys_create_async(client, NULL, "/a", NULL, 1));
    REFUSED_LATER("client", etcd_keys_update_async(NULL, NULL, "/a", "v", 1));
    REFUSED_LATER("key", etcd_keys_update_async(client, NULL, NULL, "v", 1));
    REFUSED_LATER("value", etcd_keys_update_async(client, NULL, "/a", NULL, 1));
    REFUSED_LATER("client", etcd_keys_create_in_order_async(NULL, NULL, "/a", "v", 1, NULL));
    REFUSED_LATER("dir", etcd_keys_create_in_order_async(client, NULL, NULL, "v", 1, NULL));
    REFUSED_LATER("value", etcd_keys_create_in_order_async(client, NULL, "/a", NULL, 1, NULL));
    REFUSED_LATER("client", etcd_keys_delete_async(NULL, NULL, "/a", NULL));
    REFUSED_LATER("key", etcd_keys_delete_async(client, NULL, NULL, NULL));
}

static void test_members_and_monitoring(etcd_client *client)
{
    etcd_strings *urls = etcd_strings_new();
    (void)etcd_strings_add(urls, "http://127.0.0.1:1");
    REFUSED_LATER("client", etcd_members_list_async(NULL, NULL));
    REFUSED_LATER("client", etcd_members_leader_async(NULL, NULL));
    REFUSED_LATER("client", etcd_members_add_async(NULL, NULL, "http://127.0.0.1:1"));
    REFUSED_LATER("peer_url", etcd_members_add_async(client, NULL, NULL));
    REFUSED_LATER("client", etcd_members_remove_async(NULL, NULL, "1"));
    REFUSED_LATER("member_id", etcd_members_remove_async(client, NULL, NULL));
    REFUSED_LATER("client", etcd_members_update_async(NULL, NULL, "1", urls));
    REFUSED_LATER("member_id", etcd_members_update_async(client, NULL, NULL, urls));
    REFUSED_LATER("peer_urls", etcd_members_update_async(client, NULL, "1", NULL));
    REFUSED_LATER("client", etcd_client_sync_async(NULL, NULL));
    REFUSED_LATER("client", etcd_client_version_async(NULL, NULL));
    REFUSED_LATER("client", etcd_client_health_async(NULL, NULL, NULL));
    REFUSED_LATER("client", etcd_client_stats_async(NULL, NULL, "self"));
    REFUSED_LATER("kind", etcd_client_stats_async(client, NULL, NULL));
    etcd_strings_free(urls);
}

static void test_auth(etcd_client *client)
{
    etcd_strings *list = etcd_strings_new();
    (void)etcd_strings_add(list, "/a");
    REFUSED_LATER("client", etcd_auth_enable_async(NULL, NULL));
    REFUSED_LATER("client", etcd_auth_disable_async(NULL, NULL));
    REFUSED_LATER("client", etcd_auth_status_async(NULL, NULL));
    REFUSED_LATER("client", etcd_auth_user_add_async(NULL, NULL, "u", "p"));
    REFUSED_LATER("user", etcd_auth_user_add_async(client, NULL, NULL, "p"));
    REFUSED_LATER("password", etcd_auth_user_add_async(client, NULL, "u", NULL));
    REFUSED_LATER("client", etcd_auth_user_change_password_async(NULL, NULL, "u", "p"));
    REFUSED_LATER("user", etcd_auth_user_change_password_async(client, NULL, NULL, "p"));
    REFUSED_LATER("password", etcd_auth_user_change_password_async(client, NULL, "u", NULL));
    REFUSED_LATER("client", etcd_auth_user_remove_async(NULL, NULL, "u"));
    REFUSED_LATER("user", etcd_auth_user_remove_async(client, NULL, NULL));
    REFUSED_LATER("client", etcd_auth_user_get_async(NULL, NULL, "u"));
    REFUSED_LATER("user", etcd_auth_user_get_async(client, NULL, NULL));
    REFUSED_LATER("client", etcd_auth_user_list_async(NULL, NULL));
    REFUSED_LATER("client", etcd_auth_user_grant_async(NULL, NULL, "u", list));
    REFUSED_LATER("user", etcd_auth_user_grant_async(client, NULL, NULL, list));
    REFUSED_LATER("roles", etcd_auth_user_grant_async(client, NULL, "u", NULL));
    REFUSED_LATER("client", etcd_auth_user_revoke_async(NULL, NULL, "u", list));
    REFUSED_LATER("user", etcd_auth_user_revoke_async(client, NULL, NULL, list));
    REFUSED_LATER("roles", etcd_auth_user_revoke_async(client, NULL, "u", NULL));
    REFUSED_LATER("client", etcd_auth_role_add_async(NULL, NULL, "r"));
    REFUSED_LATER("role", etcd_auth_role_add_async(client, NULL, NULL));
    REFUSED_LATER("client", etcd_auth_role_remove_async(NULL, NULL, "r"));
    REFUSED_LATER("role", etcd_auth_role_remove_async(client, NULL, NULL));
    REFUSED_LATER("client", etcd_auth_role_get_async(NULL, NULL, "r"));
    REFUSED_LATER("role", etcd_auth_role_get_async(client, NULL, NULL));
    REFUSED_LATER("client", etcd_auth_role_list_async(NULL, NULL));
    REFUSED_LATER("client", etcd_auth_role_grant_kv_async(NULL, NULL, "r", list, ETCD_READ));
    REFUSED_LATER("role", etcd_auth_role_grant_kv_async(client, NULL, NULL, list, ETCD_READ));
    REFUSED_LATER("prefixes", etcd_auth_role_grant_kv_async(client, NULL, "r", NULL, ETCD_READ));
    REFUSED_LATER("client", etcd_auth_role_revoke_kv_async(NULL, NULL, "r", list, ETCD_READ));
    REFUSED_LATER("role", etcd_auth_role_revoke_kv_async(client, NULL, NULL, list, ETCD_READ));
    REFUSED_LATER("prefixes", etcd_auth_role_revoke_kv_async(client, NULL, "r", NULL, ETCD_READ));
    etcd_strings_free(list);
}

/* A future that has ended well. */
static etcd_future *ended(etcd_future *future)
{
    CHECK(etcd_future_wait(future, -1) == ETCD_OK, "a call has ended");
    return future;
}

static void test_futures(etcd_client *client)
{
    etcd_future *future = ended(etcd_members_list_async(client, NULL));
    etcd_response *response = NULL;
    etcd_members *members = NULL;
    etcd_strings *strings = NULL, *more = NULL;
    etcd_server_version *version = NULL;
    char *text = NULL;
    size_t len = 1;
    bool flag = true;

    etcd_future_free(NULL);
    etcd_future_cancel(NULL);
    INVALID(etcd_future_wait(NULL, 0));
    HARMLESS(!etcd_future_is_ready(NULL));
    dropped = 0;
    INVALID(etcd_future_on_ready(NULL, NULL, nothing_ready, NULL, count_drop));
    INVALID(etcd_future_on_ready(future, NULL, NULL, NULL, count_drop));
    HARMLESS(dropped == 2);
    HARMLESS(etcd_future_on_ready(future, NULL, nothing_ready, NULL, NULL) == ETCD_OK);
    REFUSED("future", etcd_future_take(NULL, &error));
    REFUSED("future", etcd_future_take_response(NULL, &response, &error));
    REFUSED("future", etcd_future_take_members(NULL, &members, &error));
    REFUSED("future", etcd_future_take_strings(NULL, &strings, &error));
    REFUSED("future", etcd_future_take_prefixes(NULL, &strings, &more, &error));
    REFUSED("future", etcd_future_take_bool(NULL, &flag, &error));
    REFUSED("future", etcd_future_take_string(NULL, &text, &len, &error));
    REFUSED("future", etcd_future_take_version(NULL, &version, &error));
    HARMLESS(!flag && len == 0);
    INVALID(etcd_future_take_response(future, NULL, NULL));
    HARMLESS(etcd_future_take_members(future, NULL, NULL) == ETCD_OK);
    etcd_future_free(future);

    future = ended(etcd_client_version_async(client, NULL));
    HARMLESS(etcd_future_take_version(future, NULL, NULL) == ETCD_OK);
    etcd_future_free(future);
    future = ended(etcd_client_stats_async(client, NULL, "self"));
    HARMLESS(etcd_future_take_string(future, NULL, NULL, NULL) == ETCD_OK);
    etcd_future_free(future);
    future = ended(etcd_client_health_async(client, NULL, NULL));
    HARMLESS(etcd_future_take_bool(future, NULL, NULL) == ETCD_OK);
    etcd_future_free(future);
    future = ended(etcd_auth_role_list_async(client, NULL));
    HARMLESS(etcd_future_take_strings(future, NULL, NULL) == ETCD_OK);
    etcd_future_free(future);
    future = ended(etcd_auth_role_get_async(client, NULL, "root"));
    HARMLESS(etcd_future_take_prefixes(future, NULL, NULL, NULL) == ETCD_OK);
    etcd_future_free(future);
}

static void test_queues_and_watches(etcd_client *client)
{
    etcd_watcher *watcher = NULL;

    etcd_queue_free(NULL);
    etcd_queue_wakeup(NULL);
    HARMLESS(etcd_queue_fd(NULL) == -1);
    HARMLESS(etcd_queue_poll(NULL, 0, 0) == -ETCD_ERR_INVALID_ARGUMENT);

    FINE(etcd_watcher_new(client, "/a", NULL, &watcher, &error));
    dropped = 0;
    REFUSED("watcher", etcd_watcher_start(NULL, NULL, nothing_watched, NULL, count_drop, &error));
    REFUSED("fn", etcd_watcher_start(watcher, NULL, NULL, NULL, count_drop, &error));
    HARMLESS(dropped == 2);
    HARMLESS(etcd_watcher_start(watcher, NULL, nothing_watched, NULL, NULL, NULL) == ETCD_OK);
    HARMLESS(etcd_watcher_stop(watcher, 0) == ETCD_OK);
    etcd_watcher_free(watcher);
}

int main(void)
{
    etcd_client *client = test_client();
    test_keys(client);
    test_members_and_monitoring(client);
    test_auth(client);
    test_futures(client);
    test_queues_and_watches(client);
    /* A free would not wait for the library's threads, which valgrind then sees at the exit. */
    FINE(etcd_client_close(client, 20000, &error));
    etcd_client_free(client);
    return checks_done();
}
