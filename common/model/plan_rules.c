/* SPDX-License-Identifier: Apache-2.0 */
/* What holds between the fields of a plan. A mix that cannot work is refused here, with the place
 * of the later one of the two. */
#include <stdarg.h>
#include <stdio.h>

#include "common/base/units.h"
#include "common/model/plan_schema.h"

static const struct json *child_at(const struct json *list, unsigned index)
{
    const struct json *item = json_first(list);

    while (index-- > 0)
        item = json_next(item);
    return item;
}

static unsigned line_of(const struct plan_reader *r, const struct json *node)
{
    return r->doc ? yaml_line(r->doc, node) : 0;
}

static void check_stage_name(struct plan_reader *r, const struct json *stages, unsigned i)
{
    const struct plan_stage *stage = r->plan->stage;

    for (unsigned k = 0; k < i; k++) {
        size_t mark;

        if (!name_eq(&stage[k].name, &stage[i].name))
            continue;
        mark = plan_reader_enter(r, "spec.stages[%u].name", i);
        plan_reader_problem(r, json_get(child_at(stages, i), "name"),
                            "duplicate name \"%s\", first used in line %u", stage[i].name.s,
                            line_of(r, json_get(child_at(stages, k), "name")));
        plan_reader_leave(r, mark);
        return;
    }
}

/* A stage that lowers the weight would move people back to legacy in the name of progress. */
static void check_stage_order(struct plan_reader *r, const struct json *stages, unsigned i)
{
    const struct plan_stage *stage = &r->plan->stage[i], *previous = stage - 1;
    const struct json *weight = json_get(child_at(stages, i), "weight");
    size_t mark;

    if (i == 0 || stage->weight_bp >= previous->weight_bp)
        return;
    mark = plan_reader_enter(r, "spec.stages[%u].weight", i);
    plan_reader_problem(r, weight,
                        "stages out of order: \"%s\" (line %u) has weight %g after \"%s\" (line "
                        "%u) with %g; weights never fall along the stages",
                        stage->name.s, line_of(r, weight), weight_percent(stage->weight_bp),
                        previous->name.s, line_of(r, json_get(child_at(stages, i - 1), "weight")),
                        weight_percent(previous->weight_bp));
    plan_reader_leave(r, mark);
}

static void stage_problem(struct plan_reader *r, const struct json *stages, unsigned i,
                          const char *member, const char *fmt, ...) PRINTF(5, 6);

static void stage_problem(struct plan_reader *r, const struct json *stages, unsigned i,
                          const char *member, const char *fmt, ...)
{
    size_t mark = plan_reader_enter(r, "spec.stages[%u]", i);
    char text[384];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    plan_reader_problem_of(r, child_at(stages, i), member, "%s", text);
    plan_reader_leave(r, mark);
}

/* Shares of requests to legacy; where that is to be left alone, or gets none, they mean nothing. */
static void check_mirror(struct plan_reader *r, const struct json *stages, unsigned i)
{
    const struct plan_stage *stage = &r->plan->stage[i];
    const uint32_t off_above = r->plan->route.mirror.off_above_bp;

    if (stage->mirror_bp > 0 && stage->weight_bp == WEIGHT_BP_MAX)
        stage_problem(r, stages, i, "mirror",
                      "copies are of legacy's requests, and at weight 100 it gets none");
    else if (stage->mirror_bp > 0 && stage->weight_bp > off_above)
        stage_problem(r, stages, i, "mirror",
                      "nothing is copied above weight %g, and the stage has %g; take it out, or "
                      "raise spec.mirror.offAbove",
                      weight_percent(off_above), weight_percent(stage->weight_bp));
}

static void check_enforcement(struct plan_reader *r, const struct json *stages, unsigned i)
{
    const struct plan_stage *stage = &r->plan->stage[i];

    if (stage->enforce && stage->weight_bp < WEIGHT_BP_MAX)
        stage_problem(r, stages, i, "enforce",
                      "legacy is forbidden to all, and %g %% of the keys are on it; enforce needs "
                      "weight 100",
                      100 - weight_percent(stage->weight_bp));
    if (stage->enforce && stage->wave_count > 0)
        stage_problem(r, stages, i, "waves",
                      "enforce holds for every node at once; put the waves into the stage before");
    if (i > 0 && stage[-1].enforce && !stage->enforce)
        stage_problem(r, stages, i, "enforce",
                      "\"%s\" before it forbids legacy, and this stage would allow it again; only "
                      "the last stages may enforce",
                      stage[-1].name.s);
}

static void check_approvals(struct plan_reader *r, const struct json *stages, unsigned i)
{
    const struct json *approval = json_get(child_at(stages, i), "approval");

    if (r->plan->stage[i].approvers > 0 && approval && !r->plan->stage[i].approval)
        stage_problem(r, stages, i, "approval",
                      "none, and %u approvers: nobody has to agree, and somebody has to; take one "
                      "of the two out",
                      r->plan->stage[i].approvers);
}

/* ---- flags ---- */

/* The type of a value that is kept as JSON text. */
static const char *type_of(const char *value)
{
    if (value[0] == '"')
        return "a text";
    return value[0] == 't' || value[0] == 'f' ? "true or false" : "a number";
}

static void check_flag(struct plan_reader *r, const struct json *at, const struct flag *flag)
{
    const struct flags *declared = &r->plan->flags;
    const struct flag *known = flags_find(declared, flag->name);
    const char *names[FLAGS_MAX + 1] = {NULL}, *near;

    if (known) {
        if (type_of(known->value) != type_of(flag->value))
            plan_reader_problem(r, at, "%s is %s, and the flag's default %s is %s", flag->value,
                                type_of(flag->value), known->value, type_of(known->value));
        return;
    }
    for (unsigned i = 0; i < declared->count; i++)
        names[i] = declared->flag[i].name;
    near = str_nearest(str_of(flag->name), names);
    if (near)
        plan_reader_problem(r, at, "unknown flag; did you mean \"%s\"?", near);
    else
        plan_reader_problem(r, at, "unknown flag; declare it in spec.flags, with its default");
}

static void check_flags(struct plan_reader *r, const struct json *stages, unsigned i)
{
    const struct flags *flags = &r->plan->stage[i].flags;
    const struct json *given = json_get(child_at(stages, i), "flags");

    for (unsigned k = 0; k < flags->count; k++) {
        const struct json *at = json_get(given, flags->flag[k].name);
        size_t mark = plan_reader_enter(r, "spec.stages[%u].flags.%s", i, flags->flag[k].name);

        check_flag(r, at ? at : given, &flags->flag[k]);
        plan_reader_leave(r, mark);
    }
}

/* ---- waves ---- */

static bool has_pair(struct str pairs, struct str pair)
{
    struct str head, rest = pairs;

    while (rest.n > 0) {
        (void)str_cut(rest, ',', &head, &rest);
        if (str_eq(head, pair))
            return true;
    }
    return false;
}

/* Does every node that `inner` matches belong to `outer`? It asks for nothing that `inner` does
 * not. */
static bool covers(const struct selector *outer, const struct selector *inner)
{
    struct str head, rest = str_of(outer->text);

    if (selector_is_all(outer))
        return true;
    while (rest.n > 0) {
        (void)str_cut(rest, ',', &head, &rest);
        if (!has_pair(str_of(inner->text), head))
            return false;
    }
    return true;
}

static void check_wave(struct plan_reader *r, const struct json *item, const struct plan_wave *wave,
                       unsigned k)
{
    for (unsigned i = 0; i < k; i++) {
        if (!covers(&wave[i].select, &wave[k].select))
            continue;
        if (strcmp(wave[i].select.text, wave[k].select.text) == 0)
            plan_reader_problem(r, item, "the same nodes as wave [%u]", i);
        else
            plan_reader_problem(r, item,
                                "it reaches nobody: every node of %s is in wave [%u], %s, already",
                                wave[k].select.text, i, wave[i].select.text);
        return;
    }
    if (selector_is_all(&wave[k].select) && json_get(item, "bake"))
        plan_reader_problem_of(r, item, "bake",
                               "the last wave bakes as the stage; write it as the stage's bake");
}

/* A wave has to change something for the nodes that it reaches. */
static bool changes_nothing(const struct plan *p, unsigned i)
{
    return p->stage[i].weight_bp == plan_stage_weight_bp(p, i) &&
           p->stage[i].mirror_bp == plan_stage_mirror_bp(p, i) && p->stage[i].flags.count == 0;
}

static void check_waves(struct plan_reader *r, const struct json *stages, unsigned i)
{
    const struct plan_stage *stage = &r->plan->stage[i];
    const struct json *item = json_first(json_get(child_at(stages, i), "waves"));

    if (stage->wave_count == 0)
        return;
    if (!selector_is_all(&stage->wave[stage->wave_count - 1].select))
        stage_problem(r, stages, i, "waves",
                      "%d waves, and none is \"*\"; it is added as the last one, which leaves room "
                      "for %d others",
                      PLAN_WAVES_MAX, PLAN_WAVES_MAX - 1);
    if (changes_nothing(r->plan, i))
        stage_problem(r, stages, i, "waves",
                      "the weight is that of \"%s\" before it and no flag is switched, so the "
                      "waves would change nothing; take them out",
                      plan_stage_name(r->plan, i));
    for (unsigned k = 0; item && k < stage->wave_count; k++, item = json_next(item)) {
        size_t mark = plan_reader_enter(r, "spec.stages[%u].waves[%u]", i, k);

        check_wave(r, item, stage->wave, k);
        plan_reader_leave(r, mark);
    }
}

/* ---- triggers ---- */

/* A name or number of a stage, 0 and "legacy" included. */
static bool find_stage(const struct plan *p, const struct json *v, uint32_t *ret)
{
    const char *name = json_string(v, NULL);
    double n = json_number(v, -1);

    if (name) {
        *ret = plan_stage_by_name(p, name);
        return *ret > 0 || strcmp(name, "legacy") == 0;
    }
    if (!(n >= 0 && n <= p->stage_count))
        return false;
    *ret = (uint32_t)n;
    return (double)*ret == n;
}

static void resolve_rollback_to(struct plan_reader *r, const struct json *v)
{
    size_t mark;

    if (!v || find_stage(r->plan, v, &r->plan->rollback_to))
        return;
    mark = plan_reader_enter(r, "spec.triggers.rollbackTo");
    if (json_kind(v) == JSON_STRING) {
        char shown[SHOW_SIZE];

        plan_reader_problem(r, v, "no stage is named %s",
                            ids_show(str_of(json_string(v, "")), shown));
    } else {
        plan_reader_problem(r, v, "%.15g is not a stage's number; 0 is legacy, %u is \"%s\"",
                            json_number(v, 0), r->plan->stage_count,
                            plan_stage_name(r->plan, r->plan->stage_count));
    }
    plan_reader_leave(r, mark);
}

void plan_check_rules(struct plan_reader *r, const struct json *root)
{
    const struct json *spec = json_get(root, "spec");
    const struct json *stages = json_get(spec, "stages");

    plan_check_systems(r, json_get(spec, "systems"));
    plan_check_tcp(r, root);
    for (unsigned i = 0; i < r->plan->stage_count; i++) {
        check_stage_name(r, stages, i);
        check_stage_order(r, stages, i);
        check_mirror(r, stages, i);
        check_enforcement(r, stages, i);
        check_approvals(r, stages, i);
        check_flags(r, stages, i);
        check_waves(r, stages, i);
    }
    resolve_rollback_to(r, json_get(json_get(spec, "triggers"), "rollbackTo"));
}
