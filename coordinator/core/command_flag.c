/* SPDX-License-Identifier: Apache-2.0 */
/* Feature flags by hand, over what the stage says. */
#include "common/base/check.h"
#include "coordinator/core/command.h"
#include "coordinator/core/compile.h"

/* One flag gets a value, or (value "") what its stage says again. Every kind of flag is in the
 * plan, so the plan says what a value may be. */
struct setting {
    const char *value;
    bool changes; /* some flag differs from what was set before */
    struct flags flags;
};

static const char *kind_text(enum json_kind kind)
{
    switch (kind) {
    case JSON_BOOL:
        return "true or false";
    case JSON_STRING:
        return "a string in double quotes";
    case JSON_NUMBER:
        return "a number";
    case JSON_NULL:
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    check_die("no flag is of kind %d", (int)kind);
}

static int refuse_unknown(struct command_run *q)
{
    const struct flags *known = &q->m->is.plan->flags;
    const char *names[FLAGS_MAX + 1] = {NULL};
    const char *nearest;
    char shown[SHOW_SIZE];

    for (unsigned i = 0; i < known->count; i++)
        names[i] = known->flag[i].name;
    err_set(q->err, ERR_NOT_FOUND, "plan %s has no flag %s", q->m->name.s,
            ids_show(str_of(q->cmd->flag), shown));
    nearest = str_nearest(str_of(q->cmd->flag), names);
    if (nearest)
        return err_hint(q->err, "did you mean \"%s\"?", nearest);
    return known->count ? err_hint(q->err, "switchyard get flags %s", q->m->name.s)
                        : err_hint(q->err, "declare it with its default under spec.flags");
}

static void take_back(struct setting *t, const char *name)
{
    t->changes = flags_remove(&t->flags, name) || t->changes;
}

static int put(struct command_run *q, struct setting *t, const char *name)
{
    const struct flag *before = flags_find(&t->flags, name);
    char was[FLAG_VALUE] = "";
    int r;

    if (before)
        str_fmt(was, sizeof was, "%s", before->value);
    r = flags_set_text(&t->flags, name, t->value, q->err);
    if (r == 0)
        t->changes = t->changes || strcmp(flags_find(&t->flags, name)->value, was) != 0;
    return r;
}

static int set_one(struct command_run *q, struct setting *t)
{
    const struct flag *known = flags_find(&q->m->is.plan->flags, q->cmd->flag);
    struct flags probe = {.count = 0};
    int r;

    if (!known)
        return refuse_unknown(q);
    if (!t->value[0]) {
        take_back(t, known->name);
        return 0;
    }
    r = flags_set_text(&probe, known->name, t->value, q->err);
    if (r < 0)
        return r;
    if (flag_kind(&probe.flag[0]) == flag_kind(known))
        return put(q, t, known->name);
    err_set(q->err, ERR_INVALID, "flag %s is %s, and %s is not", known->name,
            kind_text(flag_kind(known)), probe.flag[0].value);
    return err_hint(q->err, "switchyard set flag %s %s VALUE --reason TEXT", q->m->name.s,
                    known->name);
}

/* Every flag whose value is of the same kind. */
static int set_all(struct command_run *q, struct setting *t)
{
    const struct flags *known = &q->m->is.plan->flags;
    struct flags probe = {.count = 0};
    int r = t->value[0] ? flags_set_text(&probe, "all", t->value, q->err) : 0;

    for (unsigned i = 0; r == 0 && i < known->count; i++) {
        if (!t->value[0])
            take_back(t, known->flag[i].name);
        else if (flag_kind(&probe.flag[0]) == flag_kind(&known->flag[i]))
            r = put(q, t, known->flag[i].name);
    }
    return r;
}

static const char *summary(struct command_run *q, const struct setting *t, bool before)
{
    const char *which = q->cmd->all ? "every flag of its kind" : q->cmd->flag;
    const char *already = before ? " already" : "";

    if (!t->value[0])
        return update_fmt(q->u, "%s of %s is%s what the stage says",
                          q->cmd->all ? "every flag" : q->cmd->flag, q->m->name.s, already);
    return update_fmt(q->u, "%s of %s is%s %s, by hand", which, q->m->name.s, already, t->value);
}

int command_set_flag(struct command_run *q)
{
    struct move move = command_move_of(q, STAGE_REVIEW);
    struct setting t = {.value = q->cmd->flag_value ? q->cmd->flag_value : "",
                        .flags = q->m->is.rollout.flags_by_hand};
    struct staged *s;
    int r;

    if (!q->cmd->all && !(q->cmd->flag && q->cmd->flag[0]))
        return err_set(q->err, ERR_INVALID, "which flag? its name is missing");
    if (q->m->is.rollout.phase == PHASE_DECOMMISSIONED)
        return err_set(q->err, ERR_REFUSED, "%s is decommissioned: its flags stay as they are",
                       q->m->name.s);
    r = q->cmd->all ? set_all(q, &t) : set_one(q, &t);
    if (r < 0)
        return r;
    if (!t.changes)
        return command_unchanged(q, q->m, summary(q, &t, true));
    s = staging_begin(q->c, q->m);
    s->next.rollout.flags_by_hand = t.flags;
    moves_record(q->c, s, &move);
    command_changed(q, s, summary(q, &t, false));
    return 0;
}
