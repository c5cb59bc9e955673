/* SPDX-License-Identifier: Apache-2.0 */
/* Moving a rollout through its stages, one way and the other. */
#include "common/base/check.h"
#include "coordinator/core/command.h"
#include "coordinator/core/compile.h"
#include "coordinator/core/words.h"

/* "canary-10: 10 % of keys on new" */
static const char *stage_words(struct command_run *q, const struct durable *d)
{
    char weight[WORDS_RATIO_MAX];

    return update_fmt(q->u, "%s: %s of keys on new", plan_stage_name(d->plan, d->rollout.stage),
                      words_weight(compile_effective_bp(d), weight));
}

int command_start(struct command_run *q)
{
    struct move move = command_move_of(q, STAGE_START);
    struct staged *s = NULL;
    int r;

    move.to_stage = 1;
    r = command_move(q, &move, &s);
    if (r < 0)
        return r;
    command_changed(q, s, update_fmt(q->u, "%s enters %s", q->m->name.s, stage_words(q, &s->next)));
    return 0;
}

int command_stage_by_name(struct command_run *q, unsigned *ret)
{
    const struct plan *plan = q->m->is.plan;
    const char *names[PLAN_STAGES_MAX + 1] = {NULL};
    const char *nearest;

    *ret = plan_stage_by_name(plan, q->cmd->to_stage_name);
    if (*ret > 0)
        return 0;
    for (unsigned i = 0; i < plan->stage_count; i++)
        names[i] = plan->stage[i].name.s;
    err_set(q->err, ERR_NOT_FOUND, "plan %s has no stage \"%.64s\"", plan->name.s,
            q->cmd->to_stage_name);
    nearest = str_nearest(str_of(q->cmd->to_stage_name), names);
    return nearest ? err_hint(q->err, "did you mean \"%s\"?", nearest) : -ERR_NOT_FOUND;
}

/* The stage that promote leads to: the next one, or a later one that was asked for. */
static int promote_target(struct command_run *q, unsigned *ret)
{
    const struct rollout *r = &q->m->is.rollout;
    const struct plan *plan = q->m->is.plan;
    unsigned to = q->cmd->to_stage;
    int status = 0;

    if (q->cmd->to_stage_name)
        status = command_stage_by_name(q, &to);
    if (status < 0)
        return status;
    *ret = to ? to : r->stage + 1;
    if (to > plan->stage_count)
        return err_set(q->err, ERR_INVALID, "plan %s has no stage %u; its last is %u, %s",
                       plan->name.s, to, plan->stage_count,
                       plan_stage_name(plan, plan->stage_count));
    if (*ret == r->stage)
        return err_set(q->err, ERR_REFUSED, "%s is at stage %u, %s, already", q->m->name.s,
                       r->stage, plan_stage_name(plan, r->stage));
    if (*ret > r->stage)
        return 0;
    err_set(q->err, ERR_REFUSED,
            "stage %u, %s, is before the current one, %s; use rollback to go back", to,
            plan_stage_name(plan, to), plan_stage_name(plan, r->stage));
    return err_hint(q->err, "switchyard rollback %s --to %u --reason TEXT", q->m->name.s, to);
}

/* " (skips shadow, canary-10)"; "" when nothing lies between. */
static const char *skipped(struct command_run *q, unsigned from, unsigned to)
{
    char names[TEXT_SIZE] = "";
    size_t at = 0;

    for (unsigned i = from + 1; i < to; i++) {
        str_fmt(names + at, sizeof names - at, "%s%s", at ? ", " : "",
                plan_stage_name(q->m->is.plan, i));
        at = strlen(names);
    }
    return at ? update_fmt(q->u, " (skips %s)", names) : "";
}

/* Two operators who promote at once mean the same step. */
static int check_seen(const struct command_run *q)
{
    const struct rollout *r = &q->m->is.rollout;
    char place[WORDS_PLACE_MAX];

    if (!q->cmd->seen || (q->cmd->seen_stage == r->stage && q->cmd->seen_wave == r->wave))
        return 0;
    err_set(q->err, ERR_REFUSED, "%s has moved since you looked at it: it is at %s", q->m->name.s,
            words_place(q->m->is.plan, r, place));
    return err_hint(q->err, "switchyard history %s tells who moved it; switchyard status %s",
                    q->m->name.s, q->m->name.s);
}

int command_promote(struct command_run *q)
{
    struct move move = command_move_of(q, STAGE_PROMOTE);
    struct staged *s = NULL;
    int r;

    r = check_seen(q);
    if (r == 0)
        r = promote_target(q, &move.to_stage);
    if (r < 0)
        return r;
    r = command_move(q, &move, &s);
    if (r < 0)
        return r;
    command_changed(q, s,
                    update_fmt(q->u, "%s enters %s%s", q->m->name.s, stage_words(q, &s->next),
                               skipped(q, q->m->is.rollout.stage, move.to_stage)));
    return 0;
}

int command_pause(struct command_run *q)
{
    struct move move = command_move_of(q, STAGE_PAUSE);
    struct staged *s = NULL;
    int r = command_move(q, &move, &s);

    if (r < 0)
        return r;
    command_changed(q, s,
                    update_fmt(q->u, "%s is paused at %s", q->m->name.s, stage_words(q, &s->next)));
    return 0;
}

int command_resume(struct command_run *q)
{
    struct move move = command_move_of(q, STAGE_RESUME);
    char left[WORDS_DURATION_MAX];
    struct staged *s = NULL;
    int r = command_move(q, &move, &s);

    if (r < 0)
        return r;
    if (s->next.rollout.phase == PHASE_BAKING)
        command_changed(q, s,
                        update_fmt(q->u, "%s bakes %s more", q->m->name.s,
                                   words_duration(q->m->is.rollout.bake_left, left)));
    else
        command_changed(
            q, s,
            update_fmt(q->u, "%s is %s again", q->m->name.s, phase_name(s->next.rollout.phase)));
    return 0;
}

int command_abort(struct command_run *q)
{
    struct move move = command_move_of(q, STAGE_ABORT);
    struct staged *s = NULL;
    int r;

    move.to_stage = 0;
    r = command_move(q, &move, &s);
    if (r < 0)
        return r;
    command_changed(q, s,
                    update_fmt(q->u, "%s is aborted: everything goes to legacy", q->m->name.s));
    return 0;
}

int command_rollback(struct command_run *q)
{
    struct move move = command_move_of(q, STAGE_ROLLBACK);
    struct staged *s = NULL;
    int r;

    move.to_stage = q->cmd->to_stage;
    if (move.to_stage > q->m->is.plan->stage_count)
        return err_set(q->err, ERR_INVALID, "plan %s has no stage %u", q->m->name.s, move.to_stage);
    r = command_move(q, &move, &s);
    if (r < 0)
        return r;
    command_changed(q, s,
                    update_fmt(q->u, "%s goes back to %s%s", q->m->name.s, stage_words(q, &s->next),
                               command_lifted(s)));
    return 0;
}
