/* What the programs ask for and what has to come back. benches/preload.py and benches/null_server.c hold the same. */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum workload { GET, PUT, LARGE, DIRECTORY, LISTING, WATCH } workload;

#define VALUE_LENGTH 100
#define LARGE_LENGTH 10240
#define DIRECTORY_CHILDREN 1000
#define LISTING_CHILDREN 100000

static const struct {
    const char *name, *key;
    size_t value_length, children;
} workloads[] = {
    [GET] = {"get", "/bench/value", VALUE_LENGTH, 0},
    [PUT] = {"put", "/bench/put", VALUE_LENGTH, 0},
    [LARGE] = {"large", "/bench/large", LARGE_LENGTH, 0},
    [DIRECTORY] = {"directory", "/bench/directory", 0, DIRECTORY_CHILDREN},
    [LISTING] = {"listing", "/bench/listing", 0, LISTING_CHILDREN},
    [WATCH] = {"watch", "/bench/watch", 0, 0},
};

static inline workload workload_named(const char *name)
{
    for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++)
        if (strcmp(workloads[i].name, name) == 0) return (workload)i;
    fprintf(stderr, "there is no workload '%s'\n", name);
    exit(2);
}

/* What is put: letters, which need no encoding. */
static inline const char *put_value(void)
{
    static char value[VALUE_LENGTH + 1];
    if (value[0] == 0) memset(value, 'p', VALUE_LENGTH);
    return value;
}

#endif
