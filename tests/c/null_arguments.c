/* Every exported function with NULL in each of its pointer parameters, one at a time: never a crash, but
 * ETCD_ERR_INVALID_ARGUMENT with a message that names the parameter, or the harmless answer that the header promises.
 * scripts/check-null-arguments makes sure that no function is forgotten. */
#include "refused.h"

static void test_free(void)
{
    etcd_config_free(NULL);
    etcd_context_free(NULL);
    etcd_error_free(NULL);
    etcd_client_free(NULL);
    etcd_server_version_free(NULL);
    etcd_watcher_free(NULL);
    etcd_watcher_options_free(NULL);
    etcd_get_options_free(NULL);
    etcd_set_options_free(NULL);
    etcd_delete_options_free(NULL);
    etcd_create_in_order_options_free(NULL);
    etcd_response_free(NULL);
    etcd_members_free(NULL);
    etcd_strings_free(NULL);
    etcd_string_free(NULL);
    CHECK(1, "every _free takes NULL");
}

static void log_nothing(void *user_data, etcd_log_level level, const char *message)
{
    (void)user_data;
    (void)level;
    (void)message;
}

static void test_config(void)
{
    etcd_config *config = etcd_config_new();

    INVALID(etcd_config_add_endpoint(NULL, "http://127.0.0.1:2379"));
    INVALID(etcd_config_add_endpoint(config, NULL));
    INVALID(etcd_config_set_credentials(NULL, "user", "password"));
    HARMLESS(etcd_config_set_credentials(config, "user", NULL) == ETCD_OK);
    HARMLESS(etcd_config_set_credentials(config, NULL, "password") == ETCD_OK);
    HARMLESS(etcd_config_set_credentials(config, NULL, NULL) == ETCD_OK);
    INVALID(etcd_config_set_request_timeout_ms(NULL, 1000));
    INVALID(etcd_config_set_header_timeout_ms(NULL, 1000));
    INVALID(etcd_config_set_connect_timeout_ms(NULL, 1000));
    INVALID(etcd_config_set_quorum_reads(NULL, 1));
    INVALID(etcd_config_set_refuse_isolated(NULL, 1));
    INVALID(etcd_config_set_resend_sets(NULL, 0));
    INVALID(etcd_config_set_selection_mode(NULL, ETCD_SELECT_RANDOM));
    INVALID(etcd_config_set_max_redirects(NULL, 1));
    INVALID(etcd_config_set_max_response_bytes(NULL, 1));
    INVALID(etcd_config_set_keys_prefix(NULL, "/v2/keys"));
    INVALID(etcd_config_set_keys_prefix(config, NULL));
    INVALID(etcd_config_set_proxy(NULL, "http://127.0.0.1:1"));
    HARMLESS(etcd_config_set_proxy(config, NULL) == ETCD_OK);
    INVALID(etcd_config_add_ca_file(NULL, "/ca.pem"));
    INVALID(etcd_config_add_ca_file(config, NULL));
    INVALID(etcd_config_add_ca_pem(NULL, "pem", 3));
    INVALID(etcd_config_add_ca_pem(config, NULL, 0));
    INVALID(etcd_config_add_ca_pem(config, NULL, 3));
    INVALID(etcd_config_set_system_roots(NULL, 1));
    INVALID(etcd_config_set_client_cert_files(NULL, "/cert.pem", "/key.pem"));
    INVALID(etcd_config_set_client_cert_files(config, NULL, "/key.pem"));
    HARMLESS(etcd_config_set_client_cert_files(config, NULL, NULL) == ETCD_OK);
    INVALID(etcd_config_set_client_cert_pem(NULL, "cert", 4, "key", 3));
    INVALID(etcd_config_set_client_cert_pem(config, NULL, 4, "key", 3));
    INVALID(etcd_config_set_client_cert_pem(config, "cert", 4, NULL, 3));
    INVALID(etcd_config_set_server_name(NULL, "localhost"));
    HARMLESS(etcd_config_set_server_name(config, NULL) == ETCD_OK);
    INVALID(etcd_config_set_insecure_skip_verify(NULL, 1));
    INVALID(etcd_config_set_log(NULL, ETCD_LOG_WARN, log_nothing, NULL, NULL));
    HARMLESS(etcd_config_set_log(config, ETCD_LOG_WARN, NULL, NULL, NULL) == ETCD_OK);
    HARMLESS(etcd_config_set_log(config, ETCD_LOG_WARN, log_nothing, NULL, NULL) == ETCD_OK);
    INVALID(etcd_config_set_protocol(NULL, ETCD_PROTOCOL_AUTO));
    etcd_config_free(config);
}

static void test_context(void)
{
    etcd_context *context = etcd_context_new(NULL);
    HARMLESS(etcd_context_status(context) == ETCD_OK);
    etcd_context_free(context);
    context = etcd_context_with_timeout_ms(NULL, 60000);
    HARMLESS(etcd_context_status(context) == ETCD_OK);
    etcd_context_free(context);
    etcd_context_cancel(NULL);
    INVALID(etcd_context_status(NULL));
}

static void test_error(void)
{
    HARMLESS(etcd_error_status(NULL) == ETCD_OK);
    HARMLESS(etcd_error_message(NULL) == NULL);
    HARMLESS(etcd_error_detail(NULL) == NULL);
    HARMLESS(etcd_error_endpoint(NULL) == NULL);
    HARMLESS(etcd_error_http_status(NULL) == 0);
    HARMLESS(etcd_error_api_code(NULL) == 0);
    HARMLESS(etcd_error_api_message(NULL) == NULL);
    HARMLESS(etcd_error_api_cause(NULL) == NULL);
    HARMLESS(etcd_error_api_index(NULL) == 0);
    HARMLESS(etcd_error_outcome(NULL) == ETCD_NOT_APPLIED);
    HARMLESS(etcd_error_list_len(NULL) == 0);
    HARMLESS(etcd_error_list_get(NULL, 0) == NULL);
    HARMLESS(!etcd_error_is_key_not_found(NULL));
    HARMLESS(!etcd_error_is_user_not_found(NULL));
    HARMLESS(!etcd_error_is_role_not_found(NULL));
    HARMLESS(!etcd_error_is_canceled(NULL));
    HARMLESS(!etcd_error_is_deadline(NULL));
    HARMLESS(!etcd_error_is_cluster(NULL));
}

static void test_discovery(void)
{
    etcd_strings *servers = etcd_strings_new();
    etcd_strings *endpoints = NULL;

    REFUSED("domain", etcd_discover_srv(NULL, NULL, NULL, &endpoints, &error));
    REFUSED("endpoints", etcd_discover_srv(NULL, "x.invalid", NULL, NULL, &error));
    INVALID(etcd_discover_srv(NULL, "", "", &endpoints, NULL));
    REFUSED("name_servers", etcd_discover_srv_at(NULL, NULL, "x.invalid", NULL, &endpoints, &error));
    REFUSED("name_servers", etcd_discover_srv_at(NULL, servers, "x.invalid", NULL, &endpoints, &error));
    etcd_strings_add(servers, "127.0.0.1:1");
    REFUSED("domain", etcd_discover_srv_at(NULL, servers, NULL, NULL, &endpoints, &error));
    REFUSED("endpoints", etcd_discover_srv_at(NULL, servers, "x.invalid", NULL, NULL, &error));
    HARMLESS(etcd_discover_srv_at(NULL, servers, "x.invalid", NULL, &endpoints, NULL) == ETCD_ERR_DNS);
    HARMLESS(endpoints == NULL);
    etcd_strings_free(servers);
}

static void test_client_functions(etcd_client *client)
{
    etcd_config *config = etcd_config_new();
    etcd_client *made = NULL;
    etcd_strings *endpoints = NULL;
    etcd_server_version *version = NULL;
    bool healthy = false;
    char *json = NULL;
    size_t len = 1;

    FINE(etcd_client_new(NULL, &made, &error));
    etcd_client_free(made);
    REFUSED("client", etcd_client_new(config, NULL, &error));
    INVALID(etcd_client_new(config, NULL, NULL));
    HARMLESS(etcd_client_new(config, &made, NULL) == ETCD_OK);
    etcd_config_free(config);

    REFUSED("client", etcd_client_close(NULL, 0, &error));
    INVALID(etcd_client_close(NULL, 0, NULL));
    HARMLESS(etcd_client_close(made, 0, NULL) == ETCD_OK);
    etcd_client_free(made);

    REFUSED("client", etcd_client_endpoints(NULL, &endpoints, &error));
    REFUSED("endpoints", etcd_client_endpoints(client, NULL, &error));
    HARMLESS(etcd_client_endpoints(client, &endpoints, NULL) == ETCD_OK);
    REFUSED("client", etcd_client_set_endpoints(NULL, endpoints, &error));
    REFUSED("endpoints", etcd_client_set_endpoints(client, NULL, &error));
    HARMLESS(etcd_client_set_endpoints(client, endpoints, NULL) == ETCD_OK);
    etcd_strings_free(endpoints);

    REFUSED("client", etcd_client_sync(NULL, NULL, &error));
    etcd_client_sync(client, NULL, NULL);
    REFUSED("client", etcd_client_auto_sync(NULL, NULL, 1000, &error));
    REFUSED("interval_ms", etcd_client_auto_sync(client, NULL, 0, &error));
    INVALID(etcd_client_auto_sync(client, NULL, -1, NULL));
    REFUSED("client", etcd_client_start_auto_sync(NULL, 1000, &error));
    REFUSED("interval_ms", etcd_client_start_auto_sync(client, 0, &error));
    INVALID(etcd_client_start_auto_sync(client, -1, NULL));
    INVALID(etcd_client_stop_auto_sync(NULL));
    HARMLESS(etcd_client_stop_auto_sync(client) == ETCD_OK);

    REFUSED("client", etcd_client_health(NULL, NULL, NULL, &healthy, &error));
    REFUSED("healthy", etcd_client_health(client, NULL, NULL, NULL, &error));
    etcd_client_health(client, NULL, NULL, &healthy, NULL);
    REFUSED("client", etcd_client_stats(NULL, NULL, "self", &json, &len, &error));
    REFUSED("kind", etcd_client_stats(client, NULL, NULL, &json, &len, &error));
    REFUSED("json", etcd_client_stats(client, NULL, "self", NULL, &len, &error));
    HARMLESS(json == NULL && len == 0);
    etcd_client_stats(client, NULL, "self", &json, NULL, NULL);
    etcd_string_free(json);

    REFUSED("client", etcd_client_version(NULL, NULL, &version, &error));
    REFUSED("version", etcd_client_version(client, NULL, NULL, &error));
    HARMLESS(etcd_client_version(client, NULL, &version, NULL) == ETCD_OK);
    etcd_server_version_free(version);
    HARMLESS(etcd_server_version_server(NULL) == NULL);
    HARMLESS(etcd_server_version_cluster(NULL) == NULL);
}

static void test_keys_functions(etcd_client *client)
{
    const char *key = test_key("null");
    etcd_response *response = NULL;

    REFUSED("client", etcd_keys_get(NULL, NULL, key, NULL, &response, &error));
    REFUSED("key", etcd_keys_get(client, NULL, NULL, NULL, &response, &error));
    INVALID(etcd_keys_get(NULL, NULL, NULL, NULL, NULL, NULL));
    REFUSED("client", etcd_keys_set(NULL, NULL, key, "v", 1, NULL, &response, &error));
    REFUSED("key", etcd_keys_set(client, NULL, NULL, "v", 1, NULL, &response, &error));
    REFUSED("value", etcd_keys_set(client, NULL, key, NULL, 1, NULL, &response, &error));
    REFUSED("value", etcd_keys_set(client, NULL, key, NULL, ETCD_STRLEN, NULL, &response, &error));
    INVALID(etcd_keys_set(NULL, NULL, NULL, NULL, 1, NULL, NULL, NULL));
    REFUSED("client", etcd_keys_create(NULL, NULL, key, "v", 1, &response, &error));
    REFUSED("key", etcd_keys_create(client, NULL, NULL, "v", 1, &response, &error));
    REFUSED("value", etcd_keys_create(client, NULL, key, NULL, 1, &response, &error));
    INVALID(etcd_keys_create(NULL, NULL, NULL, NULL, 1, NULL, NULL));
    REFUSED("client", etcd_keys_update(NULL, NULL, key, "v", 1, &response, &error));
    REFUSED("key", etcd_keys_update(client, NULL, NULL, "v", 1, &response, &error));
    REFUSED("value", etcd_keys_update(client, NULL, key, NULL, 1, &response, &error));
    INVALID(etcd_keys_update(NULL, NULL, NULL, NULL, 1, NULL, NULL));
    REFUSED("client", etcd_keys_create_in_order(NULL, NULL, key, "v", 1, NULL, &response, &error));
    REFUSED("dir", etcd_keys_create_in_order(client, NULL, NULL, "v", 1, NULL, &response, &error));
    REFUSED("value", etcd_keys_create_in_order(client, NULL, key, NULL, 1, NULL, &response, &error));
    INVALID(etcd_keys_create_in_order(NULL, NULL, NULL, NULL, 1, NULL, NULL, NULL));
    REFUSED("client", etcd_keys_delete(NULL, NULL, key, NULL, &response, &error));
    REFUSED("key", etcd_keys_delete(client, NULL, NULL, NULL, &response, &error));
    INVALID(etcd_keys_delete(NULL, NULL, NULL, NULL, NULL, NULL));

    /* Context, options, response and error may be NULL. */
    HARMLESS(etcd_keys_create(client, NULL, key, NULL, 0, NULL, NULL) == ETCD_OK);
    HARMLESS(etcd_keys_update(client, NULL, key, NULL, 0, NULL, NULL) == ETCD_OK);
    HARMLESS(etcd_keys_set(client, NULL, key, NULL, 0, NULL, NULL, NULL) == ETCD_OK);
    HARMLESS(etcd_keys_get(client, NULL, key, NULL, NULL, NULL) == ETCD_OK);
    HARMLESS(etcd_keys_delete(client, NULL, key, NULL, NULL, NULL) == ETCD_OK);
    HARMLESS(etcd_keys_create_in_order(client, NULL, key, NULL, 0, NULL, NULL, NULL) == ETCD_OK);
    HARMLESS(etcd_keys_get(client, NULL, test_key("missing"), NULL, NULL, NULL) == ETCD_ERR_API);
}

static void test_options(void)
{
    etcd_set_options *set = etcd_set_options_new();
    etcd_delete_options *delete = etcd_delete_options_new();

    INVALID(etcd_get_options_set_recursive(NULL, 1));
    INVALID(etcd_get_options_set_sort(NULL, 1));
    INVALID(etcd_get_options_set_quorum(NULL, 1));
    INVALID(etcd_set_options_set_resend(NULL, 0));
    INVALID(etcd_set_options_set_prev_value(NULL, "v", 1));
    INVALID(etcd_set_options_set_prev_value(set, NULL, 1));
    INVALID(etcd_set_options_set_prev_value(set, NULL, ETCD_STRLEN));
    INVALID(etcd_set_options_set_prev_index(NULL, 1));
    INVALID(etcd_set_options_set_prev_exist(NULL, ETCD_PREV_EXIST));
    INVALID(etcd_set_options_set_ttl_ms(NULL, 1000));
    INVALID(etcd_set_options_set_refresh(NULL, 1));
    INVALID(etcd_set_options_set_dir(NULL, 1));
    INVALID(etcd_set_options_set_no_value_on_success(NULL, 1));
    INVALID(etcd_delete_options_set_prev_value(NULL, "v", 1));
    INVALID(etcd_delete_options_set_prev_value(delete, NULL, 1));
    INVALID(etcd_delete_options_set_prev_index(NULL, 1));
    INVALID(etcd_delete_options_set_recursive(NULL, 1));
    INVALID(etcd_delete_options_set_dir(NULL, 1));
    INVALID(etcd_create_in_order_options_set_ttl_ms(NULL, 1000));
    etcd_set_options_free(set);
    etcd_delete_options_free(delete);
}

static void test_response_and_node(etcd_client *client)
{
    etcd_response *response = NULL;
    const etcd_node *node;
    size_t length = 77;
    int64_t seconds = 77;
    int32_t nanoseconds = 77;

    HARMLESS(etcd_response_action_name(NULL) == NULL);
    HARMLESS(etcd_response_action(NULL) == ETCD_ACTION_UNKNOWN);
    HARMLESS(!etcd_response_was_resent(NULL));
    HARMLESS(etcd_response_index(NULL) == 0);
    HARMLESS(etcd_response_cluster_id(NULL) == NULL);
    HARMLESS(etcd_response_node(NULL) == NULL);
    HARMLESS(etcd_response_prev_node(NULL) == NULL);
    HARMLESS(etcd_response_json(NULL, &length) == NULL && length == 0);
    HARMLESS(etcd_response_clone(NULL) == NULL);
    length = 77;
    HARMLESS(etcd_node_key(NULL, &length) == NULL && length == 0);
    length = 77;
    HARMLESS(etcd_node_value(NULL, &length) == NULL && length == 0);
    HARMLESS(!etcd_node_is_dir(NULL));
    HARMLESS(etcd_node_created_index(NULL) == 0);
    HARMLESS(etcd_node_modified_index(NULL) == 0);
    HARMLESS(etcd_node_ttl(NULL) == 0);
    HARMLESS(!etcd_node_expiration(NULL, &seconds, &nanoseconds));
    HARMLESS(etcd_node_child_count(NULL) == 0);
    HARMLESS(etcd_node_child(NULL, 0) == NULL);

    FINE(etcd_keys_set(client, NULL, test_key("node"), "v", 1, NULL, &response, &error));
    node = etcd_response_node(response);
    HARMLESS(etcd_response_json(response, NULL) != NULL);
    HARMLESS(etcd_node_key(node, NULL) != NULL);
    HARMLESS(etcd_node_value(node, NULL) != NULL);
    HARMLESS(!etcd_node_expiration(node, NULL, &nanoseconds));
    HARMLESS(!etcd_node_expiration(node, &seconds, NULL));
    etcd_response_free(response);
}

/* Calls that a NULL error object lets fail quietly: nobody listens at the client's endpoint, so nothing changes. */
static void test_members(etcd_client *client)
{
    etcd_client *nobody = client_of("http://127.0.0.1:1", 5000);
    etcd_members *members = NULL;
    etcd_strings *urls = etcd_strings_new();
    const etcd_member *member;

    HARMLESS(etcd_strings_add(urls, "http://127.0.0.1:1") == ETCD_OK);
    REFUSED("client", etcd_members_list(NULL, NULL, &members, &error));
    REFUSED("members", etcd_members_list(client, NULL, NULL, &error));
    REFUSED("client", etcd_members_add(NULL, NULL, "http://127.0.0.1:1", &members, &error));
    REFUSED("peer_url", etcd_members_add(client, NULL, NULL, &members, &error));
    HARMLESS(etcd_members_add(nobody, NULL, "http://127.0.0.1:1", NULL, NULL) == ETCD_ERR_CLUSTER);
    REFUSED("client", etcd_members_remove(NULL, NULL, "1", &error));
    REFUSED("member_id", etcd_members_remove(client, NULL, NULL, &error));
    HARMLESS(etcd_members_remove(nobody, NULL, "1", NULL) == ETCD_ERR_CLUSTER);
    REFUSED("client", etcd_members_update(NULL, NULL, "1", urls, &error));
    REFUSED("member_id", etcd_members_update(client, NULL, NULL, urls, &error));
    REFUSED("peer_urls", etcd_members_update(client, NULL, "1", NULL, &error));
    HARMLESS(etcd_members_update(nobody, NULL, "1", urls, NULL) == ETCD_ERR_CLUSTER);
    REFUSED("client", etcd_members_leader(NULL, NULL, &members, &error));
    REFUSED("leader", etcd_members_leader(client, NULL, NULL, &error));
    HARMLESS(etcd_members_leader(client, NULL, &members, NULL) == ETCD_OK);
    etcd_members_free(members);
    HARMLESS(etcd_members_list(client, NULL, &members, NULL) == ETCD_OK);

    member = etcd_members_get(members, 0);
    HARMLESS(etcd_members_len(NULL) == 0);
    HARMLESS(etcd_members_get(NULL, 0) == NULL);
    HARMLESS(etcd_members_get(members, SIZE_MAX) == NULL);
    HARMLESS(etcd_member_id(NULL) == NULL);
    HARMLESS(etcd_member_name(NULL) == NULL);
    HARMLESS(etcd_member_peer_urls(NULL) == NULL);
    HARMLESS(etcd_member_client_urls(NULL) == NULL);
    HARMLESS(member != NULL && etcd_strings_len(etcd_member_peer_urls(member)) > 0);
    etcd_members_free(members);
    etcd_strings_free(urls);
    etcd_client_free(nobody);
}

static void test_auth(etcd_client *client)
{
    etcd_client *nobody = client_of("http://127.0.0.1:1", 5000);
    etcd_strings *list = NULL;
    etcd_strings *names = etcd_strings_new();
    bool enabled = true;

    HARMLESS(etcd_strings_add(names, "/a") == ETCD_OK);
    REFUSED("client", etcd_auth_enable(NULL, NULL, &error));
    HARMLESS(etcd_auth_enable(nobody, NULL, NULL) == ETCD_ERR_CLUSTER);
    REFUSED("client", etcd_auth_disable(NULL, NULL, &error));
    HARMLESS(etcd_auth_disable(nobody, NULL, NULL) == ETCD_ERR_CLUSTER);
    REFUSED("client", etcd_auth_status(NULL, NULL, &enabled, &error));
    HARMLESS(!enabled);
    REFUSED("enabled", etcd_auth_status(client, NULL, NULL, &error));
    HARMLESS(etcd_auth_status(client, NULL, &enabled, NULL) == ETCD_OK);

    REFUSED("client", etcd_auth_user_add(NULL, NULL, "u", "p", &error));
    REFUSED("user", etcd_auth_user_add(client, NULL, NULL, "p", &error));
    REFUSED("password", etcd_auth_user_add(client, NULL, "u", NULL, &error));
    HARMLESS(etcd_auth_user_add(nobody, NULL, "u", "p", NULL) == ETCD_ERR_CLUSTER);
    REFUSED("client", etcd_auth_user_change_password(NULL, NULL, "u", "p", &error));
    REFUSED("user", etcd_auth_user_change_password(client, NULL, NULL, "p", &error));
    REFUSED("password", etcd_auth_user_change_password(client, NULL, "u", NULL, &error));
    HARMLESS(etcd_auth_user_change_password(nobody, NULL, "u", "p", NULL) == ETCD_ERR_CLUSTER);
    REFUSED("client", etcd_auth_user_remove(NULL, NULL, "u", &error));
    REFUSED("user", etcd_auth_user_remove(client, NULL, NULL, &error));
    HARMLESS(etcd_auth_user_remove(nobody, NULL, "u", NULL) == ETCD_ERR_CLUSTER);
    REFUSED("client", etcd_auth_user_get(NULL, NULL, "u", &list, &error));
    REFUSED("user", etcd_auth_user_get(client, NULL, NULL, &list, &error));
    REFUSED("roles", etcd_auth_user_get(client, NULL, "u", NULL, &error));
    HARMLESS(etcd_auth_user_get(nobody, NULL, "u", &list, NULL) == ETCD_ERR_CLUSTER && list == NULL);
    REFUSED("client", etcd_auth_user_list(NULL, NULL, &list, &error));
    REFUSED("users", etcd_auth_user_list(client, NULL, NULL, &error));
    HARMLESS(etcd_auth_user_list(nobody, NULL, &list, NULL) == ETCD_ERR_CLUSTER && list == NULL);
    REFUSED("client", etcd_auth_user_grant(NULL, NULL, "u", names, &error));
    REFUSED("user", etcd_auth_user_grant(client, NULL, NULL, names, &error));
    REFUSED("roles", etcd_auth_user_grant(client, NULL, "u", NULL, &error));
    HARMLESS(etcd_auth_user_grant(nobody, NULL, "u", names, NULL) == ETCD_ERR_CLUSTER);
    REFUSED("client", etcd_auth_user_revoke(NULL, NULL, "u", names, &error));
    REFUSED("user", etcd_auth_user_revoke(client, NULL, NULL, names, &error));
    REFUSED("roles", etcd_auth_user_revoke(client, NULL, "u", NULL, &error));
    HARMLESS(etcd_auth_user_revoke(nobody, NULL, "u", names, NULL) == ETCD_ERR_CLUSTER);

    REFUSED("client", etcd_auth_role_add(NULL, NULL, "r", &error));
    REFUSED("role", etcd_auth_role_add(client, NULL, NULL, &error));
    HARMLESS(etcd_auth_role_add(nobody, NULL, "r", NULL) == ETCD_ERR_CLUSTER);
    REFUSED("client", etcd_auth_role_remove(NULL, NULL, "r", &error));
    REFUSED("role", etcd_auth_role_remove(client, NULL, NULL, &error));
    HARMLESS(etcd_auth_role_remove(nobody, NULL, "r", NULL) == ETCD_ERR_CLUSTER);
    REFUSED("client", etcd_auth_role_get(NULL, NULL, "r", &list, &list, &error));
    REFUSED("role", etcd_auth_role_get(client, NULL, NULL, &list, &list, &error));
    HARMLESS(etcd_auth_role_get(client, NULL, "root", NULL, &list, NULL) == ETCD_OK && etcd_strings_len(list) == 1);
    etcd_strings_free(list);
    HARMLESS(etcd_auth_role_get(client, NULL, "root", &list, NULL, NULL) == ETCD_OK && etcd_strings_len(list) == 1);
    etcd_strings_free(list);
    HARMLESS(etcd_auth_role_get(client, NULL, "root", NULL, NULL, NULL) == ETCD_OK);
    REFUSED("client", etcd_auth_role_list(NULL, NULL, &list, &error));
    REFUSED("roles", etcd_auth_role_list(client, NULL, NULL, &error));
    HARMLESS(etcd_auth_role_list(client, NULL, &list, NULL) == ETCD_OK && etcd_strings_len(list) > 0);
    etcd_strings_free(list);
    REFUSED("client", etcd_auth_role_grant_kv(NULL, NULL, "r", names, ETCD_READ, &error));
    REFUSED("role", etcd_auth_role_grant_kv(client, NULL, NULL, names, ETCD_READ, &error));
    REFUSED("prefixes", etcd_auth_role_grant_kv(client, NULL, "r", NULL, ETCD_READ, &error));
    REFUSED("permission", etcd_auth_role_grant_kv(client, NULL, "r", names, 3, &error));
    HARMLESS(etcd_auth_role_grant_kv(nobody, NULL, "r", names, ETCD_READ, NULL) == ETCD_ERR_CLUSTER);
    REFUSED("client", etcd_auth_role_revoke_kv(NULL, NULL, "r", names, ETCD_READ, &error));
    REFUSED("role", etcd_auth_role_revoke_kv(client, NULL, NULL, names, ETCD_READ, &error));
    REFUSED("prefixes", etcd_auth_role_revoke_kv(client, NULL, "r", NULL, ETCD_READ, &error));
    REFUSED("permission", etcd_auth_role_revoke_kv(client, NULL, "r", names, -1, &error));
    HARMLESS(etcd_auth_role_revoke_kv(nobody, NULL, "r", names, ETCD_READ, NULL) == ETCD_ERR_CLUSTER);
    etcd_strings_free(names);
    etcd_client_free(nobody);
}

static void test_strings(void)
{
    etcd_strings *list = etcd_strings_new();
    INVALID(etcd_strings_add(NULL, "text"));
    INVALID(etcd_strings_add(list, NULL));
    INVALID(etcd_strings_add(list, "\xff"));
    HARMLESS(etcd_strings_len(NULL) == 0);
    HARMLESS(etcd_strings_len(list) == 0);
    HARMLESS(etcd_strings_get(NULL, 0) == NULL);
    HARMLESS(etcd_strings_get(list, 0) == NULL);
    HARMLESS(etcd_strings_add(list, "text") == ETCD_OK && strcmp(etcd_strings_get(list, 0), "text") == 0);
    HARMLESS(etcd_strings_get(list, 1) == NULL);
    HARMLESS(etcd_strings_get(list, SIZE_MAX) == NULL);
    etcd_strings_free(list);
}

static void test_watcher(etcd_client *client)
{
    etcd_watcher_options *options = etcd_watcher_options_new();
    etcd_watcher *watcher = NULL;
    etcd_context *passed = etcd_context_with_timeout_ms(NULL, 0);
    etcd_response *event = NULL;

    INVALID(etcd_watcher_options_set_after_index(NULL, 1));
    INVALID(etcd_watcher_options_set_recursive(NULL, 1));
    INVALID(etcd_watcher_options_set_resync(NULL, 1));
    INVALID(etcd_watcher_options_set_stream(NULL, 1));
    INVALID(etcd_watcher_options_set_idle_timeout_ms(NULL, 1));
    INVALID(etcd_watcher_options_set_idle_timeout_ms(options, -1));
    REFUSED("client", etcd_watcher_new(NULL, "/a", options, &watcher, &error));
    REFUSED("key", etcd_watcher_new(client, NULL, options, &watcher, &error));
    REFUSED("watcher", etcd_watcher_new(client, "/a", options, NULL, &error));
    FINE(etcd_watcher_new(client, "/a", NULL, &watcher, &error));
    REFUSED("watcher", etcd_watcher_next(NULL, passed, &event, &error));
    HARMLESS(etcd_watcher_next(watcher, passed, NULL, &error) == ETCD_ERR_DEADLINE_EXCEEDED);
    etcd_error_free(error);
    error = NULL;
    HARMLESS(etcd_watcher_next(watcher, passed, &event, NULL) == ETCD_ERR_DEADLINE_EXCEEDED && event == NULL);
    INVALID(etcd_watcher_stop(NULL, 0));
    INVALID(etcd_watcher_stop(watcher, -1));
    HARMLESS(etcd_watcher_stop(watcher, 0) == ETCD_OK && etcd_watcher_stop(watcher, 0) == ETCD_OK);
    HARMLESS(etcd_watcher_next(watcher, NULL, &event, NULL) == ETCD_ERR_CLOSED && event == NULL);
    etcd_watcher_free(watcher);
    etcd_context_free(passed);
    etcd_watcher_options_free(options);
}

/* A handle of another type is a wrong argument too, and not memory to be read as something else. */
static void test_other_types(etcd_client *client)
{
    etcd_config *config = etcd_config_new();
    etcd_strings *list = etcd_strings_new();
    etcd_client *made = NULL;

    REFUSED("client", etcd_keys_get((etcd_client *)(void *)config, NULL, "/a", NULL, NULL, &error));
    REFUSED("context", etcd_keys_get(client, (etcd_context *)(void *)config, "/a", NULL, NULL, &error));
    REFUSED("options", etcd_keys_get(client, NULL, "/a", (etcd_get_options *)(void *)config, NULL, &error));
    REFUSED("config", etcd_client_new((etcd_config *)(void *)list, &made, &error));
    REFUSED("endpoints", etcd_client_set_endpoints(client, (etcd_strings *)(void *)config, &error));
    INVALID(etcd_strings_add((etcd_strings *)(void *)config, "text"));
    etcd_config_free((etcd_config *)(void *)list);
    HARMLESS(etcd_strings_len(list) == 0);
    etcd_strings_free(list);
    etcd_config_free(config);
}

int main(void)
{
    etcd_client *client = test_client();
    test_free();
    test_config();
    test_context();
    test_discovery();
    test_error();
    test_client_functions(client);
    test_keys_functions(client);
    test_options();
    test_response_and_node(client);
    test_watcher(client);
    test_members(client);
    test_auth(client);
    test_strings();
    test_other_types(client);
    remove_test_keys(client);
    etcd_client_free(client);
    return checks_done();
}
