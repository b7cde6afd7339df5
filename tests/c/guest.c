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
    test_silence();
    return checks_done();
}
