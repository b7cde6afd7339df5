/* Every members and auth call on a real etcd: a day in the life of an administrator. Auth is off and all users and roles are gone
 * at the end, so that other programs can use the same etcd. */
#include "check.h"

static etcd_error *error;

#define FINE(call) CHECK_STATUS(ETCD_OK, (call), &error, #call)

/* A call which etcd refuses: the status, the HTTP status, and words of the message, which say what to do. */
#define REFUSED(status, http_status, words, call) check_refused((status), (http_status), (words), (call), __LINE__, #call)

static void check_refused(etcd_status expected, int32_t http_status, const char *words, etcd_status status, int line, const char *call)
{
    const char *message = etcd_error_message(error);
    int ok = status == expected && etcd_error_http_status(error) == http_status && etcd_error_api_message(error) != NULL && message != NULL &&
             strstr(message, words) != NULL && etcd_error_endpoint(error) != NULL && etcd_error_outcome(error) == ETCD_NOT_APPLIED;
    if (!check_line(ok, __FILE__, line, "%s: %s", call, etcd_status_name(expected)))
        printf("# got %s: %s\n", etcd_status_name(status), message == NULL ? "no message" : message);
    etcd_error_free(error);
    error = NULL;
}

static etcd_client *client_as(const char *user, const char *password)
{
    etcd_config *config = etcd_config_new();
    etcd_client *client = NULL;
    if (etcd_config_add_endpoint(config, getenv("ETCD_ENDPOINTS")) != ETCD_OK) bail_out("ETCD_ENDPOINTS is refused");
    if (etcd_config_set_credentials(config, user, password) != ETCD_OK) bail_out("credentials are refused");
    if (etcd_client_new(config, &client, NULL) != ETCD_OK) bail_out("no client");
    etcd_config_free(config);
    return client;
}

static etcd_strings *list_of(const char *first, const char *second)
{
    etcd_strings *list = etcd_strings_new();
    if (etcd_strings_add(list, first) != ETCD_OK) bail_out("a string is refused");
    if (second != NULL && etcd_strings_add(list, second) != ETCD_OK) bail_out("a string is refused");
    return list;
}

/* Frees the list. */
static void check_list(etcd_strings *list, const char *joined, const char *what)
{
    char all[256] = "";
    size_t index;
    for (index = 0; index < etcd_strings_len(list); index++) {
        strncat(all, etcd_strings_get(list, index), sizeof all - strlen(all) - 1);
        strncat(all, " ", sizeof all - strlen(all) - 1);
    }
    CHECK_TEXT(joined, all, what);
    etcd_strings_free(list);
}

static void test_members(etcd_client *client)
{
    etcd_members *members = NULL;
    etcd_members *leader = NULL;
    const etcd_member *member;
    etcd_strings *urls;

    FINE(etcd_members_list(client, NULL, &members, &error));
    FINE(etcd_members_leader(client, NULL, &leader, &error));
    CHECK(etcd_members_len(members) >= 1 && etcd_members_len(leader) == 1, "there are members, and one of them leads");
    member = etcd_members_get(members, 0);
    CHECK(strlen(etcd_member_id(member)) > 0 && strlen(etcd_member_name(member)) > 0, "a member has an id and a name");
    CHECK(etcd_strings_len(etcd_member_client_urls(member)) >= 1, "a member has a client URL");
    CHECK(etcd_members_get(members, etcd_members_len(members)) == NULL, "nobody past the end");

    REFUSED(ETCD_ERR_MEMBERS, 409, "peerURL exists",
            etcd_members_add(client, NULL, etcd_strings_get(etcd_member_peer_urls(member), 0), NULL, &error));
    FINE(etcd_members_update(client, NULL, etcd_member_id(member), etcd_member_peer_urls(member), &error));
    CHECK(etcd_strings_add((etcd_strings *)etcd_member_peer_urls(member), "x") == ETCD_ERR_INVALID_ARGUMENT, "a member's list is not ours to change");
    urls = list_of("http://127.0.0.1:1", NULL);
    REFUSED(ETCD_ERR_MEMBERS, 404, "etcd_members_list", etcd_members_update(client, NULL, "abc", urls, &error));
    REFUSED(ETCD_ERR_MEMBERS, 404, "etcd_members_list", etcd_members_remove(client, NULL, "abc", &error));
    CHECK_STATUS(ETCD_ERR_INVALID_ARGUMENT, etcd_members_remove(client, NULL, "../auth/users/root", &error), &error, "an id that is a path");
    CHECK_STATUS(ETCD_ERR_INVALID_ARGUMENT, etcd_members_add(client, NULL, "127.0.0.1:2380", NULL, &error), &error, "a URL without scheme");
    etcd_strings_free(urls);
    etcd_members_free(leader);
    etcd_members_free(members);
}

static void test_users_and_roles(etcd_client *client)
{
    etcd_strings *prefixes = list_of("/c-auth/*", "/c-auth");
    etcd_strings *roles = list_of("c-role", NULL);
    etcd_strings *read = NULL;
    etcd_strings *write = NULL;
    etcd_strings *list = NULL;

    FINE(etcd_auth_role_add(client, NULL, "c-role", &error));
    FINE(etcd_auth_role_grant_kv(client, NULL, "c-role", prefixes, ETCD_READ_WRITE, &error));
    FINE(etcd_auth_role_revoke_kv(client, NULL, "c-role", prefixes, ETCD_WRITE, &error));
    FINE(etcd_auth_role_get(client, NULL, "c-role", &read, &write, &error));
    check_list(read, "/c-auth /c-auth/* ", "what the role may read");
    check_list(write, "", "what the role may write");
    FINE(etcd_auth_role_list(client, NULL, &list, &error));
    check_list(list, "c-role root ", "the roles");

    FINE(etcd_auth_user_add(client, NULL, "c-user", "secret", &error));
    REFUSED(ETCD_ERR_AUTH, 409, "its password was kept", etcd_auth_user_add(client, NULL, "c-user", "other", &error));
    FINE(etcd_auth_user_grant(client, NULL, "c-user", roles, &error));
    REFUSED(ETCD_ERR_AUTH, 409, "granted already", etcd_auth_user_grant(client, NULL, "c-user", roles, &error));
    FINE(etcd_auth_user_get(client, NULL, "c-user", &list, &error));
    check_list(list, "c-role ", "the user's roles");
    FINE(etcd_auth_user_list(client, NULL, &list, &error));
    check_list(list, "c-user ", "the users");
    REFUSED(ETCD_ERR_AUTH, 404, "etcd_auth_user_list", etcd_auth_user_change_password(client, NULL, "c-nobody", "x", &error));
    CHECK(etcd_auth_user_get(client, NULL, "c-nobody", &list, &error) == ETCD_ERR_AUTH && list == NULL && etcd_error_is_user_not_found(error),
          "no user was made");
    etcd_error_free(error);
    error = NULL;
    etcd_strings_free(roles);
    etcd_strings_free(prefixes);
}

static void test_enabled(etcd_client *anybody)
{
    etcd_client *root = client_as("root", "toor");
    etcd_client *user = client_as("c-user", "secret");
    bool enabled = false;

    REFUSED(ETCD_ERR_AUTH, 409, "etcd_auth_user_add", etcd_auth_enable(anybody, NULL, &error));
    FINE(etcd_auth_user_add(anybody, NULL, "root", "toor", &error));
    FINE(etcd_auth_enable(anybody, NULL, &error));
    FINE(etcd_auth_status(anybody, NULL, &enabled, &error));
    CHECK(enabled, "auth is enabled");
    REFUSED(ETCD_ERR_AUTH, 401, "etcd_config_set_credentials", etcd_auth_disable(anybody, NULL, &error));
    REFUSED(ETCD_ERR_MEMBERS, 401, "the role root", etcd_members_remove(user, NULL, "abc", &error));
    CHECK(etcd_keys_set(user, NULL, "/c-auth/x", "v", 1, NULL, NULL, &error) == ETCD_ERR_API &&
          etcd_error_api_code(error) == ETCD_API_UNAUTHORIZED, "the user may only read");
    etcd_error_free(error);
    error = NULL;
    FINE(etcd_auth_user_change_password(root, NULL, "c-user", "changed", &error));
    FINE(etcd_auth_disable(root, NULL, &error));
    FINE(etcd_auth_status(anybody, NULL, &enabled, &error));
    CHECK(!enabled, "auth is disabled");
    etcd_client_free(user);
    etcd_client_free(root);
}

/* Also what an earlier run that was cut off has left behind. */
static void clean_up(etcd_client *client)
{
    etcd_client *root = client_as("root", "toor");
    (void)etcd_auth_disable(root, NULL, NULL);
    (void)etcd_auth_user_remove(client, NULL, "root", NULL);
    (void)etcd_auth_user_remove(client, NULL, "c-user", NULL);
    (void)etcd_auth_role_remove(client, NULL, "c-role", NULL);
    (void)etcd_auth_role_remove(client, NULL, "guest", NULL);
    etcd_client_free(root);
}

int main(void)
{
    etcd_client *client = test_client();
    etcd_strings *roles = list_of("c-role", NULL);
    clean_up(client);
    test_members(client);
    test_users_and_roles(client);
    test_enabled(client);
    FINE(etcd_auth_user_revoke(client, NULL, "c-user", roles, &error));
    FINE(etcd_auth_user_remove(client, NULL, "c-user", &error));
    FINE(etcd_auth_user_remove(client, NULL, "root", &error));
    FINE(etcd_auth_role_remove(client, NULL, "c-role", &error));
    FINE(etcd_auth_role_remove(client, NULL, "guest", &error));
    clean_up(client);
    etcd_strings_free(roles);
    etcd_client_free(client);
    return checks_done();
}
