/* SPDX-License-Identifier: Apache-2.0 */
/* What is different in one environment, laid over the plan before it is read. The values move from
 * the overlay to their place, so that messages still know the line they stand in. */
#include "common/base/mem.h"
#include "common/model/plan_schema.h"
#include "common/model/plan_values.h"

#define ENVIRONMENTS_MAX 16
#define REQUIRED         "required"
#define NESTED           "an overlay has no environments of its own; take it out"

void plan_read_environment(struct plan_reader *r, const struct json *v,
                           const struct plan_field *f UNUSED, void *dst)
{
    struct name name = {""};
    char *ret = dst;
    struct str text;
    struct err err;

    if (r->partial) {
        plan_reader_problem(r, v, NESTED);
        return;
    }
    if (!plan_value_text(r, v, "an environment's name, or required", &text) ||
        str_eq(text, STR(REQUIRED)))
        return;
    if (name_parse(text, "name of an environment", &name, &err) < 0)
        plan_reader_problem(r, v, "%s", err.msg);
    str_fmt(ret, NAME_SIZE, "%s", name.s);
}

/* Read for its problems only; what it changes is seen when it is laid over. */
static void read_overlay(struct plan_reader *r, const struct json *overlay)
{
    CLEANUP(plan_freep) struct plan *scratch = xnew(struct plan);
    struct plan *plan = r->plan;

    r->plan = scratch;
    r->partial = true;
    plan_reader_section(r, overlay, &plan_spec_section, scratch);
    r->partial = false;
    r->plan = plan;
}

void plan_read_environments(struct plan_reader *r, const struct json *v,
                            const struct plan_field *f UNUSED, void *dst UNUSED)
{
    if (r->partial) {
        plan_reader_problem(r, v, NESTED);
        return;
    }
    if (json_kind(v) != JSON_OBJECT) {
        plan_reader_wrong_kind(r, v, "a mapping of names to overlays");
        return;
    }
    if (json_count(v) > ENVIRONMENTS_MAX) {
        plan_reader_problem(r, v, "%zu environments; at most %d are allowed", json_count(v),
                            ENVIRONMENTS_MAX);
        return;
    }
    JSON_FOREACH (item, v) {
        size_t mark = plan_reader_enter_key(r, item);
        struct name name;
        struct err err;

        if (name_parse(str_of(json_key(item)), "name of an environment", &name, &err) < 0)
            plan_reader_problem(r, item, "%s", err.msg);
        else if (strcmp(name.s, REQUIRED) == 0)
            plan_reader_problem(r, item, "\"" REQUIRED "\" is no name; choose another");
        if (json_kind(item) != JSON_NULL) /* "prod:" and no more: it is as the plan says */
            read_overlay(r, item);
        plan_reader_leave(r, mark);
    }
}

/* RFC 7396: null takes a member out, and has no place in what is new. */
static void drop_nulls(struct json *value)
{
    struct json *next;

    if (json_kind(value) != JSON_OBJECT)
        return;
    for (struct json *item = json_first(value); item; item = next) {
        next = json_next(item);
        if (json_kind(item) == JSON_NULL)
            json_remove(value, json_key(item));
        else
            drop_nulls(item);
    }
}

/* RFC 7396; takes what it needs out of `patch`. The depth is the document's, which is limited. */
static void merge(struct json *target, struct json *patch)
{
    struct json *next;

    for (struct json *item = json_first(patch); item; item = next) {
        struct json *old = json_get(target, json_key(item));

        next = json_next(item);
        if (json_kind(item) == JSON_NULL) {
            json_remove(target, json_key(item));
        } else if (json_kind(item) == JSON_OBJECT && old && json_kind(old) == JSON_OBJECT) {
            merge(old, item);
        } else {
            CLEANUP(xfreep) char *key = xstrdup(json_key(item));

            drop_nulls(item);
            json_set(target, key, json_take(patch, key));
        }
    }
}

static void refuse_unknown(struct plan_reader *r, const struct json *at, struct json *environments,
                           const char *environment)
{
    char known[192] = "", shown[SHOW_SIZE];

    if (json_count(environments) == 0 && !environment[0]) {
        plan_reader_problem(r, at, "required, and spec.environments has none");
        return;
    }
    if (json_count(environments) == 0) {
        plan_reader_problem(r, at, "environment %s is asked for, and the plan has none",
                            ids_show(str_of(environment), shown));
        return;
    }
    JSON_FOREACH (item, environments) {
        size_t used = strlen(known);

        str_fmt(known + used, sizeof known - used, "%s%s", used ? ", " : "", json_key(item));
    }
    if (environment[0])
        plan_reader_problem(r, at, "no environment is named %s; there are %s",
                            ids_show(str_of(environment), shown), known);
    else
        plan_reader_problem(r, at,
                            "the plan has to be told its environment; add --env NAME with "
                            "one of %s",
                            known);
}

/* Overlays of overlays would make it hard to see what holds. */
static void refuse_nested(struct plan_reader *r, const struct json *overlay)
{
    static const char *const outer[] = {"environment", "environments"};

    for (size_t i = 0; i < ARRAY_LEN(outer); i++) {
        const struct json *item = json_get(overlay, outer[i]);
        size_t mark = plan_reader_enter(r, "spec.environments.%s.%s", json_key(overlay), outer[i]);

        if (item)
            plan_reader_problem(r, item, NESTED);
        plan_reader_leave(r, mark);
    }
}

static void lay_over(struct plan_reader *r, struct json *spec, const char *environment)
{
    CLEANUP(json_freep) struct json *environments = json_take(spec, "environments");
    struct json *overlay = json_get(environments, environment);

    refuse_nested(r, overlay);
    merge(spec, overlay);
    json_set_string(spec, "environment", environment);
}

void plan_overlay(struct plan_reader *r, struct json *root, const char *environment)
{
    struct json *spec = json_get(root, "spec");
    struct json *environments = json_get(spec, "environments");
    const struct json *overlay = environment[0] ? json_get(environments, environment) : NULL;
    const struct json *mode = json_get(spec, "environment");
    bool required = strcmp(json_string(mode, ""), REQUIRED) == 0;
    size_t mark = plan_reader_enter(r, environment[0] ? "spec.environments" : "spec.environment");

    if (overlay && json_kind(overlay) != JSON_OBJECT && json_kind(overlay) != JSON_NULL)
        plan_reader_wrong_kind(r, overlay, "a mapping");
    else if (!overlay && (environment[0] || required))
        refuse_unknown(r, environment[0] ? environments : mode, environments, environment);
    plan_reader_leave(r, mark);
    if (overlay && r->problems == 0)
        lay_over(r, spec, environment);
}
