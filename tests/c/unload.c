/* The library loaded by dlopen, as plug-ins and other languages do: closing it leaves its threads something to stand on. */
#include "stress.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>

/* Nothing of the library is named here but by dlsym; the linker leaves it out then. */
static void *library;
static etcd_client *client;
static etcd_watcher *watcher;

/* ISO C knows no way from an object pointer to a function pointer. */
#define FUNCTION(name) (*(name##_fn *)symbol(#name))
typedef __typeof__(etcd_config_new) *etcd_config_new_fn;
typedef __typeof__(etcd_config_free) *etcd_config_free_fn;
typedef __typeof__(etcd_config_add_endpoint) *etcd_config_add_endpoint_fn;
typedef __typeof__(etcd_client_new) *etcd_client_new_fn;
typedef __typeof__(etcd_client_close) *etcd_client_close_fn;
typedef __typeof__(etcd_client_free) *etcd_client_free_fn;
typedef __typeof__(etcd_keys_get) *etcd_keys_get_fn;
typedef __typeof__(etcd_watcher_new) *etcd_watcher_new_fn;
typedef __typeof__(etcd_watcher_next) *etcd_watcher_next_fn;

static void *symbol(const char *name)
{
    static void *found[16];
    static unsigned next;
    void **place = &found[next++ % 16];
    *place = dlsym(library, name);
    if (*place == NULL) bail_out(dlerror());
    return place;
}

static void load(void)
{
    if (dlopen("libetcd_client.so.0", RTLD_NOW | RTLD_NOLOAD) != NULL) bail_out("it was loaded already: this tests nothing");
    library = dlopen("libetcd_client.so.0", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) bail_out(dlerror());
}

static void use(void)
{
    etcd_config *config = FUNCTION(etcd_config_new)();
    if (FUNCTION(etcd_config_add_endpoint)(config, getenv("ETCD_ENDPOINTS")) != ETCD_OK ||
        FUNCTION(etcd_client_new)(config, &client, NULL) != ETCD_OK || FUNCTION(etcd_keys_get)(client, NULL, "/", NULL, NULL, NULL) != ETCD_OK ||
        FUNCTION(etcd_watcher_new)(client, "/never", NULL, &watcher, NULL) != ETCD_OK) bail_out("it cannot be used");
    FUNCTION(etcd_config_free)(config);
}

static void *watch(void *next)
{
    (void)(*(etcd_watcher_next_fn *)next)(watcher, NULL, NULL, NULL);
    return NULL;
}

static int run(const char *way)
{
    pthread_t thread;
    load();
    if (strcmp(way, "loaded and closed, nothing called") == 0) return dlclose(library) == 0 ? 7 : 8;
    use();
    if (pthread_create(&thread, NULL, watch, symbol("etcd_watcher_next")) != 0) bail_out("no thread");
    /* The thread of the test, and that of the library, which may begin a moment later. */
    if (threads_become(3) != 3) bail_out("the watch has not begun");
    if (strcmp(way, "closed in order, then unloaded") == 0) {
        if (FUNCTION(etcd_client_close)(client, 10000, NULL) != ETCD_OK) return 8;
        pthread_join(thread, NULL);
        FUNCTION(etcd_client_free)(client);
    }
    if (dlclose(library) != 0) return 8;
    /* The code has to be there for whoever is in it. */
    return dlopen("libetcd_client.so.0", RTLD_NOW | RTLD_NOLOAD) != NULL ? 7 : 8;
}

int main(int count, char **arguments)
{
    static const char *const ways[] = {"loaded and closed, nothing called", "closed in order, then unloaded", "unloaded while a watch runs"};
    size_t i;
    if (count > 1) return run(arguments[1]);
    for (i = 0; i < 3; i++) {
        int ending = ending_of(start_again(ways[i], 20));
        CHECK(ending == 7, "%s: the program goes on and ends with its own exit code, 7 (it got %d)", ways[i], ending);
    }
    return checks_done();
}
