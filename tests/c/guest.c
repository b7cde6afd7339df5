/* A good guest in its host: no thread before one is needed, no descriptor, thread, memory or output of ours left behind. What it does
 * with signals is in signals.c. */
#define _GNU_SOURCE
#include "server.h"
#include "stress.h"

#include <fcntl.h>
#include <malloc.h>

/* Clients that are made and freed, and how many of them are used as well. */
enum { CLIENTS = 10000, USED = 300 };

static etcd_error *error;

static void use(const char *close_or_free)
{
    etcd_client *client = test_client();
    CHECK_STATUS(ETCD_OK, etcd_keys_set(client, NULL, test_key("a"), "v", ETCD_STRLEN, NULL, NULL, &error), &error, "set");
    remove_test_keys(client);
    if (close_or_free[0] == 'c') CHECK_STATUS(ETCD_OK, etcd_client_close(client, 5000, &error), &error, "close");
    etcd_client_free(client);
}

static void test_nothing_is_left(void)
{
    int before;
    use("free");
    before = descriptors();
    use("close");
    use("free");
    CHECK(descriptors() == before, "no descriptor is left (%d before, %d after)", before, descriptors());
    CHECK(threads_become(1) == 1, "no thread is left");
}

/* Descriptors that a program which this one starts by exec would get. */
static int inheritable_descriptors(void)
{
    int descriptor, count = 0;
    for (descriptor = 3; descriptor < 1024; descriptor++) {
        int flags = fcntl(descriptor, F_GETFD);
        count += flags >= 0 && (flags & FD_CLOEXEC) == 0;
    }
    return count;
}

static void test_threads_when_needed(void)
{
    int inheritable = inheritable_descriptors();
    etcd_context *soon = etcd_context_with_timeout_ms(NULL, 20);
    etcd_client *client = test_client();
    etcd_watcher *first = NULL, *second = NULL;

    CHECK_STATUS(ETCD_OK, etcd_keys_set(client, NULL, test_key("a"), "v", ETCD_STRLEN, NULL, NULL, &error), &error, "set");
    CHECK_STATUS(ETCD_OK, etcd_watcher_new(client, test_key("b"), NULL, &first, &error), &error, "a watcher");
    CHECK_STATUS(ETCD_OK, etcd_watcher_new(client, test_key("b"), NULL, &second, &error), &error, "another one");
    CHECK(threads() == 1, "calls, and watchers that nobody reads, need no thread");
    CHECK_STATUS(ETCD_ERR_DEADLINE_EXCEEDED, etcd_watcher_next(first, soon, NULL, &error), &error, "next");
    CHECK_STATUS(ETCD_ERR_DEADLINE_EXCEEDED, etcd_watcher_next(second, soon, NULL, &error), &error, "next of the other one");
    CHECK_STATUS(ETCD_OK, etcd_client_start_auto_sync(client, 1, &error), &error, "auto-sync");
    CHECK(threads_become(2) == 2, "everything that goes on by itself shares one thread");
    CHECK(inheritable_descriptors() == inheritable, "no descriptor of ours is open in programs that the host starts");
    remove_test_keys(client);
    CHECK_STATUS(ETCD_OK, etcd_client_close(client, 10000, &error), &error, "close");
    /* The kernel takes a moment to clear away a thread that has ended. */
    CHECK(threads_become(1) == 1, "which is gone after the close");
    etcd_watcher_free(first);
    etcd_watcher_free(second);
    etcd_client_free(client);
    etcd_context_free(soon);
}

static int make_and_free(int clients)
{
    int number, failed = 0;
    for (number = 0; number < clients; number++) {
        etcd_client *client = test_client();
        if (number % (CLIENTS / USED) == 0) {
            etcd_response *response = NULL;
            failed += etcd_keys_get(client, NULL, "/", NULL, &response, NULL) != ETCD_OK;
            etcd_response_free(response);
        }
        etcd_client_free(client);
    }
    return failed;
}

static void test_many_clients(void)
{
    int clients = under_valgrind() ? CLIENTS / 10 : CLIENTS, failed = make_and_free(clients / 10), before = descriptors();
    size_t allocated = mallinfo2().uordblks, more;
    failed += make_and_free(clients);
    more = mallinfo2().uordblks;
    more = more > allocated ? more - allocated : 0;
    CHECK(failed == 0, "%d clients are made and freed, %d of them used", clients, clients / (CLIENTS / USED));
    CHECK(descriptors() == before && threads_become(1) == 1, "no descriptor and no thread is left of them");
    /* One forgotten allocation of each client would be 16 bytes and more. */
    CHECK(more < 8 * (size_t)clients, "and no memory (%lu bytes)", (unsigned long)more);
}

static void test_silence(void)
{
    char byte;
    int pipe_ends[2], out = dup(1), err = dup(2);
    test_server refused;
    etcd_client *client;
    ssize_t count;

    server_bind(&refused);
    if (pipe(pipe_ends) != 0 || fcntl(pipe_ends[0], F_SETFL, O_NONBLOCK) != 0) bail_out("no pipe");
    fflush(stdout);
    dup2(pipe_ends[1], 1);
    dup2(pipe_ends[1], 2);
    client = client_of(refused.url, 1000);
    (void)etcd_keys_get(client, NULL, "/a", NULL, NULL, NULL);
    (void)etcd_keys_get(client, NULL, "../a", NULL, NULL, NULL);
    etcd_client_free(client);
    count = read(pipe_ends[0], &byte, 1);
    dup2(out, 1);
    dup2(err, 2);
    CHECK(count < 0, "failing calls print nothing");
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    close(out);
    close(err);
    server_stop(&refused);
}

int main(void)
{
    test_nothing_is_left();
    test_threads_when_needed();
    test_many_clients();
    test_silence();
    return checks_done();
}
