/* In a forked child: what is to be said of objects that the parent made. scripts/check-after-fork finds a forgotten function. */
#ifndef INHERITED_H
#define INHERITED_H

#include "inherited_async.h"

#define MUST(condition) do { if (!(condition)) return __LINE__; } while (0)
#define FORKED(call) MUST((call) == ETCD_ERR_FORKED)

static inline int inherited_client(etcd_client *client)
{
    static const char key[] = "/never-asked";
    etcd_strings *list = etcd_strings_new(), *out = NULL, *more = NULL;
    etcd_response *response = NULL;
    etcd_members *members = NULL;
    etcd_watcher *watcher = NULL;
    etcd_server_version *version = NULL;
    char *json = NULL;
    bool yes = false;

    MUST(etcd_strings_add(list, "http://127.0.0.1:1") == ETCD_OK);
    FORKED(etcd_client_close(client, 1000, NULL));
    FORKED(etcd_client_endpoints(client, &out, NULL));
    FORKED(etcd_client_set_endpoints(client, list, NULL));
    FORKED(etcd_client_version(client, NULL, &version, NULL));
    FORKED(etcd_client_sync(client, NULL, NULL));
    FORKED(etcd_client_auto_sync(client, NULL, 1000, NULL));
    FORKED(etcd_client_start_auto_sync(client, 1000, NULL));
    FORKED(etcd_client_stop_auto_sync(client));
    FORKED(etcd_client_health(client, NULL, "http://127.0.0.1:1", &yes, NULL));
    FORKED(etcd_client_stats(client, NULL, "self", &json, NULL, NULL));
    FORKED(etcd_keys_get(client, NULL, key, NULL, &response, NULL));
    FORKED(etcd_keys_set(client, NULL, key, "v", 1, NULL, &response, NULL));
    FORKED(etcd_keys_create(client, NULL, key, "v", 1, &response, NULL));
    FORKED(etcd_keys_update(client, NULL, key, "v", 1, &response, NULL));
    FORKED(etcd_keys_create_in_order(client, NULL, key, "v", 1, NULL, &response, NULL));
    FORKED(etcd_keys_delete(client, NULL, key, NULL, &response, NULL));
    FORKED(etcd_watcher_new(client, key, NULL, &watcher, NULL));
    FORKED(etcd_members_list(client, NULL, &members, NULL));
    FORKED(etcd_members_leader(client, NULL, &members, NULL));
    FORKED(etcd_members_add(client, NULL, "http://127.0.0.1:1", &members, NULL));
    FORKED(etcd_members_update(client, NULL, "1", list, NULL));
    FORKED(etcd_members_remove(client, NULL, "1", NULL));
    FORKED(etcd_auth_enable(client, NULL, NULL));
    FORKED(etcd_auth_disable(client, NULL, NULL));
    FORKED(etcd_auth_status(client, NULL, &yes, NULL));
    FORKED(etcd_auth_user_add(client, NULL, "u", "p", NULL));
    FORKED(etcd_auth_user_change_password(client, NULL, "u", "p", NULL));
    FORKED(etcd_auth_user_remove(client, NULL, "u", NULL));
    FORKED(etcd_auth_user_get(client, NULL, "u", &out, NULL));
    FORKED(etcd_auth_user_list(client, NULL, &out, NULL));
    FORKED(etcd_auth_user_grant(client, NULL, "u", list, NULL));
    FORKED(etcd_auth_user_revoke(client, NULL, "u", list, NULL));
    FORKED(etcd_auth_role_add(client, NULL, "r", NULL));
    FORKED(etcd_auth_role_remove(client, NULL, "r", NULL));
    FORKED(etcd_auth_role_get(client, NULL, "r", &out, &more, NULL));
    FORKED(etcd_auth_role_list(client, NULL, &out, NULL));
    FORKED(etcd_auth_role_grant_kv(client, NULL, "r", list, ETCD_READ, NULL));
    FORKED(etcd_auth_role_revoke_kv(client, NULL, "r", list, ETCD_READ, NULL));
    MUST(out == NULL && more == NULL && response == NULL && members == NULL && watcher == NULL && version == NULL && json == NULL && !yes);
    etcd_strings_free(list);
    return 0;
}

static inline int inherited_watcher(etcd_watcher *watcher)
{
    etcd_response *response = NULL;
    FORKED(etcd_watcher_next(watcher, NULL, &response, NULL));
    FORKED(etcd_watcher_start(watcher, NULL, never_called, NULL, NULL, NULL));
    FORKED(etcd_watcher_stop(watcher, 1000));
    MUST(response == NULL);
    return 0;
}

/* `fresh` is a client of this process: only the context is inherited. */
static inline int inherited_context(etcd_context *context, etcd_client *fresh)
{
    etcd_context *child = etcd_context_new(context);
    etcd_context *late = etcd_context_with_timeout_ms(context, 0);
    etcd_strings *servers = etcd_strings_new(), *out = NULL;
    etcd_error *error = NULL;

    MUST(etcd_strings_add(servers, "127.0.0.1:1") == ETCD_OK);
    MUST(child != NULL && late != NULL);
    etcd_context_cancel(child);
    etcd_context_cancel(context);
    FORKED(etcd_context_status(child));
    FORKED(etcd_context_status(late));
    FORKED(etcd_context_status(context));
    FORKED(etcd_keys_get(fresh, context, "/never-asked", NULL, NULL, &error));
    MUST(etcd_error_status(error) == ETCD_ERR_FORKED && etcd_error_outcome(error) == ETCD_NOT_APPLIED);
    etcd_error_free(error);
    FORKED(etcd_keys_set(fresh, child, "/never-asked", "v", 1, NULL, NULL, NULL));
    FORKED(etcd_client_auto_sync(fresh, late, 1000, NULL));
    FORKED(etcd_discover_srv(context, "example.invalid", NULL, &out, NULL));
    FORKED(etcd_discover_srv_at(context, servers, "example.invalid", NULL, &out, NULL));
    MUST(out == NULL);
    etcd_strings_free(servers);
    etcd_context_free(child);
    etcd_context_free(late);
    return 0;
}

/* Everything at once, all frees, and a client of its own. The line of the first thing that is wrong, or 0. */
static inline int inherited(etcd_client *client, etcd_watcher *watcher, etcd_context *context)
{
    etcd_client *fresh = test_client();
    int wrong;
    if ((wrong = inherited_client(client)) != 0) return wrong;
    if ((wrong = inherited_async(client, NULL)) != 0 || (wrong = inherited_async(fresh, context)) != 0) return wrong;
    if ((wrong = inherited_watcher(watcher)) != 0) return wrong;
    if ((wrong = inherited_context(context, fresh)) != 0) return wrong;
    etcd_context_free(context);
    etcd_watcher_free(watcher);
    etcd_client_free(client);
    MUST(etcd_keys_set(fresh, NULL, test_key("child"), "child", ETCD_STRLEN, NULL, NULL, NULL) == ETCD_OK);
    etcd_client_free(fresh);
    return 0;
}

#endif
