/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of the breakers by hand, over what the plan says. */
#include "coordinator/core/command.h"
#include "coordinator/core/compile.h"
#include "coordinator/core/fleet_breaker.h"

static int refuse_unknown(struct command_run *q, const char *name)
{
    const char *names[BREAKER_KNOB_COUNT + 1] = {NULL};
    const char *nearest;
    char shown[SHOW_SIZE];

    for (unsigned i = 0; i < BREAKER_KNOB_COUNT; i++)
        names[i] = breaker_knob_name((enum breaker_knob)i);
    err_set(q->err, ERR_INVALID, "a breaker has no setting %s", ids_show(str_of(name), shown));
    nearest = str_nearest(str_of(name), names);
    return nearest ? err_hint(q->err, "did you mean \"%s\"?", nearest)
                   : err_hint(q->err, "switchyard breaker show %s", q->m->name.s);
}

static int set_one(struct command_run *q, const struct core_setting *s, struct breaker_tuning *t)
{
    enum breaker_knob k;

    if (!breaker_knob_find(str_of(s->name), &k))
        return refuse_unknown(q, s->name);
    if (!q->cmd->by_plan)
        return breaker_tune(t, k, str_of(s->value), q->err);
    breaker_untune(t, k);
    return 0;
}

/* The breaker that would result must be able to open, or be off. */
static int check_result(struct command_run *q, const struct breaker_tuning *t)
{
    struct route_breaker b = q->m->is.plan->route.breaker;

    breaker_apply(t, &b);
    if (b.mode != BREAKER_MODE_OFF && !route_breaker_is_on(&b)) {
        err_set(q->err, ERR_INVALID, "with these settings nothing would open the breaker");
        return err_hint(q->err,
                        "give errors=N, errorRate=P%%, or slow=DURATION with slowRate=P%%; or "
                        "mode=off");
    }
    if (b.slow_rate_bp > 0 && b.slow_ms == 0) {
        err_set(q->err, ERR_INVALID, "slowRate needs slow, the time from which answers are slow");
        return err_hint(q->err, "add slow=DURATION");
    }
    return 0;
}

static int read_settings(struct command_run *q, struct breaker_tuning *t)
{
    int r = 0;

    if (q->cmd->settings == 0 && !q->cmd->by_plan) {
        err_set(q->err, ERR_INVALID, "which setting? none is named");
        return err_hint(q->err, "switchyard breaker tune %s errors=10 --reason TEXT", q->m->name.s);
    }
    if (q->cmd->settings == 0)
        *t = (struct breaker_tuning){.set = 0};
    for (unsigned i = 0; r == 0 && i < q->cmd->settings; i++)
        r = set_one(q, &q->cmd->setting[i], t);
    return r < 0 ? r : check_result(q, t);
}

static const char *summary(struct command_run *q, const struct breaker_tuning *t)
{
    struct route_breaker b = q->m->is.plan->route.breaker;
    char text[BREAKER_KNOB_TEXT], all[TEXT_SIZE] = "";

    breaker_apply(t, &b);
    for (unsigned i = 0; i < BREAKER_KNOB_COUNT; i++)
        if (t->set & (1u << i))
            str_join(all, sizeof all, ", ", "%s %s", breaker_knob_name((enum breaker_knob)i),
                     breaker_knob_text(&b, (enum breaker_knob)i, text));
    if (!all[0])
        return update_fmt(q->u, "the breaker of %s is as its plan says", q->m->name.s);
    return update_fmt(q->u, "the breaker of %s has by hand: %s", q->m->name.s, all);
}

int command_breaker_tune(struct command_run *q)
{
    struct breaker_tuning t = q->m->is.rollout.breaker_by_hand;
    struct move move = command_move_of(q, STAGE_REVIEW);
    struct staged *s;
    int r;

    if (q->m->is.plan->route.breaker.window_ms == 0) {
        err_set(q->err, ERR_REFUSED, "the plan of %s has no breaker to be tuned", q->m->name.s);
        return err_hint(q->err, "declare spec.breaker in it");
    }
    r = read_settings(q, &t);
    if (r < 0)
        return r;
    if (memcmp(&t, &q->m->is.rollout.breaker_by_hand, sizeof t) == 0)
        return command_unchanged(q, q->m, summary(q, &t));
    s = staging_begin(q->c, q->m);
    s->next.rollout.breaker_by_hand = t;
    fleet_breaker_follow(q->c, s, q->u);
    moves_record(q->c, s, &move);
    command_changed(q, s, summary(q, &t));
    return 0;
}
