/* Objects may be freed in any order: what was handed out does not need what it was made from. Run it under valgrind. */
#include "check.h"

static etcd_error *error;

static void test_response_outlives_client(void)
{
    etcd_client *client = test_client();
    etcd_response *response = NULL, *clone;
    const etcd_node *node;

    CHECK_STATUS(ETCD_OK, etcd_keys_set(client, NULL, test_key("a"), "one", ETCD_STRLEN, NULL, &response, &error), &error, "set");
    remove_test_keys(client);
    CHECK_STATUS(ETCD_OK, etcd_client_close(client, 1000, &error), &error, "close");
    etcd_client_free(client);
    CHECK_TEXT("one", etcd_node_value(etcd_response_node(response), NULL), "the value after the client is gone");

    clone = etcd_response_clone(response);
    node = etcd_response_node(clone);
    etcd_response_free(response);
    CHECK_TEXT("one", etcd_node_value(node, NULL), "the clone's value after the response is gone");
    CHECK_TEXT("set", etcd_response_action_name(clone), "the clone's action");
    response = etcd_response_clone(clone);
    etcd_response_free(clone);
    CHECK_TEXT("one", etcd_node_value(etcd_response_node(response), NULL), "a clone's clone");
    etcd_response_free(response);
}

static void test_error_outlives_client(void)
{
    etcd_client *client = test_client();
    CHECK_STATUS(ETCD_ERR_API, etcd_keys_get(client, NULL, test_key("missing"), NULL, NULL, &error), NULL, "get of a missing key");
    etcd_client_free(client);
    CHECK(etcd_error_is_key_not_found(error) && etcd_error_message(error) != NULL && etcd_error_endpoint(error) != NULL, "the error after the client is gone");
    etcd_error_free(error);
    error = NULL;
}

static void test_config_is_copied(void)
{
    etcd_config *config = etcd_config_new();
    etcd_client *client = NULL;
    etcd_strings *endpoints = NULL;
    char url[] = "http://127.0.0.1:1";

    (void)etcd_config_add_endpoint(config, url);
    url[0] = 'x';
    CHECK_STATUS(ETCD_OK, etcd_client_new(config, &client, &error), &error, "new");
    CHECK(etcd_config_add_endpoint(config, "http://127.0.0.1:2") == ETCD_OK, "the config stays usable");
    etcd_config_free(config);
    CHECK_STATUS(ETCD_OK, etcd_client_endpoints(client, &endpoints, &error), &error, "endpoints");
    etcd_client_free(client);
    CHECK(etcd_strings_len(endpoints) == 1, "one endpoint: the client has its own copy");
    CHECK_TEXT("http://127.0.0.1:1", etcd_strings_get(endpoints, 0), "the endpoint after config and client are gone");
    etcd_strings_free(endpoints);
}

static void test_options_and_contexts(void)
{
    etcd_client *client = test_client();
    etcd_set_options *options = etcd_set_options_new();
    etcd_context *parent = etcd_context_with_timeout_ms(NULL, 60000);
    etcd_context *child = etcd_context_new(parent);
    etcd_response *response = NULL;
    char key[256], value[] = "one", previous[] = "one";

    etcd_context_free(parent);
    snprintf(key, sizeof key, "%s", test_key("b"));
    CHECK_STATUS(ETCD_OK, etcd_keys_set(client, child, key, value, ETCD_STRLEN, NULL, NULL, &error), &error, "set with the child of a freed context");
    (void)etcd_set_options_set_prev_value(options, previous, ETCD_STRLEN);
    previous[0] = 'x';
    CHECK_STATUS(ETCD_OK, etcd_keys_set(client, child, key, "two", ETCD_STRLEN, options, &response, &error), &error, "set with options that were copied");
    etcd_set_options_free(options);
    etcd_context_free(child);
    memset(key, 'x', sizeof key);
    value[0] = 'x';
    CHECK_TEXT("one", etcd_node_value(etcd_response_prev_node(response), NULL), "the response after options, context, key and value are gone");
    remove_test_keys(client);
    etcd_client_free(client);
    etcd_response_free(response);

    parent = etcd_context_new(NULL);
    child = etcd_context_new(parent);
    etcd_context_free(child);
    etcd_context_free(parent);
    parent = etcd_context_new(NULL);
    child = etcd_context_new(parent);
    etcd_context_cancel(parent);
    etcd_context_free(parent);
    CHECK(etcd_context_status(child) == ETCD_ERR_CANCELED, "a child of a cancelled and freed context");
    etcd_context_free(child);
}

static void test_outputs_on_failure(void)
{
    etcd_client *client = test_client();
    etcd_response *response = (etcd_response *)&client;
    etcd_client *other = client;
    etcd_strings *endpoints = (etcd_strings *)&client;
    etcd_config *config = etcd_config_new();

    CHECK_STATUS(ETCD_ERR_API, etcd_keys_get(client, NULL, test_key("missing"), NULL, &response, &error), &error, "get of a missing key");
    CHECK(response == NULL, "the response is NULL");
    response = (etcd_response *)&client;
    CHECK_STATUS(ETCD_ERR_INVALID_ARGUMENT, etcd_keys_get(NULL, NULL, "/a", NULL, &response, &error), &error, "get without a client");
    CHECK(response == NULL, "the response is NULL");
    CHECK_STATUS(ETCD_ERR_INVALID_ARGUMENT, etcd_client_endpoints(NULL, &endpoints, &error), &error, "endpoints without a client");
    CHECK(endpoints == NULL, "the endpoints are NULL");
    error = (etcd_error *)&client;
    CHECK_STATUS(ETCD_OK, etcd_client_new(config, &other, &error), &error, "new");
    CHECK(other != NULL && other != client, "a success sets the error to NULL and the output");
    etcd_client_free(other);
    etcd_config_free(config);
    etcd_client_free(client);
}

static void test_closed_client(void)
{
    etcd_client *client = test_client();
    CHECK_STATUS(ETCD_OK, etcd_keys_set(client, NULL, test_key("c"), "v", ETCD_STRLEN, NULL, NULL, &error), &error, "set");
    remove_test_keys(client);
    CHECK_STATUS(ETCD_OK, etcd_client_close(client, 1000, &error), &error, "close");
    CHECK_STATUS(ETCD_ERR_CLOSED, etcd_keys_get(client, NULL, test_key("c"), NULL, NULL, &error), &error, "get after close");
    CHECK_STATUS(ETCD_OK, etcd_client_close(client, 0, &error), &error, "close once more");
    etcd_client_free(client);
}

int main(void)
{
    test_response_outlives_client();
    test_error_outlives_client();
    test_config_is_copied();
    test_options_and_contexts();
    test_outputs_on_failure();
    test_closed_client();
    return checks_done();
}
