/* SPDX-License-Identifier: Apache-2.0 */
/* Plans come and go. */
#include "common/base/check.h"
#include "coordinator/core/approvals.h"
#include "coordinator/core/command.h"
#include "coordinator/core/compile.h"
#include "coordinator/core/fleet_breaker.h"
#include "coordinator/core/record.h"
#include "coordinator/core/waves.h"
#include "coordinator/core/words.h"

static int check_overlaps(struct command_run *q, const struct plan *plan)
{
    const char *name = "";

    while ((name = core_next_migration(q->c, name))) {
        const struct migration *other = state_find(q->c, name);

        if (name_eq(&other->name, &plan->name) || !plan_overlaps(other->is.plan, plan))
            continue;
        if (plan->route.tcp.port > 0) {
            err_set(q->err, ERR_REFUSED, "plan %s claims the same port as %s", plan->name.s, name);
            return err_hint(q->err, "give one of them its own port under spec.routing.tcp");
        }
        err_set(q->err, ERR_REFUSED, "plan %s claims the same requests as %s", plan->name.s, name);
        return err_hint(q->err, "give one of them its own host or path prefix under spec.routing");
    }
    return 0;
}

/* Take over a copy of the command's plan, if it can be stored. */
static int stage_plan(struct command_run *q, struct staged *s)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(RECORD_PLAN_MAX);
    int r;

    if (!record_write_plan(q->cmd->plan, &text))
        return err_set(q->err, ERR_EXHAUSTED, "plan %s is larger than %u bytes as JSON",
                       q->cmd->plan->name.s, RECORD_PLAN_MAX);
    r = plan_load(q->cmd->plan->document, &s->next.plan, q->err);
    if (r < 0)
        return r;
    s->new_plan = true;
    return 0;
}

static int apply_new(struct command_run *q)
{
    const struct plan *plan = q->cmd->plan;
    struct migration *m = state_find_any(q->c, plan->name.s);
    struct move move = command_move_of(q, STAGE_START);
    struct staged *s = NULL;
    int r;

    if (q->c->migrations == CORE_MIGRATIONS_MAX)
        return err_set(q->err, ERR_EXHAUSTED, "there are %d migrations; delete one first",
                       CORE_MIGRATIONS_MAX);
    s = staging_begin(q->c, m ? m : migration_new(&plan->name));
    s->added = true;
    r = stage_plan(q, s);
    if (r < 0)
        return r;
    s->next.rollout.phase = PHASE_PENDING;
    /* Entries that outlived an earlier plan keep their numbers. */
    s->next.rollout.history_seq = history_last_sequence(&s->m->history);
    s->next.rollout.since = q->c->clock;
    str_fmt(s->next.rollout.why, TEXT_SIZE, "the plan was applied");
    moves_record(q->c, s, &move);
    command_changed(
        q, s,
        update_fmt(q->u,
                   "%s is new, with %u stage%s; everything goes to legacy until it is started",
                   plan->name.s, plan->stage_count, plan->stage_count == 1 ? "" : "s"));
    return 0;
}

static bool same_document(const struct plan *a, const struct plan *b)
{
    CLEANUP(buf_deinitp) struct buf left = BUF_INIT(RECORD_PLAN_MAX);
    CLEANUP(buf_deinitp) struct buf right = BUF_INIT(RECORD_PLAN_MAX);

    return record_write_plan(a, &left) && record_write_plan(b, &right) &&
           str_eq(buf_view(&left), buf_view(&right));
}

/* What the plan does not know any more, or of another kind, cannot be set by hand. */
static void fit_flags(const struct plan *plan, struct flags *by_hand)
{
    for (unsigned i = by_hand->count; i-- > 0;) {
        const struct flag *known = flags_find(&plan->flags, by_hand->flag[i].name);

        if (!known || flag_kind(known) != flag_kind(&by_hand->flag[i]))
            (void)flags_remove(by_hand, by_hand->flag[i].name);
    }
}

static bool same_stage(const struct plan *a, const struct plan *b, unsigned stage)
{
    return stage <= a->stage_count && stage <= b->stage_count &&
           strcmp(plan_stage_name(a, stage), plan_stage_name(b, stage)) == 0;
}

/* What lies ahead may change, but the stage that is being prepared stays that stage. */
static int check_change(struct command_run *q, const struct migration *m)
{
    const struct rollout *r = &m->is.rollout;
    const struct plan *was = m->is.plan, *is = q->cmd->plan;
    int status = plan_check_change(was, is, r->stage, r->wave, q->err);

    if (status < 0 || r->entering_stage == 0 || same_stage(was, is, r->entering_stage))
        return status;
    err_set(q->err, ERR_REFUSED, "stage %u, %s, is being prepared, and would be another one",
            r->entering_stage, plan_stage_name(was, r->entering_stage));
    return err_hint(q->err, "switchyard status %s --watch; apply the plan once it is entered",
                    was->name.s);
}

/* Approvals and bakes were for what the stages were before, and a stage that has reached everybody
 * has no wave to come. */
static void forget_what_was(const struct durable *was, struct rollout *ret)
{
    approvals_drop(ret, PLAN_STAGES_MAX);
    ret->proven_stage = 0;
    ret->proven_until = (wall_t){0};
    if (!waves_remain(was))
        waves_end(ret);
}

/* Legacy that is in standby is kept as long as the new plan says, from the same day on. */
static void fit_standby(const struct plan *old, const struct plan *plan, struct rollout *r)
{
    if (plan->standby.ns == 0)
        r->standby_until = (wall_t){0};
    if (wall_is_set(r->standby_until))
        r->standby_until = wall_add(r->standby_until, dur_ns(plan->standby.ns - old->standby.ns));
}

static int apply_change(struct command_run *q, struct migration *m)
{
    const struct plan *plan = q->cmd->plan;
    struct move move = command_move_of(q, STAGE_START);
    bool in_use = m->is.rollout.stage > 0 || m->is.rollout.entering_stage > 0 ||
                  compile_effective_bp(&m->is) > 0;
    struct staged *s = NULL;
    int r;

    if (same_document(m->is.plan, plan))
        return command_unchanged(q, m, update_fmt(q->u, "plan %s is unchanged", plan->name.s));
    if (in_use) {
        r = check_change(q, m);
        if (r < 0)
            return r;
    }
    s = staging_begin(q->c, m);
    r = stage_plan(q, s);
    if (r < 0)
        return r;
    forget_what_was(&m->is, &s->next.rollout);
    fit_flags(plan, &s->next.rollout.flags_by_hand);
    fit_standby(m->is.plan, plan, &s->next.rollout);
    fleet_breaker_follow(q->c, s, q->u);
    moves_record(q->c, s, &move);
    command_changed(q, s,
                    update_fmt(q->u, "plan %s is changed%s%s", plan->name.s,
                               compile_differs(&m->is, &s->next) ? "; nodes get the new decision"
                                                                 : "; nodes need not know",
                               m->is.rollout.approval_count ? "; its approvals are dropped" : ""));
    return 0;
}

int command_apply(struct command_run *q)
{
    const struct plan *plan = q->cmd->plan;
    struct migration *m;
    int r;

    CHECK(plan && plan->document);
    r = check_overlaps(q, plan);
    if (r < 0)
        return r;
    m = state_find(q->c, plan->name.s);
    return m ? apply_change(q, m) : apply_new(q);
}

int command_delete(struct command_run *q)
{
    const struct rollout *r = &q->m->is.rollout;
    bool idle =
        r->phase == PHASE_PENDING || r->phase == PHASE_ABORTED || r->phase == PHASE_ROLLED_BACK;
    char weight[WORDS_RATIO_MAX];
    struct staged *s = NULL;

    if (q->m->is.order.active) {
        err_set(q->err, ERR_REFUSED, "an emergency order is active for %s", q->m->name.s);
        return err_hint(q->err, "switchyard rollback %s --clear --reason TEXT", q->m->name.s);
    }
    if (r->phase != PHASE_DECOMMISSIONED &&
        (!idle || r->stage > 0 || compile_effective_bp(&q->m->is) > 0)) {
        err_set(q->err, ERR_REFUSED, "%s is %s with %s on new; abort it before it is deleted",
                q->m->name.s, phase_name(r->phase),
                words_weight(compile_effective_bp(&q->m->is), weight));
        return err_hint(q->err, "switchyard abort %s --reason TEXT", q->m->name.s);
    }
    s = staging_begin(q->c, q->m);
    s->removed = true;
    command_changed(
        q, s,
        update_fmt(q->u, "plan %s and its history are deleted; nodes have no route for it any more",
                   q->m->name.s));
    return 0;
}
