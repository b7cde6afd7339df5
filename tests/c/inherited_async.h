/* As inherited.h, for calls that go on by themselves: each is a future that has ended with ETCD_ERR_FORKED. */
#ifndef INHERITED_ASYNC_H
#define INHERITED_ASYNC_H

#include "check.h"

static inline int ended_as_forked(etcd_future *future)
{
    int ended = etcd_future_is_ready(future) && etcd_future_wait(future, 0) == ETCD_OK && etcd_future_take(future, NULL) == ETCD_ERR_FORKED;
    etcd_future_free(future);
    return ended;
}

#define FORKED_ASYNC(call) do { if (!ended_as_forked(call)) return __LINE__; } while (0)

/* What the queue of a watch would call. */
static inline void never_called(void *user_data, const etcd_response *event, const etcd_error *error)
{
    (void)user_data, (void)event, (void)error;
    _exit(99);
}

/* `context` may be inherited, or NULL. */
static inline int inherited_async(etcd_client *client, const etcd_context *context)
{
    static const char key[] = "/never-asked";
    etcd_strings *list = etcd_strings_new();
    if (etcd_strings_add(list, "http://127.0.0.1:1") != ETCD_OK) return __LINE__;
    FORKED_ASYNC(etcd_client_version_async(client, context));
    FORKED_ASYNC(etcd_client_sync_async(client, context));
    FORKED_ASYNC(etcd_client_health_async(client, context, "http://127.0.0.1:1"));
    FORKED_ASYNC(etcd_client_stats_async(client, context, "self"));
    FORKED_ASYNC(etcd_keys_get_async(client, context, key, NULL));
    FORKED_ASYNC(etcd_keys_set_async(client, context, key, "v", 1, NULL));
    FORKED_ASYNC(etcd_keys_create_async(client, context, key, "v", 1));
    FORKED_ASYNC(etcd_keys_update_async(client, context, key, "v", 1));
    FORKED_ASYNC(etcd_keys_create_in_order_async(client, context, key, "v", 1, NULL));
    FORKED_ASYNC(etcd_keys_delete_async(client, context, key, NULL));
    FORKED_ASYNC(etcd_members_list_async(client, context));
    FORKED_ASYNC(etcd_members_leader_async(client, context));
    FORKED_ASYNC(etcd_members_add_async(client, context, "http://127.0.0.1:1"));
    FORKED_ASYNC(etcd_members_update_async(client, context, "1", list));
    FORKED_ASYNC(etcd_members_remove_async(client, context, "1"));
    FORKED_ASYNC(etcd_auth_enable_async(client, context));
    FORKED_ASYNC(etcd_auth_disable_async(client, context));
    FORKED_ASYNC(etcd_auth_status_async(client, context));
    FORKED_ASYNC(etcd_auth_user_add_async(client, context, "u", "p"));
    FORKED_ASYNC(etcd_auth_user_change_password_async(client, context, "u", "p"));
    FORKED_ASYNC(etcd_auth_user_remove_async(client, context, "u"));
    FORKED_ASYNC(etcd_auth_user_get_async(client, context, "u"));
    FORKED_ASYNC(etcd_auth_user_list_async(client, context));
    FORKED_ASYNC(etcd_auth_user_grant_async(client, context, "u", list));
    FORKED_ASYNC(etcd_auth_user_revoke_async(client, context, "u", list));
    FORKED_ASYNC(etcd_auth_role_add_async(client, context, "r"));
    FORKED_ASYNC(etcd_auth_role_remove_async(client, context, "r"));
    FORKED_ASYNC(etcd_auth_role_get_async(client, context, "r"));
    FORKED_ASYNC(etcd_auth_role_list_async(client, context));
    FORKED_ASYNC(etcd_auth_role_grant_kv_async(client, context, "r", list, ETCD_READ));
    FORKED_ASYNC(etcd_auth_role_revoke_kv_async(client, context, "r", list, ETCD_READ));
    etcd_strings_free(list);
    return 0;
}

#endif
