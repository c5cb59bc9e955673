/* SPDX-License-Identifier: Apache-2.0 */
/* What is about time and not about a stage: freezes, drills, standby, rollbacks. */
#include "common/model/plan_schema.h"
#include "common/model/plan_table.h"
#include "common/model/plan_values.h"

/* ---- spec.freeze ---- */

#define DAY_MINUTES  1440u
#define FREEZE_FORMS "\"Fri 16:00\" every week or \"2026-12-20T00:00:00Z\" once, both in UTC"

static bool parse_digits(struct str s, uint64_t max, unsigned *ret)
{
    uint64_t n;

    if (s.n != 2 || !str_to_u64(s, max, &n))
        return false;
    *ret = (unsigned)n;
    return true;
}

/* "Fri 16:00" in minutes from Monday 00:00. */
static bool parse_weekly(struct str s, unsigned *ret)
{
    static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    struct str day, time, hour, minute;
    unsigned h, m;

    if (!str_cut(s, ' ', &day, &time) || !str_cut(time, ':', &hour, &minute) ||
        !parse_digits(hour, 23, &h) || !parse_digits(minute, 59, &m))
        return false;
    for (unsigned i = 0; i < ARRAY_LEN(days); i++) {
        if (str_ieq(day, str_of(days[i]))) {
            *ret = i * DAY_MINUTES + h * 60 + m;
            return true;
        }
    }
    return false;
}

/* One end of a freeze, in one of its two forms. */
static void read_moment(struct plan_reader *r, const struct json *v, unsigned *ret_minute,
                        wall_t *ret_time)
{
    char shown[SHOW_SIZE];
    struct str text;

    if (plan_value_text(r, v, FREEZE_FORMS, &text) && !parse_weekly(text, ret_minute) &&
        !(wall_parse(text, ret_time) && wall_is_set(*ret_time)))
        plan_reader_problem(r, v, "%s is not a time; write %s", ids_show(text, shown),
                            FREEZE_FORMS);
}

static void read_from(struct plan_reader *r, const struct json *v,
                      const struct plan_field *f UNUSED, void *dst)
{
    struct plan_freeze *freeze = dst;

    read_moment(r, v, &freeze->from_minute, &freeze->from);
}

static void read_until(struct plan_reader *r, const struct json *v,
                       const struct plan_field *f UNUSED, void *dst)
{
    struct plan_freeze *freeze = dst;

    read_moment(r, v, &freeze->until_minute, &freeze->until);
}

static const struct plan_field freeze_fields[] = {
    FIELD("from", read_from, 0, .required = true,
          .form = "`Fri 16:00` every week, or a time as `2026-12-20T00:00:00Z`",
          .help = "Its first moment, in UTC."),
    FIELD("until", read_until, 0, .required = true, .form = "as `from`",
          .help = "The moment when it is over, in UTC. Both ends have the same form."),
    FIELD("reason", plan_value_line, offsetof(struct plan_freeze, reason), .form = "text",
          .preset = "none", .help = "Told to whom it stops."),
};

const struct plan_section plan_freeze_section = SECTION(freeze_fields);

static void read_one_freeze(struct plan_reader *r, const struct json *item, unsigned index,
                            void *dst)
{
    struct plan_freeze *freeze = (struct plan_freeze *)dst + index;
    bool from, until;
    unsigned before = r->problems;

    freeze->reason = "";
    plan_reader_section(r, item, &plan_freeze_section, freeze);
    if (r->problems > before)
        return;
    from = wall_is_set(freeze->from);
    until = wall_is_set(freeze->until);
    freeze->weekly = !from;
    if (from != until)
        plan_reader_problem(r, item, "one end is a day of the week and the other a date; write %s",
                            FREEZE_FORMS);
    else if (!freeze->weekly && !wall_before(freeze->from, freeze->until))
        plan_reader_problem(r, item, "it is over before it begins; exchange from and until");
    else if (freeze->weekly && freeze->from_minute == freeze->until_minute)
        plan_reader_problem(r, item, "from and until are the same moment, so it never holds");
}

void plan_read_freeze(struct plan_reader *r, const struct json *v,
                      const struct plan_field *f UNUSED, void *dst UNUSED)
{
    r->plan->freeze_count =
        plan_reader_list(r, v, "freezes", 1, PLAN_FREEZES_MAX, read_one_freeze, r->plan->freeze);
}

/* ---- spec.drill, spec.standby, spec.rollback ---- */

#define AT(member) offsetof(struct plan, member)
static const struct plan_field drill_fields[] = {
    FIELD("maxAge", plan_value_duration, AT(drill_max_age), .min = MINUTE, .max = 366 * DAY,
          .required = true, .help = "A raise needs a drill that is younger."),
    FIELD("within", plan_value_duration, AT(drill_within), .min = MS, .max = HOUR,
          .preset = "any time", .help = "And that took no longer, order to last acknowledgement."),
};

const struct plan_section plan_drill_section = SECTION(drill_fields);

static void read_todo(struct plan_reader *r, const struct json *item, unsigned index, void *dst)
{
    struct plan *plan = dst;

    plan_value_line(r, item, NULL, &plan->checklist[index]);
}

static void read_checklist(struct plan_reader *r, const struct json *v,
                           const struct plan_field *f UNUSED, void *dst)
{
    struct plan *plan = dst;

    plan->checklist_count = plan_reader_list(r, v, "texts", 1, PLAN_TEXTS_MAX, read_todo, plan);
}

static const struct plan_field standby_fields[] = {
    FIELD("for", plan_value_duration, AT(standby), .min = SECOND, .max = 366 * DAY,
          .required = true, .help = "How long."),
    FIELD("checklist", read_checklist, 0, .form = "list of at most 16 texts", .preset = "none",
          .help = "For who takes legacy down: `switchyard decommission` asks for it."),
};

const struct plan_section plan_standby_section = SECTION(standby_fields);

void plan_read_standby(struct plan_reader *r, const struct json *v,
                       const struct plan_field *f UNUSED, void *dst UNUSED)
{
    if (json_kind(v) == JSON_OBJECT)
        plan_reader_section(r, v, &plan_standby_section, r->plan);
    else
        plan_value_duration(r, v, &standby_fields[0], &r->plan->standby);
}

static const struct plan_field rollback_fields[] = {
    FIELD("deadline", plan_value_duration, AT(rollback_deadline), .min = SECOND, .max = HOUR,
          .preset = "30s",
          .help = "Nodes that have not acknowledged a rollback by then: `rollback_failed`."),
    FIELD("resumeWithin", plan_value_duration, AT(resume_within), .min = SECOND, .max = 30 * DAY,
          .preset = "never",
          .help = "So long after a rollback, stages that had baked before need not bake again."),
};
#undef AT

const struct plan_section plan_rollback_section = SECTION(rollback_fields);
