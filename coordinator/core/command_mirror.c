/* SPDX-License-Identifier: Apache-2.0 */
/* The share of legacy's requests that is copied to new, by hand. */
#include "coordinator/core/command.h"
#include "coordinator/core/mirror.h"
#include "coordinator/core/words.h"

/* "the mirror of orders is 40 %: by hand; stage shadow says 100 %" */
static const char *summary(struct command_run *q, const struct durable *d, const char *already)
{
    struct view_mirror v;
    char share[WORDS_RATIO_MAX];

    mirror_look(d, &v);
    return update_fmt(q->u, "the mirror of %s is %s%s: %s", q->m->name.s,
                      v.share_bp ? words_weight(v.share_bp, share) : "off", already, v.why);
}

/* Who asks for copies is told where there would be none. What an operator overrides he can lift,
 * and a breaker closes by itself: the share then counts. */
static int refuse_futile(const struct command_run *q)
{
    const struct durable *d = &q->m->is;
    char why[TEXT_SIZE];

    if (d->plan->route.tcp.port > 0)
        return err_set(
            q->err, ERR_REFUSED,
            "nothing of %s can be copied: routing.tcp splits connections, and no request "
            "is seen",
            q->m->name.s);
    if (phase_coarse(d->rollout.phase) == COARSE_FALLING) {
        err_set(q->err, ERR_REFUSED, "%s is %s: nothing more goes to new", q->m->name.s,
                phase_name(d->rollout.phase));
        return err_hint(q->err, "switchyard status %s --watch", q->m->name.s);
    }
    if (!d->order.active && d->rollout.override != SYSTEM_NONE)
        return 0;
    if (d->rollout.breaker.order == BREAKER_ORDER_OPEN || !mirror_is_held(d, why))
        return 0;
    err_set(q->err, ERR_REFUSED, "nothing of %s would be copied: %s", q->m->name.s, why);
    if (d->order.active)
        return err_hint(q->err, "switchyard rollback %s --clear --reason TEXT", q->m->name.s);
    return err_hint(q->err, "switchyard status %s", q->m->name.s);
}

int command_set_mirror(struct command_run *q)
{
    const struct rollout *is = &q->m->is.rollout;
    const bool by_hand = !q->cmd->by_plan;
    const uint32_t bp = by_hand ? q->cmd->mirror_bp : 0;
    struct move move = command_move_of(q, STAGE_REVIEW);
    struct staged *s;
    int r;

    if (bp > WEIGHT_BP_MAX)
        return err_set(q->err, ERR_INVALID, "a share of copies is 0 to 100 percent");
    if (is->mirror_by_hand == by_hand && is->mirror_bp == bp)
        return command_unchanged(q, q->m, summary(q, &q->m->is, " already"));
    r = bp > 0 ? refuse_futile(q) : 0;
    if (r < 0)
        return r;
    s = staging_begin(q->c, q->m);
    s->next.rollout.mirror_by_hand = by_hand;
    s->next.rollout.mirror_bp = bp;
    moves_record(q->c, s, &move);
    command_changed(q, s, summary(q, &s->next, ""));
    return 0;
}
