/* The log callback: what it gets, that it may not block, and that its user data is dropped exactly once. */
#include "server.h"

static etcd_error *error;

typedef struct {
    etcd_client *client;
    etcd_status status_inside;
    int messages, warnings, curl_lines, secrets, drops;
} recorder;

static void record(void *user_data, etcd_log_level level, const char *message)
{
    recorder *self = user_data;
    self->messages++;
    if (level == ETCD_LOG_WARN) self->warnings++;
    if (level == ETCD_LOG_DEBUG && strncmp(message, "curl ", 5) == 0) self->curl_lines++;
    if (strstr(message, "secret") != NULL || strstr(message, "c2VjcmV0") != NULL) self->secrets++;
    if (self->client != NULL) self->status_inside = etcd_keys_get(self->client, NULL, "/a", NULL, NULL, NULL);
}

static void count_drop(void *user_data)
{
    recorder *self = user_data;
    self->drops++;
}

static void test_messages(void)
{
    recorder seen;
    test_server refused;
    etcd_config *config = etcd_config_new();
    etcd_client *client = NULL;

    memset(&seen, 0, sizeof seen);
    server_bind(&refused);
    (void)etcd_config_add_endpoint(config, refused.url);
    (void)etcd_config_set_credentials(config, "user", "secret");
    CHECK(etcd_config_set_log(config, ETCD_LOG_DEBUG, record, &seen, count_drop) == ETCD_OK, "a log callback");
    CHECK_STATUS(ETCD_OK, etcd_client_new(config, &client, &error), &error, "new");
    etcd_config_free(config);
    CHECK(seen.drops == 0, "the client keeps the user data after the config is gone");

    seen.client = client;
    CHECK_STATUS(ETCD_ERR_CLUSTER, etcd_keys_set(client, NULL, "/a", "1", ETCD_STRLEN, NULL, NULL, &error), &error, "set");
    CHECK(seen.warnings == 1, "one warning for the endpoint that failed");
    CHECK(seen.curl_lines == 1, "one cURL line for the attempt");
    CHECK(seen.secrets == 0, "no credentials");
    CHECK(seen.status_inside == ETCD_ERR_WOULD_DEADLOCK, "a call inside the callback is refused");
    etcd_client_free(client);
    CHECK(seen.drops == 1, "the user data is dropped with the client, once");
    server_stop(&refused);
}

static void test_drop(void)
{
    recorder seen;
    etcd_config *config = etcd_config_new();

    memset(&seen, 0, sizeof seen);
    CHECK(etcd_config_set_log(config, 99, record, &seen, count_drop) == ETCD_ERR_INVALID_ARGUMENT && seen.drops == 1, "dropped when the level is refused");
    CHECK(etcd_config_set_log(NULL, ETCD_LOG_WARN, record, &seen, count_drop) == ETCD_ERR_INVALID_ARGUMENT && seen.drops == 2, "dropped when there is no config");
    CHECK(etcd_config_set_log(config, ETCD_LOG_WARN, record, &seen, count_drop) == ETCD_OK && seen.drops == 2, "kept when it is taken");
    CHECK(etcd_config_set_log(config, ETCD_LOG_WARN, NULL, &seen, count_drop) == ETCD_OK && seen.drops == 4, "both dropped when logging is switched off");
    etcd_config_free(config);
    CHECK(seen.drops == 4, "and only once");
    CHECK(seen.messages == 0, "nothing was logged");
}

int main(void)
{
    test_messages();
    test_drop();
    return checks_done();
}
