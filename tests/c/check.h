/* What every C test uses: checks that print TAP lines, a client, and a key of its own for each run. */
#ifndef CHECK_H
#define CHECK_H

#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include <etcd_client.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int checks_made;
static int checks_failed;

static inline int check_line(int ok, const char *file, int line, const char *format, ...)
{
    va_list arguments;
    printf("%s %d - ", ok ? "ok" : "not ok", ++checks_made);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    if (!ok) {
        checks_failed++;
        printf("# at %s:%d\n", file, line);
    }
    fflush(stdout);
    return ok;
}

/* Only the main thread may call these: the counters have no lock. */
#define CHECK(condition, ...) check_line((condition) ? 1 : 0, __FILE__, __LINE__, __VA_ARGS__)

/* A call's status; frees the error, after printing it when the status is another one. */
#define CHECK_STATUS(expected, actual, error, what) check_status((expected), (actual), (error), __FILE__, __LINE__, (what))

static inline int check_status(etcd_status expected, etcd_status actual, etcd_error **error, const char *file, int line, const char *what)
{
    int error_fits = error == NULL || (*error != NULL) == (actual != ETCD_OK);
    int ok = check_line(actual == expected && error_fits, file, line, "%s: %s", what, etcd_status_name(expected));
    if (!ok) {
        printf("# got %s\n", etcd_status_name(actual));
        if (error != NULL) {
            const char *message = etcd_error_message(*error);
            printf("# error object: %s\n", *error == NULL ? "none" : message == NULL ? "(no message)" : message);
        }
    }
    if (error != NULL) {
        etcd_error_free(*error);
        *error = NULL;
    }
    return ok;
}

static inline int check_text(const char *expected, const char *actual, const char *file, int line, const char *what)
{
    int ok = actual != NULL && strcmp(expected, actual) == 0;
    check_line(ok, file, line, "%s is \"%s\"", what, expected);
    if (!ok) printf("# got %s\n", actual == NULL ? "NULL" : actual);
    return ok;
}

#define CHECK_TEXT(expected, actual, what) check_text((expected), (actual), __FILE__, __LINE__, (what))

/* The last statement of main. */
static inline int checks_done(void)
{
    printf("1..%d\n", checks_made);
    return checks_failed == 0 ? 0 : 1;
}

static inline void bail_out(const char *why)
{
    printf("Bail out! %s\n", why);
    exit(2);
}

/* A client of the cluster in ETCD_ENDPOINTS. */
static inline etcd_client *test_client(void)
{
    const char *endpoints = getenv("ETCD_ENDPOINTS");
    etcd_config *config = etcd_config_new();
    etcd_client *client = NULL;
    etcd_error *error = NULL;
    if (endpoints == NULL) bail_out("ETCD_ENDPOINTS is not set");
    if (etcd_config_add_endpoint(config, endpoints) != ETCD_OK) bail_out("ETCD_ENDPOINTS is refused");
    if (etcd_client_new(config, &client, &error) != ETCD_OK) bail_out(etcd_error_message(error));
    etcd_config_free(config);
    return client;
}

/* A client of one URL, whose calls with a NULL context take no longer than request_timeout_ms. */
static inline etcd_client *client_of(const char *url, int64_t request_timeout_ms)
{
    etcd_config *config = etcd_config_new();
    etcd_client *client = NULL;
    if (etcd_config_add_endpoint(config, url) != ETCD_OK) bail_out("an endpoint is refused");
    if (etcd_config_set_request_timeout_ms(config, request_timeout_ms) != ETCD_OK) bail_out("a request timeout is refused");
    if (etcd_client_new(config, &client, NULL) != ETCD_OK) bail_out("no client");
    etcd_config_free(config);
    return client;
}

/* "/c-test-<process>-<time>/name", so that runs beside and after each other do not meet. Valid until the eighth call after it. */
static inline const char *test_key(const char *name)
{
    static char directory[64];
    static char keys[8][256];
    static unsigned next;
    char *key = keys[next++ % 8];
    if (directory[0] == '\0') snprintf(directory, sizeof directory, "/c-test-%ld-%ld", (long)getpid(), (long)time(NULL));
    if (name[0] == '\0') snprintf(key, sizeof keys[0], "%s", directory);
    else snprintf(key, sizeof keys[0], "%s/%s", directory, name);
    return key;
}

static inline void remove_test_keys(etcd_client *client)
{
    etcd_delete_options *options = etcd_delete_options_new();
    (void)etcd_delete_options_set_recursive(options, 1);
    (void)etcd_keys_delete(client, NULL, test_key(""), options, NULL, NULL);
    etcd_delete_options_free(options);
}

static inline int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
