/* SPDX-License-Identifier: Apache-2.0 */
/* Moving a rollout through its stages, one way and the other. */
#include "common/base/check.h"
#include "coordinator/core/command.h"
#include "coordinator/core/compile.h"
#include "coordinator/core/waves.h"
#include "coordinator/core/words.h"

/* Between two steps of a retreat. */
#define STEP_DEFAULT dur_s(60)
#define STEP_MAX     dur_s(7 * 86400)

/* "canary-10: 10 % of keys on new", "canary-10: 10 % of keys on new, wave 1 of 3, cluster=eu" */
static const char *stage_words(struct command_run *q, const struct durable *d)
{
    char weight[WORDS_RATIO_MAX], wave[TEXT_SIZE];

    waves_text(d, d->rollout.wave, wave);
    return update_fmt(q->u, "%s: %s of keys on new%s%s", plan_stage_name(d->plan, d->rollout.stage),
                      words_weight(compile_effective_bp(d), weight), wave[0] ? ", " : "", wave);
}

/* " (skips shadow, canary-10)"; "" when nothing lies between. */
static const char *skipped(struct command_run *q, unsigned from, unsigned to)
{
    char names[TEXT_SIZE] = "";

    for (unsigned i = from + 1; i < to; i++)
        str_join(names, sizeof names, ", ", "%s", plan_stage_name(q->m->is.plan, i));
    return names[0] ? update_fmt(q->u, " (skips %s)", names) : "";
}

/* "2 checks, a backup, 1 hook" of what runs before the stage. */
static const char *work_words(struct command_run *q, const struct plan_stage *stage)
{
    return update_fmt(q->u, "%u check%s%s, %u hook%s", stage->ready_count,
                      stage->ready_count == 1 ? "" : "s", stage->backup ? ", a backup" : "",
                      stage->before_count, stage->before_count == 1 ? "" : "s");
}

/* A stage, or the next wave of one, is entered or prepared. */
static int say_entered(struct command_run *q, const struct staged *s, unsigned to)
{
    const struct durable *d = &s->next;
    unsigned from = s->m->is.rollout.stage;
    const char *text;

    if (d->rollout.phase == PHASE_PREPARING)
        text = update_fmt(q->u, "%s prepares %s%s: %s; nothing changes for users before",
                          q->m->name.s, plan_stage_name(d->plan, to), skipped(q, from, to),
                          work_words(q, &d->plan->stage[to - 1]));
    else
        text = update_fmt(q->u, "%s enters %s%s", q->m->name.s, stage_words(q, d),
                          skipped(q, from, to));
    command_changed(q, s, text);
    return 0;
}

int command_start(struct command_run *q)
{
    struct move move = command_move_of(q, STAGE_START);
    struct staged *s = NULL;
    int r;

    move.to_stage = 1;
    r = command_move(q, &move, &s);
    return r < 0 ? r : say_entered(q, s, 1);
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

/* While a stage has not reached everybody, promote leads to its next wave. */
static int refuse_waves_left(struct command_run *q, unsigned to)
{
    const struct durable *d = &q->m->is;
    char wave[TEXT_SIZE];

    err_set(q->err, ERR_REFUSED, "%s of %s has not reached every node: next is %s, then %s",
            plan_stage_name(d->plan, d->rollout.stage), q->m->name.s,
            waves_text(d, d->rollout.wave + 1, wave), plan_stage_name(d->plan, to));
    return err_hint(q->err, "switchyard promote %s leads to the next wave", q->m->name.s);
}

/* The stage that promote leads to: this one for its next wave, the next one, or a later one that
 * was asked for. */
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
    *ret = to ? to : r->stage + !waves_remain(&q->m->is);
    if (to > plan->stage_count)
        return err_set(q->err, ERR_INVALID, "plan %s has no stage %u; its last is %u, %s",
                       plan->name.s, to, plan->stage_count,
                       plan_stage_name(plan, plan->stage_count));
    if (waves_remain(&q->m->is) && *ret >= r->stage)
        return *ret == r->stage ? 0 : refuse_waves_left(q, to);
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

static bool is_promoted_fully(const struct durable *d)
{
    const struct rollout *r = &d->rollout;

    return r->full && r->stage == d->plan->stage_count && r->phase != PHASE_PAUSED;
}

/* Everything between here and the last stage is skipped, and the reason is all that is left of it.
 */
static int promote_fully(struct command_run *q)
{
    struct move move = command_move_of(q, STAGE_FULL);
    unsigned last = q->m->is.plan->stage_count;
    struct staged *s = NULL;
    int r = command_needs_reason(q->cmd, "a full promote", q->err);

    if (r < 0)
        return r;
    if (q->cmd->to_stage || q->cmd->to_stage_name)
        return err_set(q->err, ERR_INVALID, "a full promote leads to the last stage, to no other");
    if (is_promoted_fully(&q->m->is))
        return command_unchanged(q, q->m,
                                 update_fmt(q->u, "%s was promoted to its last stage, %s, already",
                                            q->m->name.s, plan_stage_name(q->m->is.plan, last)));
    move.to_stage = last;
    r = command_move(q, &move, &s);
    return r < 0 ? r : say_entered(q, s, last);
}

int command_promote(struct command_run *q)
{
    struct move move = command_move_of(q, STAGE_PROMOTE);
    struct staged *s = NULL;
    int r = check_seen(q);

    if (r == 0 && q->cmd->full)
        return promote_fully(q);
    if (r == 0)
        r = promote_target(q, &move.to_stage);
    if (r == 0)
        r = command_move(q, &move, &s);
    return r < 0 ? r : say_entered(q, s, move.to_stage);
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

/* Back through the stages, one at a time. */
static int retreat(struct command_run *q)
{
    struct move move = command_move_of(q, STAGE_RETREAT);
    char every[WORDS_DURATION_MAX];
    struct staged *s = NULL;
    int r;

    move.to_stage = 0;
    move.step_every = q->cmd->step_every.ns > 0 ? q->cmd->step_every : STEP_DEFAULT;
    if (move.step_every.ns > STEP_MAX.ns)
        return err_set(q->err, ERR_INVALID, "a step of a retreat takes at most %s",
                       words_duration(STEP_MAX, every));
    r = command_move(q, &move, &s);
    if (r < 0)
        return r;
    words_duration(move.step_every, every);
    if (s->next.rollout.phase == PHASE_RETREATING)
        command_changed(q, s,
                        update_fmt(q->u, "%s goes back to %s, and further down every %s",
                                   q->m->name.s, stage_words(q, &s->next), every));
    else
        command_changed(q, s,
                        update_fmt(q->u, "%s is aborted: everything goes to legacy", q->m->name.s));
    return 0;
}

int command_abort(struct command_run *q)
{
    struct move move = command_move_of(q, STAGE_ABORT);
    struct staged *s = NULL;
    int r;

    if (q->cmd->gradual)
        return retreat(q);
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

int command_decommission(struct command_run *q)
{
    struct move move = command_move_of(q, STAGE_DECOMMISSION);
    struct staged *s = NULL;
    int r;

    move.checklist_done = q->cmd->checklist_done;
    r = command_move(q, &move, &s);
    if (r < 0)
        return r;
    command_changed(
        q, s,
        update_fmt(q->u, "legacy of %s is given up: no request goes there any more", q->m->name.s));
    return 0;
}
