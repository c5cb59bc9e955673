/* SPDX-License-Identifier: Apache-2.0 */
/* Stages: what each one changes, whom it reaches in which order, and what surrounds it. */
#include "common/base/check.h"
#include "common/model/plan_schema.h"
#include "common/model/plan_table.h"
#include "common/model/plan_values.h"

#define BAKE_MAX (90 * DAY)

static void read_stage_name(struct plan_reader *r, const struct json *v,
                            const struct plan_field *f UNUSED, void *dst)
{
    struct str text;
    struct err err;

    if (!plan_value_text(r, v, "a stage name", &text))
        return;
    if (name_parse(text, "stage name", dst, &err) < 0)
        plan_reader_problem(r, v, "%s", err.msg);
    else if (str_eq(text, STR("legacy")))
        plan_reader_problem(r, v,
                            "\"legacy\" is the name of stage 0, before the first; choose another");
}

static void read_risk(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                      void *dst)
{
    enum plan_risk *ret = dst;

    *ret = (enum plan_risk)(plan_value_choice(r, v, f->words) + RISK_LOW);
}

void plan_read_flags(struct plan_reader *r, const struct json *v, const struct plan_field *f UNUSED,
                     void *dst)
{
    if (json_kind(v) != JSON_OBJECT) {
        plan_reader_wrong_kind(r, v, "a mapping of flags to values");
        return;
    }
    JSON_FOREACH (item, v) {
        size_t mark = plan_reader_enter_key(r, item);
        struct err err;

        if (!(r->partial && json_kind(item) == JSON_NULL) &&
            flags_set(dst, str_of(json_key(item)), item, &err) < 0)
            plan_reader_problem(r, item, "%s", err.msg);
        plan_reader_leave(r, mark);
    }
}

/* ---- waves ---- */

static void read_select(struct plan_reader *r, const struct json *v,
                        const struct plan_field *f UNUSED, void *dst)
{
    struct str text;
    struct err err;

    if (plan_value_text(r, v, "a selector like \"cluster=eu-1\"", &text) &&
        selector_parse(text, dst, &err) < 0)
        plan_reader_problem(r, v, "%s", err.msg);
}

#define AT(member) offsetof(struct plan_wave, member)
static const struct plan_field wave_fields[] = {
    FIELD("select", read_select, AT(select), .required = true,
          .form = "selector: `cluster=eu-1`, `cluster=eu-1,zone=a`, `name=NODE`, `*`",
          .help = "The nodes that it reaches, by their labels; all of the pairs must hold."),
    FIELD("bake", plan_value_duration, AT(bake), .min = 0, .max = BAKE_MAX, .preset = "the stage's",
          .help = "At least this long before the next wave. The last wave bakes as the stage."),
    FIELD("approval", plan_value_approval, AT(approval), .words = WORDS("manual", "none"),
          .preset = "none", .help = "`manual`: entered by an operator, never by itself."),
};
#undef AT

static const struct plan_section wave_section = SECTION(wave_fields);

static void read_wave(struct plan_reader *r, const struct json *item, unsigned index, void *dst)
{
    struct plan_stage *stage = dst;

    stage->wave[index].bake = dur_ns(-1); /* the stage's; known when all of it is read */
    plan_reader_section(r, item, &wave_section, &stage->wave[index]);
}

static void read_waves(struct plan_reader *r, const struct json *v,
                       const struct plan_field *f UNUSED, void *dst)
{
    struct plan_stage *stage = dst;

    stage->wave_count = plan_reader_list(r, v, "waves", 1, PLAN_WAVES_MAX, read_wave, stage);
}

/* ---- the stage ---- */

static void read_objective(struct plan_reader *r, const struct json *item, unsigned index,
                           void *dst)
{
    struct plan_stage *stage = dst;

    plan_value_line(r, item, NULL, &stage->objective[index]);
}

static void read_objectives(struct plan_reader *r, const struct json *v,
                            const struct plan_field *f UNUSED, void *dst)
{
    struct plan_stage *stage = dst;

    stage->objective_count =
        plan_reader_list(r, v, "objectives", 1, PLAN_TEXTS_MAX, read_objective, stage);
}

#define AT(member) offsetof(struct plan_stage, member)
static const struct plan_field stage_fields[] = {
    FIELD("name", read_stage_name, AT(name), .required = true, .form = "a-z, 0-9 and -, at most 63",
          .help = "Unique in the plan; not `legacy`."),
    FIELD("weight", plan_value_weight, AT(weight_bp), .required = true,
          .help = "Share of the keys on new, in percent. Never falls along the stages."),
    FIELD("mirror", plan_value_weight, AT(mirror_bp), .preset = "0",
          .help =
              "Share of legacy's requests that are copied to new, in percent. The limits are in "
              "`spec.mirror`."),
    FIELD("risk", read_risk, AT(risk), .words = WORDS("low", "medium", "high", "critical"),
          .preset = "not judged",
          .help = "What is at stake. Without `bake` it says how long to bake: 30m, 2h, 4h, 24h."),
    FIELD("bake", plan_value_duration, AT(bake), .min = 0, .max = BAKE_MAX,
          .preset = "as the risk asks for, else 0s",
          .help = "At least this long, from the moment every node serves the stage."),
    FIELD("approval", plan_value_approval, AT(approval), .words = WORDS("manual", "none"),
          .preset = "none", .help = "`manual`: entered by an operator, never by itself."),
    FIELD("approvers", plan_value_count, AT(approvers), .min = 1, .max = PLAN_APPROVERS_MAX,
          .preset = "nobody",
          .help = "So many different operators must have agreed with `switchyard approve` before "
                  "it is entered."),
    FIELD("gate", plan_read_gate, 0, .section = &plan_gate_section, .preset = "none",
          .help = "What must hold before the rollout goes on. It delays; triggers roll back."),
    FIELD("flags", plan_read_flags, AT(flags), .form = "mapping of flags to values",
          .preset = "as the stage before",
          .help = "Flags that it switches, declared in `spec.flags`, with a value of the same "
                  "type."),
    FIELD("waves", read_waves, 0, .section = &wave_section, .form = "list of 1 to 16 mappings",
          .preset = "every node at once",
          .help = "The nodes that it reaches one after the other. The last wave is `*`, and is "
                  "added when it is missing."),
    FIELD("ready", plan_read_ready, 0, .section = &plan_check_section,
          .form = "list of at most 16 checks", .preset = "none",
          .help = "What must be so before it is entered. Each check is of one kind."),
    FIELD("before", plan_read_before, 0, .section = &plan_hook_section,
          .form = "list of at most 8 hooks", .preset = "none",
          .help = "Programs that are run before it is entered, after the checks, in order."),
    FIELD("after", plan_read_after, 0, .form = "list of at most 8 hooks", .preset = "none",
          .help = "Programs that are run when it has baked and its gate holds, before the next "
                  "stage. Forms as in `before`."),
    FIELD("backup", plan_value_bool, AT(backup), .preset = "false",
          .help = "A backup of the control state before it is entered."),
    FIELD("enforce", plan_value_bool, AT(enforce), .preset = "false",
          .help = "Legacy is forbidden: no fallback, and an open breaker answers 503, until an "
                  "operator sends keys back. Weight 100, and the last stages only."),
    FIELD("objectives", read_objectives, 0, .form = "list of at most 16 texts", .preset = "none",
          .help = "What people want to see before they go on; shown, not judged."),
};
#undef AT

const struct plan_section plan_stage_section = SECTION(stage_fields);

static void add_last_wave(struct plan_stage *stage)
{
    struct plan_wave *last = &stage->wave[stage->wave_count - 1];

    if (!selector_is_all(&last->select) && stage->wave_count < PLAN_WAVES_MAX) {
        last = &stage->wave[stage->wave_count++];
        last->bake = dur_ns(-1);
        CHECK(selector_parse(STR("*"), &last->select, NULL) == 0);
    }
    for (unsigned i = 0; i < stage->wave_count; i++) {
        if (stage->wave[i].bake.ns < 0)
            stage->wave[i].bake = stage->bake;
    }
}

static void read_stage(struct plan_reader *r, const struct json *item, unsigned index, void *dst)
{
    struct plan_stage *stage = (struct plan_stage *)dst + index;
    unsigned before = r->problems;

    plan_reader_section(r, item, &plan_stage_section, stage);
    if (!json_get(item, "bake"))
        stage->bake = plan_risk_bake(stage->risk);
    if (stage->wave_count > 0 && r->problems == before)
        add_last_wave(stage);
}

void plan_read_stages(struct plan_reader *r, const struct json *v,
                      const struct plan_field *f UNUSED, void *dst)
{
    struct plan *plan = dst;

    plan->stage_count =
        plan_reader_list(r, v, "stages", 1, PLAN_STAGES_MAX, read_stage, plan->stage);
}
