/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/plan.h"

/* Written for a reader: `switchyard dev` users begin their own plan from it. */
static const char default_plan[] =
    "apiVersion: switchyard/v1\n"
    "kind: Migration\n"
    "metadata: {name: %s}\n"
    "spec:\n"
    "  systems:\n"
    "    legacy: {endpoints: [\"%s\"]}\n"
    "    new: {endpoints: [\"%s\"]}\n"
    "  routing: {key: \"header:X-User-Id\", fallbackKey: random}\n"
    "  triggers: {errorRate: 5%%, window: 10s, minRequests: 20}\n"
    "  stages:\n"
    "    - {name: shadow, weight: 0, mirror: 100, approval: manual}\n"
    "    - {name: canary-10, weight: 10, approval: manual}\n"
    "    - {name: quarter, weight: 25, approval: manual}\n"
    "    - {name: half, weight: 50, approval: manual}\n"
    "    - {name: all, weight: 100, approval: manual}\n";

int plan_default(const char *name, const char *legacy_url, const char *new_url, struct buf *b,
                 struct err *err)
{
    struct endpoint legacy, new;
    struct name checked;
    int r = name_parse(str_of(name), "migration name", &checked, err);

    if (r == 0)
        r = endpoint_parse(str_of(legacy_url), &legacy, err);
    if (r == 0)
        r = endpoint_parse(str_of(new_url), &new, err);
    if (r < 0)
        return r;
    if (legacy.scheme == ENDPOINT_TCP || new.scheme == ENDPOINT_TCP)
        return err_set(
            err, ERR_INVALID,
            "this plan splits requests, and tcp:// is for connections; write a plan with "
            "spec.routing.tcp for them");
    if (endpoint_eq(&legacy, &new))
        return err_set(err, ERR_INVALID, "legacy and new are both %s; the two must differ",
                       new_url);
    if (!buf_addf(b, default_plan, name, legacy_url, new_url))
        return err_set(err, ERR_EXHAUSTED, "the default plan does not fit into %zu bytes", b->max);
    return 0;
}
