/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a plan: refused with one line, or a plan that the proxy may be given and that
 * survives being stored and loaded. */
#include "common/base/check.h"
#include "common/model/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_one_line(const char *s)
{
    return s[0] != '\0' && !strpbrk(s, "\r\n");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(plan_freep) struct plan *p = NULL, *stored = NULL;
    struct err err;

    if (plan_parse((struct str){(const char *)data, size}, "fuzz", &p, &err) < 0) {
        CHECK(err.code == ERR_INVALID && is_one_line(err.msg));
        return 0;
    }
    CHECK(route_check(&p->route, &err) == 0);
    CHECK(plan_load(p->document, &stored, &err) == 0);
    CHECK(stored->stage_count == p->stage_count);
    CHECK(plan_check_change(p, stored, p->stage_count, PLAN_WAVES_MAX, &err) == 0);
    CHECK(plan_overlaps(p, stored));
    return 0;
}
