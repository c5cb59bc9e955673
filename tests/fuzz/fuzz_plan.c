/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a plan, by itself and in an environment: refused with one line, or a plan that the
 * proxy may be given, that survives being stored and loaded, and that can be talked about. */
#include "common/base/check.h"
#include "common/model/plan.h"

#define TEXT_LIMIT (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_one_line(const char *s)
{
    return s[0] != '\0' && !strpbrk(s, "\r\n");
}

static void check_warning(void *ctx UNUSED, const char *path, const char *text)
{
    CHECK(is_one_line(path) && is_one_line(text));
}

static void check_no_difference(void *ctx UNUSED, const char *path, const char *before UNUSED,
                                const char *after UNUSED)
{
    check_die("a plan differs from itself at %s", path);
}

/* What was told of this plan holds for what is stored of it. */
static void check_stored(const struct plan *p, const struct plan *stored)
{
    struct flags flags, again;
    struct err err;

    CHECK(stored->stage_count == p->stage_count);
    CHECK(strcmp(stored->environment, p->environment) == 0);
    CHECK(plan_check_change(p, stored, p->stage_count, PLAN_WAVES_MAX, &err) == 0);
    CHECK(plan_overlaps(p, stored));
    CHECK(plan_diff(p, stored, check_no_difference, NULL) == 0);
    plan_flags(p, p->stage_count, &flags);
    plan_flags(stored, p->stage_count, &again);
    CHECK(flags_eq(&flags, &again));
}

static void check_waves(const struct plan *p)
{
    for (unsigned i = 0; i < p->stage_count; i++) {
        const struct plan_stage *s = &p->stage[i];

        CHECK(s->wave_count == 0 || selector_is_all(&s->wave[s->wave_count - 1].select));
    }
}

static void try_plan(struct str text, const char *environment)
{
    CLEANUP(plan_freep) struct plan *p = NULL, *stored = NULL;
    CLEANUP(buf_deinitp) struct buf words = BUF_INIT(TEXT_LIMIT);
    struct err err;

    if (plan_parse_for(text, "fuzz", environment, &p, &err) < 0) {
        CHECK(err.code == ERR_INVALID && is_one_line(err.msg));
        return;
    }
    CHECK(route_check(&p->route, &err) == 0);
    CHECK(plan_load(p->document, &stored, &err) == 0);
    check_stored(p, stored);
    check_waves(p);
    plan_lint(p, check_warning, NULL);
    CHECK(plan_explain(p, &words));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};

    try_plan(text, "");
    try_plan(text, "prod");
    return 0;
}
