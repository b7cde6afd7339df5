/* A good guest in its host: no signal disposition, mask, descriptor, thread or output of ours is left behind, and a
 * server that closes connections sends no SIGPIPE to the host. */
#include "server.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>

static etcd_error *error;

static int entries(const char *directory)
{
    int count = 0;
    DIR *opened = opendir(directory);
    if (opened == NULL) bail_out("no /proc");
    while (readdir(opened) != NULL) count++;
    closedir(opened);
    return count;
}

/* A thread that has ended may be listed for a moment longer. */
static int threads_left(void)
{
    int64_t until = now_ms() + 5000;
    struct timespec pause = {0, 10 * 1000 * 1000};
    int count;
    while ((count = entries("/proc/self/task") - 2) > 1 && now_ms() < until) nanosleep(&pause, NULL);
    return count;
}

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
    int descriptors;
    use("free");
    descriptors = entries("/proc/self/fd");
    use("close");
    use("free");
    CHECK(entries("/proc/self/fd") == descriptors, "no descriptor is left (%d before, %d after)", descriptors, entries("/proc/self/fd"));
    CHECK(threads_left() == 1, "no thread is left");
}

static void test_signals(void)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    sigset_t before, after;
    struct sigaction actions[32], action;
    test_server server;
    etcd_client *client;
    int round, signal_number, changed = 0;

    /* Whoever started this program may have had it ignored. */
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, NULL, &before);
    for (signal_number = 1; signal_number <= 31; signal_number++) sigaction(signal_number, NULL, &actions[signal_number]);
    /* The server says that the connection stays open, and closes it: the next request meets a dead one. */
    server_answer(&server, answer);
    client = client_of(server.url, 5000);
    for (round = 0; round < 20; round++) (void)etcd_keys_set(client, NULL, "/a", "1", ETCD_STRLEN, NULL, NULL, NULL);
    CHECK(1, "no SIGPIPE has ended this program");
    etcd_client_free(client);
    server_stop(&server);
    use("close");

    sigprocmask(SIG_SETMASK, NULL, &after);
    for (signal_number = 1; signal_number <= 31; signal_number++) {
        if (sigismember(&before, signal_number) != sigismember(&after, signal_number)) changed++;
        if (sigaction(signal_number, NULL, &action) == 0 && action.sa_handler != actions[signal_number].sa_handler) changed++;
    }
    CHECK(changed == 0, "mask and handlers of all signals are as before");
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
    test_signals();
    test_silence();
    return checks_done();
}
