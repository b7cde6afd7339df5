/* The header and the loaded library say the same about the version, and every status has a name and a text. */
#include "check.h"

int main(void)
{
    static const struct {
        etcd_status status;
        const char *name;
    } statuses[] = {
        {ETCD_OK, "ETCD_OK"},
        {ETCD_ERR_INVALID_ARGUMENT, "ETCD_ERR_INVALID_ARGUMENT"},
        {ETCD_ERR_CLOSED, "ETCD_ERR_CLOSED"},
        {ETCD_ERR_CANCELED, "ETCD_ERR_CANCELED"},
        {ETCD_ERR_DEADLINE_EXCEEDED, "ETCD_ERR_DEADLINE_EXCEEDED"},
        {ETCD_ERR_CLUSTER, "ETCD_ERR_CLUSTER"},
        {ETCD_ERR_NO_ENDPOINTS, "ETCD_ERR_NO_ENDPOINTS"},
        {ETCD_ERR_API_NOT_SERVED, "ETCD_ERR_API_NOT_SERVED"},
        {ETCD_ERR_CONNECT, "ETCD_ERR_CONNECT"},
        {ETCD_ERR_TIMEOUT, "ETCD_ERR_TIMEOUT"},
        {ETCD_ERR_API, "ETCD_ERR_API"},
        {ETCD_ERR_INVALID_RESPONSE, "ETCD_ERR_INVALID_RESPONSE"},
        {12345, "ETCD_ERR_UNKNOWN"},
        {-1, "ETCD_ERR_UNKNOWN"},
    };
    char text[64];
    size_t i;

    snprintf(text, sizeof text, "%d.%d.%d", ETCD_CLIENT_VERSION_MAJOR, ETCD_CLIENT_VERSION_MINOR, ETCD_CLIENT_VERSION_PATCH);
    CHECK_TEXT(text, ETCD_CLIENT_VERSION, "ETCD_CLIENT_VERSION");
    CHECK_TEXT(ETCD_CLIENT_VERSION, etcd_version(), "etcd_version()");
    CHECK(ETCD_CLIENT_VERSION_NUMBER == (ETCD_CLIENT_VERSION_MAJOR << 16 | ETCD_CLIENT_VERSION_MINOR << 8 | ETCD_CLIENT_VERSION_PATCH),
          "ETCD_CLIENT_VERSION_NUMBER is major << 16 | minor << 8 | patch");
    CHECK(etcd_version_number() == (uint32_t)ETCD_CLIENT_VERSION_NUMBER, "etcd_version_number() is ETCD_CLIENT_VERSION_NUMBER");
    CHECK(etcd_build_info() != NULL && etcd_build_info()[0] != '\0', "etcd_build_info() says something");

    for (i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        const char *description = etcd_status_text(statuses[i].status);
        CHECK_TEXT(statuses[i].name, etcd_status_name(statuses[i].status), "a status name");
        CHECK(description != NULL && description[0] != '\0', "%s has a text", statuses[i].name);
    }
    return checks_done();
}
