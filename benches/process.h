/* What a program can say about its own process: time, processor time, memory, threads, descriptors. */
#ifndef PROCESS_H
#define PROCESS_H

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static inline uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline void sleep_seconds(double seconds)
{
    struct timespec time = {.tv_sec = (time_t)seconds};
    time.tv_nsec = (long)((seconds - (double)time.tv_sec) * 1e9);
    nanosleep(&time, NULL);
}

typedef struct usage {
    double user_us, all_us;
    long switches;
} usage;

static inline usage usage_now(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double user_us = (double)used.ru_utime.tv_sec * 1e6 + (double)used.ru_utime.tv_usec;
    double system_us = (double)used.ru_stime.tv_sec * 1e6 + (double)used.ru_stime.tv_usec;
    return (usage){.user_us = user_us, .all_us = user_us + system_us, .switches = used.ru_nvcsw + used.ru_nivcsw};
}

static inline long number_in(const char *file, const char *name)
{
    char line[256];
    long number = 0;
    FILE *opened = fopen(file, "r");
    if (opened == NULL) return 0;
    while (fgets(line, sizeof line, opened) != NULL)
        if (strncmp(line, name, strlen(name)) == 0) number += atol(line + strlen(name));
    fclose(opened);
    return number;
}

static inline long peak_kb(void) { return number_in("/proc/self/status", "VmHWM:"); }
static inline long resident_kb(void) { return number_in("/proc/self/status", "VmRSS:"); }
static inline long threads_now(void) { return number_in("/proc/self/status", "Threads:"); }

/* What this process alone has written to: without the pages of programs and libraries that are as they are on the disk. */
static inline long own_kb(void) { return number_in("/proc/self/smaps_rollup", "Private_Dirty:"); }

static inline long descriptors_now(void)
{
    long count = -3; /* ".", "..", and the descriptor of the directory itself */
    DIR *opened = opendir("/proc/self/fd");
    if (opened == NULL) return 0;
    while (readdir(opened) != NULL) count++;
    closedir(opened);
    return count;
}

static inline void allow_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* The text behind NAME= among the arguments, or what is there otherwise. */
static inline const char *text_argument(int argc, char **argv, const char *name, const char *otherwise)
{
    size_t length = strlen(name);
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], name, length) == 0 && argv[i][length] == '=') return argv[i] + length + 1;
    return otherwise;
}

static inline double number_argument(int argc, char **argv, const char *name, double otherwise)
{
    const char *text = text_argument(argc, argv, name, NULL);
    return text == NULL ? otherwise : strtod(text, NULL);
}

#endif
