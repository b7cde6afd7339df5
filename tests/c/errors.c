/* What a program can tell from the error object alone: who did not answer and why, whose deadline passed, what the
 * server objected to, that something was not etcd at all - and whether the write happened. */
#include "server.h"

static etcd_error *error;

static void drop_error(void)
{
    etcd_error_free(error);
    error = NULL;
}

static void check_outcome(etcd_outcome outcome, const char *what)
{
    static const char *const names[] = {"ETCD_NOT_APPLIED", "ETCD_MAYBE_APPLIED", "ETCD_APPLIED"};
    CHECK(etcd_error_outcome(error) == outcome, "%s: %s", what, names[outcome]);
}

static void test_nobody_answers(void)
{
    test_server first, second;
    etcd_strings *endpoints = etcd_strings_new();
    etcd_client *client;
    size_t i;

    server_bind(&first);
    server_bind(&second);
    client = client_of(first.url, 5000);
    (void)etcd_strings_add(endpoints, first.url);
    (void)etcd_strings_add(endpoints, second.url);
    CHECK_STATUS(ETCD_OK, etcd_client_set_endpoints(client, endpoints, &error), &error, "two endpoints where nobody listens");
    CHECK_STATUS(ETCD_ERR_CLUSTER, etcd_keys_set(client, NULL, "/a", "1", ETCD_STRLEN, NULL, NULL, &error), NULL, "set");
    CHECK(etcd_error_status(error) == ETCD_ERR_CLUSTER && etcd_error_is_cluster(error), "it is a cluster error");
    CHECK(!etcd_error_is_deadline(error) && !etcd_error_is_canceled(error) && !etcd_error_is_key_not_found(error), "and nothing else");
    check_outcome(ETCD_NOT_APPLIED, "set that nobody took");
    CHECK(etcd_error_list_len(error) == 2, "the list has both endpoints");
    for (i = 0; i < etcd_error_list_len(error); i++) {
        const etcd_error *entry = etcd_error_list_get(error, i);
        const char *endpoint = etcd_error_endpoint(entry);
        CHECK(etcd_error_status(entry) == ETCD_ERR_CONNECT, "entry %d: ETCD_ERR_CONNECT", (int)i);
        CHECK(endpoint != NULL && (strstr(endpoint, first.url) != NULL || strstr(endpoint, second.url) != NULL), "entry %d names its endpoint", (int)i);
        CHECK(etcd_error_message(entry) != NULL && etcd_error_http_status(entry) == 0, "entry %d has a message and no HTTP status", (int)i);
    }
    CHECK(etcd_error_list_get(error, 2) == NULL, "nothing past the end");
    CHECK(strstr(etcd_error_detail(error), "error #0: ") != NULL && strstr(etcd_error_detail(error), "error #1: ") != NULL, "the detail has a line for each");
    CHECK(strchr(etcd_error_message(error), '\n') == NULL, "the message is one line");
    drop_error();

    CHECK_STATUS(ETCD_ERR_CLUSTER, etcd_keys_create(client, NULL, "/a", "1", ETCD_STRLEN, NULL, &error), NULL, "create");
    CHECK(etcd_error_list_len(error) == 2, "what was not sent goes to the next endpoint, one-shot or not");
    check_outcome(ETCD_NOT_APPLIED, "create that nobody took");
    drop_error();
    etcd_strings_free(endpoints);
    etcd_client_free(client);
    server_stop(&first);
    server_stop(&second);
}

static void test_deadline(void)
{
    test_server hung;
    etcd_client *client;
    etcd_context *context = etcd_context_with_timeout_ms(NULL, 200);
    int64_t started = now_ms();

    server_hang(&hung);
    client = client_of(hung.url, 300);
    CHECK_STATUS(ETCD_ERR_DEADLINE_EXCEEDED, etcd_keys_get(client, context, "/a", NULL, NULL, &error), NULL, "get with a deadline of 200 ms");
    CHECK(now_ms() - started >= 150 && now_ms() - started < 5000, "it comes back by its deadline (%d ms)", (int)(now_ms() - started));
    CHECK(etcd_error_is_deadline(error) && !etcd_error_is_canceled(error) && !etcd_error_is_cluster(error), "it is a deadline error");
    check_outcome(ETCD_NOT_APPLIED, "a read");
    drop_error();
    CHECK(etcd_context_status(context) == ETCD_ERR_DEADLINE_EXCEEDED, "the context says so too");
    CHECK_STATUS(ETCD_ERR_DEADLINE_EXCEEDED, etcd_keys_set(client, context, "/a", "1", ETCD_STRLEN, NULL, NULL, &error), NULL, "set after the deadline");
    check_outcome(ETCD_NOT_APPLIED, "what was not sent");
    drop_error();
    etcd_context_free(context);

    CHECK_STATUS(ETCD_ERR_DEADLINE_EXCEEDED, etcd_keys_set(client, NULL, "/a", "1", ETCD_STRLEN, NULL, NULL, &error), NULL, "set with the client's request timeout");
    check_outcome(ETCD_MAYBE_APPLIED, "what was sent and not answered");
    CHECK(etcd_error_list_len(error) == 1, "the list says what the endpoint was doing");
    drop_error();

    context = etcd_context_with_timeout_ms(NULL, 0);
    CHECK_STATUS(ETCD_ERR_DEADLINE_EXCEEDED, etcd_keys_get(client, context, "/a", NULL, NULL, &error), &error, "get with a timeout of 0");
    etcd_context_free(context);
    etcd_client_free(client);
    server_stop(&hung);
}

static void test_header_timeout(void)
{
    test_server hung;
    etcd_config *config = etcd_config_new();
    etcd_client *client = NULL;

    server_hang(&hung);
    (void)etcd_config_add_endpoint(config, hung.url);
    (void)etcd_config_set_header_timeout_ms(config, 100);
    (void)etcd_client_new(config, &client, NULL);
    CHECK_STATUS(ETCD_ERR_CLUSTER, etcd_keys_get(client, NULL, "/a", NULL, NULL, &error), NULL, "get with a header timeout of 100 ms");
    CHECK(etcd_error_status(etcd_error_list_get(error, 0)) == ETCD_ERR_TIMEOUT, "the endpoint timed out");
    drop_error();
    etcd_config_free(config);
    etcd_client_free(client);
    server_stop(&hung);
}

static void test_cancelled(void)
{
    test_server hung;
    etcd_client *client;
    etcd_context *parent = etcd_context_new(NULL);
    etcd_context *child = etcd_context_with_timeout_ms(parent, 60000);

    server_hang(&hung);
    client = client_of(hung.url, 5000);
    CHECK(etcd_context_status(child) == ETCD_OK, "a context at work");
    etcd_context_cancel(parent);
    etcd_context_cancel(parent);
    CHECK(etcd_context_status(parent) == ETCD_ERR_CANCELED && etcd_context_status(child) == ETCD_ERR_CANCELED, "a cancelled parent cancels its child");
    CHECK_STATUS(ETCD_ERR_CANCELED, etcd_keys_set(client, child, "/a", "1", ETCD_STRLEN, NULL, NULL, &error), NULL, "set with a cancelled context");
    CHECK(etcd_error_is_canceled(error) && !etcd_error_is_deadline(error) && !etcd_error_is_cluster(error), "it is a cancel error");
    check_outcome(ETCD_NOT_APPLIED, "what was not sent");
    drop_error();

    etcd_context_free(child);
    child = etcd_context_new(parent);
    CHECK(etcd_context_status(child) == ETCD_ERR_CANCELED, "a child of a cancelled context is cancelled");
    etcd_context_free(child);
    etcd_context_free(parent);
    etcd_client_free(client);
    server_stop(&hung);
}

static void test_etcd_refuses(void)
{
    etcd_client *client = test_client();
    etcd_set_options *options = etcd_set_options_new();
    const char *key = test_key("compared");

    CHECK_STATUS(ETCD_OK, etcd_keys_set(client, NULL, key, "actual", ETCD_STRLEN, NULL, NULL, &error), &error, "set");
    (void)etcd_set_options_set_prev_value(options, "wanted", ETCD_STRLEN);
    CHECK_STATUS(ETCD_ERR_API, etcd_keys_set(client, NULL, key, "new", ETCD_STRLEN, options, NULL, &error), NULL, "compare and swap");
    CHECK(etcd_error_api_code(error) == ETCD_API_COMPARE_FAILED && etcd_error_http_status(error) == 412, "code 101, HTTP status 412");
    CHECK_TEXT("Compare failed", etcd_error_api_message(error), "etcd's message");
    CHECK_TEXT("[wanted != actual]", etcd_error_api_cause(error), "etcd's cause");
    CHECK(etcd_error_api_index(error) > 0 && etcd_error_endpoint(error) != NULL, "etcd's index, and the endpoint");
    CHECK(strstr(etcd_error_message(error), "101") != NULL && strstr(etcd_error_message(error), "[wanted != actual]") != NULL, "all of it in the message");
    check_outcome(ETCD_NOT_APPLIED, "a failed comparison");
    drop_error();

    CHECK_STATUS(ETCD_ERR_API, etcd_keys_get(client, NULL, test_key("missing"), NULL, NULL, &error), NULL, "get of a missing key");
    CHECK(etcd_error_is_key_not_found(error) && etcd_error_api_code(error) == ETCD_API_KEY_NOT_FOUND && etcd_error_http_status(error) == 404, "key not found");
    CHECK(!etcd_error_is_user_not_found(error) && !etcd_error_is_role_not_found(error) && !etcd_error_is_cluster(error), "and nothing else");
    CHECK(etcd_error_list_len(error) == 0, "the list is empty");
    drop_error();
    etcd_set_options_free(options);
    remove_test_keys(client);
    etcd_client_free(client);
}

static void test_server_error(void)
{
    static const char answer[] =
        "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nX-Etcd-Index: 5\r\nConnection: close\r\n\r\n"
        "{\"errorCode\":300,\"message\":\"Raft Internal Error\",\"cause\":\"etcdserver: request timed out\",\"index\":5}\n";
    test_server server;
    etcd_client *client;
    const etcd_error *entry;

    server_answer(&server, answer);
    client = client_of(server.url, 5000);
    CHECK(etcd_keys_create(client, NULL, "/a", "1", ETCD_STRLEN, NULL, &error) != ETCD_OK, "create answered with 500");
    check_outcome(ETCD_MAYBE_APPLIED, "it may be committed later");
    entry = etcd_error_list_len(error) > 0 ? etcd_error_list_get(error, 0) : error;
    CHECK(etcd_error_http_status(entry) == 500 && etcd_error_api_code(entry) == ETCD_API_RAFT_INTERNAL, "the HTTP status and etcd's code are kept");
    CHECK_TEXT("etcdserver: request timed out", etcd_error_api_cause(entry), "the cause");
    drop_error();
    CHECK_STATUS(ETCD_ERR_CLUSTER, etcd_keys_get(client, NULL, "/a", NULL, NULL, &error), NULL, "get answered with 500");
    check_outcome(ETCD_NOT_APPLIED, "a read");
    drop_error();
    etcd_client_free(client);
    server_stop(&server);
}

static void test_not_etcd(void)
{
    test_server server;
    etcd_client *client;

    server_answer(&server, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>It works!</html>");
    client = client_of(server.url, 5000);
    CHECK_STATUS(ETCD_ERR_INVALID_RESPONSE, etcd_keys_get(client, NULL, "/a", NULL, NULL, &error), &error, "an answer that is not etcd's");
    etcd_client_free(client);
    server_stop(&server);

    server_answer(&server, "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n404 page not found\n");
    client = client_of(server.url, 5000);
    CHECK_STATUS(ETCD_ERR_API_NOT_SERVED, etcd_keys_get(client, NULL, "/a", NULL, NULL, &error), NULL, "an etcd without its v2 API");
    CHECK(strstr(etcd_error_message(error), "--enable-v2") != NULL, "the message names the flag");
    drop_error();
    etcd_client_free(client);
    server_stop(&server);
}

static void check_endpoint_refused(const char *url)
{
    etcd_config *config = etcd_config_new();
    CHECK(etcd_config_add_endpoint(config, url) == ETCD_ERR_INVALID_ARGUMENT, "the endpoint \"%s\" is refused", url);
    etcd_config_free(config);
}

static void test_bad_config(void)
{
    etcd_config *config = etcd_config_new();
    etcd_strings *none = etcd_strings_new();
    etcd_client *client = test_client();

    check_endpoint_refused("");
    check_endpoint_refused("localhost:2379");
    check_endpoint_refused("ftp://localhost:2379");
    check_endpoint_refused("http://");
    check_endpoint_refused("http://127.0.0.1:99999");
    check_endpoint_refused("http://\xff");
    CHECK(etcd_config_add_endpoint(config, "http://a:1,http://b:2") == ETCD_OK, "two endpoints with a comma between");
    CHECK(etcd_config_set_request_timeout_ms(config, -1) == ETCD_ERR_INVALID_ARGUMENT, "a negative request timeout is refused");
    CHECK(etcd_config_set_header_timeout_ms(config, -1) == ETCD_ERR_INVALID_ARGUMENT, "a negative header timeout is refused");
    CHECK(etcd_config_set_connect_timeout_ms(config, -1) == ETCD_ERR_INVALID_ARGUMENT, "a negative connect timeout is refused");
    CHECK(etcd_config_set_max_redirects(config, -1) == ETCD_ERR_INVALID_ARGUMENT, "a negative redirect limit is refused");
    CHECK(etcd_config_set_selection_mode(config, 2) == ETCD_ERR_INVALID_ARGUMENT, "an unknown selection mode is refused");
    CHECK(etcd_config_set_selection_mode(config, ETCD_SELECT_LEADER) == ETCD_OK, "a known one is taken");
    CHECK(etcd_config_set_protocol(config, 1) == ETCD_ERR_INVALID_ARGUMENT, "an unknown protocol is refused");
    CHECK(etcd_config_set_log(config, 5, NULL, NULL, NULL) == ETCD_ERR_INVALID_ARGUMENT, "an unknown log level is refused");
    CHECK(etcd_config_set_proxy(config, "nonsense") == ETCD_ERR_INVALID_ARGUMENT, "a proxy that is not a URL is refused");
    CHECK(etcd_config_set_credentials(config, "a:b", "c") == ETCD_ERR_INVALID_ARGUMENT, "a user name with a colon is refused");
    CHECK(etcd_config_set_keys_prefix(config, "/v2/../..") == ETCD_ERR_INVALID_ARGUMENT, "a prefix that climbs out is refused");
    CHECK_STATUS(ETCD_ERR_NO_ENDPOINTS, etcd_client_set_endpoints(client, none, &error), &error, "no endpoints at all");
    CHECK_STATUS(ETCD_OK, etcd_keys_set(client, NULL, test_key("still"), "here", ETCD_STRLEN, NULL, NULL, &error), &error, "the old ones are kept");
    remove_test_keys(client);
    etcd_client_free(client);
    etcd_strings_free(none);
    etcd_config_free(config);
}

static void test_unsupported(void)
{
    etcd_config *config = etcd_config_new();
    etcd_client *client = NULL;
    CHECK(etcd_config_add_ca_file(config, "/nonexistent/ca.pem") == ETCD_OK, "a CA file is read when the client is made");
    CHECK_STATUS(ETCD_ERR_TLS, etcd_client_new(config, &client, &error), NULL, "a CA file that is not there");
    CHECK(strstr(etcd_error_message(error), "/nonexistent/ca.pem") != NULL, "the message names the file");
    drop_error();
    etcd_config_free(config);
    config = etcd_config_new();
    CHECK(etcd_config_set_protocol(config, ETCD_PROTOCOL_V3) == ETCD_OK, "v3 is a protocol");
    CHECK_STATUS(ETCD_ERR_UNSUPPORTED, etcd_client_new(config, &client, &error), &error, "but not part of this version");
    CHECK(client == NULL, "no client comes back");
    etcd_config_free(config);
}

int main(void)
{
    test_nobody_answers();
    test_deadline();
    test_header_timeout();
    test_cancelled();
    test_etcd_refuses();
    test_server_error();
    test_not_etcd();
    test_bad_config();
    test_unsupported();
    return checks_done();
}
