/* A name server's view, as skydns has it: the tree below a key is read at once and walked, and the path of each value is
 * its domain name backwards. A record lives as long as its key: the TTL of the node is that of the answer. */
#include "example.h"

#include <string.h>

#define ROOT "/example/skydns"

static const int64_t for_ever = 3600;

/* "/example/skydns/local/cluster/web/a" is a.web.cluster.local. */
static void print_name(const char *key)
{
    const char *path = key + strlen(ROOT);

    for (const char *end = path + strlen(path), *slash = end; slash > path; end = slash) {
        do slash--; while (*slash != '/');
        printf("%.*s.", (int)(end - slash - 1), slash + 1);
    }
}

/* A directory's TTL ends all below it, so the shortest one on the way down counts. */
static int walk(const etcd_node *node, int64_t ttl)
{
    int records = 0;

    if (etcd_node_ttl(node) > 0 && etcd_node_ttl(node) < ttl) ttl = etcd_node_ttl(node);
    if (!etcd_node_is_dir(node)) {
        print_name(etcd_node_key(node, NULL));
        printf(" %" PRId64 " IN SRV %s\n", ttl, etcd_node_value(node, NULL));
        return 1;
    }
    for (size_t i = 0; i < etcd_node_child_count(node); i++) records += walk(etcd_node_child(node, i), ttl);
    return records;
}

/* What is below a name; a name that is not there has no records, which is no error. */
static int answer(etcd_client *client, const char *key)
{
    etcd_get_options *tree = etcd_get_options_new();
    etcd_response *response = NULL;
    etcd_error *error = NULL;
    int records = 0;

    must(etcd_get_options_set_recursive(tree, 1), "options", NULL);
    must(etcd_get_options_set_sort(tree, 1), "options", NULL);
    etcd_status status = etcd_keys_get(client, NULL, key, tree, &response, &error);
    if (!etcd_error_is_key_not_found(error)) {
        must(status, "get", &error);
        records = walk(etcd_response_node(response), for_ever);
    }
    printf("%s: %d records\n", key, records);

    etcd_error_free(error);
    etcd_response_free(response);
    etcd_get_options_free(tree);
    return records;
}

int main(void)
{
    static const struct {
        const char *key, *value;
        int64_t ttl_ms; /* 0 = stays */
    } services[] = {
        {ROOT "/local/cluster/web/a", "10.0.0.1 8080", 60000},
        {ROOT "/local/cluster/web/b", "10.0.0.2 8080", 30000},
        {ROOT "/local/cluster/db", "10.0.0.3 5432", 0},
    };
    etcd_client *client = connect_to_cluster();
    etcd_error *error = NULL;

    /* What a service does when it starts; a real one would refresh its key before the TTL ends (see ttl.c). */
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++) {
        etcd_set_options *options = etcd_set_options_new();
        if (services[i].ttl_ms > 0) must(etcd_set_options_set_ttl_ms(options, services[i].ttl_ms), "options", NULL);
        must(etcd_keys_set(client, NULL, services[i].key, services[i].value, ETCD_STRLEN, options, NULL, &error), "set",
             &error);
        etcd_set_options_free(options);
    }

    int all = answer(client, ROOT "/local/cluster"), web = answer(client, ROOT "/local/cluster/web");
    int one = answer(client, ROOT "/local/cluster/db"), none = answer(client, ROOT "/local/cluster/absent");

    etcd_client_free(client);
    return all >= 3 && web >= 2 && one == 1 && none == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
