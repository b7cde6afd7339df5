/* What the programs share that press hard on the library: for how long, in what surroundings, and a second process. */
#ifndef STRESS_H
#define STRESS_H

#include "check.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/wait.h>

/* A form of two seconds belongs to every run of the tests; `make stress` asks for more. */
static inline int64_t stress_ms(void)
{
    const char *seconds = getenv("ETCD_STRESS_SECONDS");
    return seconds == NULL ? 2000 : atoi(seconds) * 1000;
}

/* valgrind runs everything many times slower; it is known by what it preloads. */
static inline int under_valgrind(void)
{
    const char *preloaded = getenv("LD_PRELOAD");
    return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
}

/* The entries of a directory of /proc, without "." and "..". */
static inline int entries(const char *directory)
{
    int count = -2;
    DIR *opened = opendir(directory);
    if (opened == NULL) bail_out("no /proc");
    while (readdir(opened) != NULL) count++;
    closedir(opened);
    return count;
}

static inline int descriptors(void)
{
    return entries("/proc/self/fd");
}

/* The thread sanitizer has a thread of its own, from the first thread that the program starts. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SANITIZER_THREADS 1
#endif
#endif
#ifndef SANITIZER_THREADS
#define SANITIZER_THREADS 0
#endif

static inline void *end_at_once(void *argument)
{
    return argument;
}

static inline int threads(void)
{
    pthread_t first;
    if (SANITIZER_THREADS > 0 && pthread_create(&first, NULL, end_at_once, NULL) == 0) pthread_join(first, NULL);
    return entries("/proc/self/task") - SANITIZER_THREADS;
}

/* The number of threads, once it is `wanted` or has had ten seconds to become so: a thread that has ended may be listed for a
 * moment longer. */
static inline int threads_become(int wanted)
{
    int64_t until = now_ms() + 10000;
    struct timespec pause = {0, 10 * 1000 * 1000};
    int count;
    while ((count = threads()) != wanted && now_ms() < until) nanosleep(&pause, NULL);
    return count;
}

/* Waits for a child and says how it ended: its exit code, or 1000 and the signal that killed it. */
static inline int ending_of(pid_t child)
{
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) bail_out("no child");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* This program once more, with one argument, ended by SIGALRM after so many seconds. valgrind does not follow it there, and the
 * leak check of a sanitizer is off: what is not freed on purpose is no leak. */
static inline pid_t start_again(const char *argument, unsigned seconds)
{
    char program[4096];
    /* Not executed by that name, which for the kernel is valgrind where valgrind runs this. */
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    pid_t child;
    if (length < 0) bail_out("no /proc");
    program[length] = '\0';
    fflush(stdout);
    child = fork();
    if (child == 0) {
        setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
        unsetenv("LD_PRELOAD");
        alarm(seconds);
        execl(program, program, argument, (char *)NULL);
        _exit(126);
    }
    return child;
}

#endif
