/* SPDX-License-Identifier: Apache-2.0 */
/* What the table of fields says about itself is so: a default that is told is the one that is
 * taken. The plans are written from the table, once without optional fields and once with them
 * spelled out. */
#include "tests/lib/unit.h"

#include "common/base/buf.h"
#include "common/model/plan_schema.h"
#include "common/model/plan_values.h"

static const struct {
    const char *name, *value;
} needed[] = {
    {"name", "one"},
    {"key", "random"},
    {"weight", "10"},
    {"errorRate", "1%"},
    {"apiVersion", "switchyard/v1"},
    {"kind", "Migration"},
};

/* Sections that a plan does without, and that would ask for more than their defaults. */
static bool is_left_out(const struct plan_field *f)
{
    static const char *const names[] = {"freeze", "drill",     "standby", "waves", "ready",
                                        "before", "noTraffic", "tls",     "tcp"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(f->name, names[i]) == 0)
            return true;
    return false;
}

static bool is_a_value(const char *preset)
{
    return strcmp(preset, "true") == 0 || strcmp(preset, "false") == 0 ||
           (preset[0] >= '0' && preset[0] <= '9');
}

static const char *value_of(const struct plan_field *f, bool spelled_out)
{
    for (size_t i = 0; i < ARRAY_LEN(needed); i++)
        if (strcmp(f->name, needed[i].name) == 0)
            return needed[i].value;
    if (spelled_out &&
        (f->read == plan_value_millis || f->read == plan_value_duration ||
         f->read == plan_value_count || f->read == plan_value_size || f->read == plan_value_bool ||
         f->read == plan_value_confidence) &&
        is_a_value(f->preset))
        return f->preset;
    return NULL;
}

static void write_section(struct buf *b, const struct plan_section *s, bool spelled_out)
{
    buf_addf(b, "{");
    for (unsigned i = 0; i < s->count; i++) {
        const struct plan_field *f = &s->fields[i];
        const char *value = value_of(f, spelled_out);
        bool list = f->section && f->form;

        if (is_left_out(f))
            continue;
        if (f->section) {
            buf_addf(b, "%s: %s", f->name, list ? "[" : "");
            write_section(b, f->section, spelled_out);
            buf_addf(b, "%s, ", list ? "]" : "");
        } else if (strcmp(f->name, "endpoints") == 0) {
            buf_addf(b, "endpoints: [\"http://127.0.0.1:%zu\"], ", 1000 + b->len);
        } else if (value) {
            buf_addf(b, "%s: \"%s\", ", f->name, value);
        }
    }
    buf_addf(b, "}");
}

/* Numbers and booleans stand without quotes. */
static void unquote(char *text)
{
    static const char *const plain[] = {
        "errors: \"",     "halfOpenRequests: \"", "minRequests: \"", "exposeSystem: \"",
        "maxPending: \"", "minNodes: \"",         "backup: \"",      "enforce: \""};

    for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
        for (char *at = text; (at = strstr(at, plain[i]));) {
            at += strlen(plain[i]);
            at[-1] = ' ';
            *strchr(at, '"') = ' ';
        }
    }
}

static struct plan *plan_of(bool spelled_out)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(16u << 10);
    struct plan *plan = NULL;
    struct err err;

    write_section(&b, &plan_schema, spelled_out);
    unquote(b.data);
    assert_ok(plan_parse(buf_view(&b), "made", &plan, &err), &err);
    return plan;
}

#define SAME(member) assert_memory_equal(&brief->member, &full->member, sizeof brief->member)

static void a_default_that_is_told_is_the_one_that_is_taken(void **state UNUSED)
{
    CLEANUP(plan_freep) struct plan *brief = plan_of(false);
    CLEANUP(plan_freep) struct plan *full = plan_of(true);

    for (unsigned i = SYSTEM_LEGACY; i <= SYSTEM_NEW; i++) {
        SAME(route.upstream[i].connect_timeout_ms);
        SAME(route.upstream[i].response_timeout_ms);
        SAME(route.upstream[i].health_interval_ms);
    }
    SAME(route.fallback.max_body);
    SAME(route.expose_system);
    SAME(route.mirror);
    SAME(route.breaker);
    SAME(route.compare);
    SAME(triggers.min_requests);
    SAME(triggers.window);
    SAME(rollback_deadline);
    SAME(triggers.every);
    SAME(triggers.confidence_ppm);
    SAME(stage[0].bake);
    SAME(stage[0].backup);
    SAME(stage[0].enforce);
    SAME(stage[0].gate.every);
    SAME(stage[0].gate.min_requests);
    SAME(stage[0].gate.window);
}

static void check_explained(const struct plan_section *s)
{
    for (unsigned i = 0; i < s->count; i++) {
        const struct plan_field *f = &s->fields[i];

        if (!f->help || (!f->required && !f->preset))
            fail_msg("\"%s\" does not say what it is for, or what holds without it", f->name);
        if (f->section)
            check_explained(f->section);
    }
}

static void every_field_explains_itself(void **state UNUSED)
{
    check_explained(&plan_schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_default_that_is_told_is_the_one_that_is_taken),
        cmocka_unit_test(every_field_explains_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
