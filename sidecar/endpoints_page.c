/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/endpoints_page.h"

#include "common/base/json.h"

struct page {
    struct json *list;
    const char *migration;
};

static void add_endpoint(void *ctx, const struct proxy_endpoint *e)
{
    const struct page *page = ctx;
    struct json *j = json_object();

    json_set_string(j, "migration", page->migration);
    json_set_string(j, "system", system_name(e->system));
    json_set_string(j, "address", e->address);
    json_set_string(j, "state", sm_state_name(&endpoint_machine, (int)e->state));
    json_set_u64(j, "seconds", (uint64_t)(dur_to_ms(e->since) / 1000));
    json_append(page->list, j);
}

struct json *endpoints_page(struct proxy *p, const struct ruleset *served)
{
    struct page page = {.list = json_array()};

    for (unsigned i = 0; served && i < served->count; i++) {
        page.migration = served->entry[i].route.migration.s;
        proxy_endpoints(p, page.migration, add_endpoint, &page);
    }
    return page.list;
}
