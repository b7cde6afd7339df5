/* What the library costs a process before it is of use: loading it, making a client, the first answer; in time and memory.
 *
 *     start LIBRARY URL
 *
 * The process itself is linked with the C library alone, so that the difference is the library's. */
#define _GNU_SOURCE
#include "process.h"

#include <etcd_client.h>

#include <dlfcn.h>

/* The functions by their names and types in the header, looked up in the library that is loaded here. */
#define LOOK_UP(name) __typeof__(&name) look_up_##name = (__typeof__(&name))dlsym(library, #name)

typedef struct memory {
    long resident_kb, own_kb;
} memory;

static memory memory_now(void) { return (memory){resident_kb(), own_kb()}; }

static void print_memory(const char *name, memory memory)
{
    printf(", \"%s_resident_kb\": %ld, \"%s_own_kb\": %ld", name, memory.resident_kb, name, memory.own_kb);
}

int main(int argc, char **argv)
{
    etcd_client *client = NULL;
    etcd_response *response = NULL;

    if (argc != 3) return 2;
    memory empty = memory_now();
    uint64_t begin = now_ns();
    void *library = dlopen(argv[1], RTLD_NOW);
    uint64_t loaded_at = now_ns();
    if (library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return EXIT_FAILURE;
    }
    memory loaded = memory_now();
    LOOK_UP(etcd_config_new);
    LOOK_UP(etcd_config_add_endpoint);
    LOOK_UP(etcd_client_new);
    LOOK_UP(etcd_keys_get);
    LOOK_UP(etcd_response_free);

    etcd_config *config = look_up_etcd_config_new();
    look_up_etcd_config_add_endpoint(config, argv[2]);
    uint64_t configured_at = now_ns();
    if (look_up_etcd_client_new(config, &client, NULL) != ETCD_OK) return EXIT_FAILURE;
    uint64_t made_at = now_ns();
    if (look_up_etcd_client_new(config, &client, NULL) != ETCD_OK) return EXIT_FAILURE;
    uint64_t made_again_at = now_ns();
    memory made = memory_now();

    uint64_t asked_at = now_ns();
    if (look_up_etcd_keys_get(client, NULL, "/bench/value", NULL, &response, NULL) != ETCD_OK) return EXIT_FAILURE;
    uint64_t answered_at = now_ns();
    look_up_etcd_response_free(response);
    memory answered = memory_now();

    printf("{\"load_us\": %.1f, \"client_us\": %.1f, \"second_client_us\": %.1f, \"first_answer_us\": %.1f",
           (double)(loaded_at - begin) / 1e3, (double)(made_at - configured_at) / 1e3,
           (double)(made_again_at - made_at) / 1e3, (double)(answered_at - asked_at) / 1e3);
    print_memory("empty", empty);
    print_memory("loaded", loaded);
    print_memory("client", made);
    print_memory("answered", answered);
    printf("}\n");
    return EXIT_SUCCESS;
}
