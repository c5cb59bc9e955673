/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/commands.h"

#include <inttypes.h>
#include <math.h>

#include "common/base/check.h"
#include "coordinator/core/compile.h"
#include "coordinator/core/moves.h"
#include "coordinator/core/refuse.h"
#include "coordinator/core/words.h"

/* One command being carried out. */
struct running {
    struct core *c;
    const struct core_command *cmd;
    struct core_update *u;
    struct migration *m; /* NULL for APPLY and for EMERGENCY of all */
    struct err *err;
};

const char *core_command_name(enum core_command_kind k)
{
    static const char *const names[CMD_COUNT] = {
#define X(id, name, help) [CMD_##id] = name,
        CORE_COMMANDS(X)
#undef X
    };

    return (unsigned)k < CMD_COUNT ? names[k] : "?";
}

/* ---- the answer ------------------------------------------------------------------------------ */

static struct core_change *add_change(struct running *q, const struct migration *m,
                                      const char *summary)
{
    struct core_change **end = &q->u->change;
    struct core_change *change = arena_new(&q->u->arena, struct core_change);

    CHECK(change);
    *change = (struct core_change){.migration = m->name, .summary = summary, .from = "", .to = ""};
    while (*end)
        end = &(*end)->next;
    *end = change;
    return change;
}

static const char *place(struct running *q, const struct durable *d)
{
    char text[WORDS_PLACE_MAX];

    return d->plan ? update_fmt(q->u, "%s", words_place(d->plan, &d->rollout, text)) : "";
}

/* Says what `s` changes. */
static void answer_changed(struct running *q, const struct staged *s, const char *summary)
{
    struct core_change *change = add_change(q, s->m, summary);
    double before = s->m->is.plan ? (double)compile_effective_bp(&s->m->is) : 0.0;
    double after = s->removed ? 0.0 : (double)compile_effective_bp(&s->next);

    change->from = place(q, &s->m->is);
    change->to = s->removed ? "" : place(q, &s->next);
    change->nodes = s->removed || compile_differs(&s->m->is, &s->next) ? q->c->nodes.connected : 0;
    change->share_affected = fabs(after - before) / 100.0;
}

static int answer_unchanged(struct running *q, const struct migration *m, const char *summary)
{
    struct core_change *change = add_change(q, m, summary);

    change->from = change->to = place(q, &m->is);
    return 0;
}

/* ---- through the stage machine --------------------------------------------------------------- */

static struct move move_of(const struct running *q, enum stage_event event)
{
    return (struct move){
        .event = event,
        .to_stage = q->m ? q->m->is.rollout.stage : 0,
        .operator_name = q->cmd->operator_name,
        .reason = q->cmd->reason ? q->cmd->reason : "",
        .recorded_as = core_command_name(q->cmd->kind),
    };
}

/* Stage the move; *ret_staged is for the answer. */
static int run_move(struct running *q, const struct move *move, struct staged **ret_staged)
{
    struct stage_facts facts;
    struct staged *s = staging_begin(q->c, q->m);

    if (moves_run(q->c, s, move, q->u, &facts) == MOVES_NONE)
        return refuse_move(q->c, q->m, move, &facts, q->err);
    *ret_staged = s;
    return 0;
}

/* "canary-10: 10 % of keys on new" */
static const char *stage_words(struct running *q, const struct durable *d)
{
    char weight[WORDS_RATIO_MAX];

    return update_fmt(q->u, "%s: %s of keys on new", plan_stage_name(d->plan, d->rollout.stage),
                      words_weight(compile_effective_bp(d), weight));
}

static int run_start(struct running *q)
{
    struct move move = move_of(q, STAGE_START);
    struct staged *s = NULL;
    int r;

    move.to_stage = 1;
    r = run_move(q, &move, &s);
    if (r < 0)
        return r;
    answer_changed(q, s, update_fmt(q->u, "%s enters %s", q->m->name.s, stage_words(q, &s->next)));
    return 0;
}

static int stage_by_name(struct running *q, unsigned *ret)
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
static int promote_target(struct running *q, unsigned *ret)
{
    const struct rollout *r = &q->m->is.rollout;
    const struct plan *plan = q->m->is.plan;
    unsigned to = q->cmd->to_stage;
    int status = 0;

    if (q->cmd->to_stage_name)
        status = stage_by_name(q, &to);
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
static const char *skipped(struct running *q, unsigned from, unsigned to)
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

static int run_promote(struct running *q)
{
    struct move move = move_of(q, STAGE_PROMOTE);
    struct staged *s = NULL;
    int r;

    r = promote_target(q, &move.to_stage);
    if (r < 0)
        return r;
    r = run_move(q, &move, &s);
    if (r < 0)
        return r;
    answer_changed(q, s,
                   update_fmt(q->u, "%s enters %s%s", q->m->name.s, stage_words(q, &s->next),
                              skipped(q, q->m->is.rollout.stage, move.to_stage)));
    return 0;
}

static int run_pause(struct running *q)
{
    struct move move = move_of(q, STAGE_PAUSE);
    struct staged *s = NULL;
    int r = run_move(q, &move, &s);

    if (r < 0)
        return r;
    answer_changed(q, s,
                   update_fmt(q->u, "%s is paused at %s", q->m->name.s, stage_words(q, &s->next)));
    return 0;
}

static int run_resume(struct running *q)
{
    struct move move = move_of(q, STAGE_RESUME);
    char left[WORDS_DURATION_MAX];
    struct staged *s = NULL;
    int r = run_move(q, &move, &s);

    if (r < 0)
        return r;
    if (s->next.rollout.phase == PHASE_BAKING)
        answer_changed(q, s,
                       update_fmt(q->u, "%s bakes %s more", q->m->name.s,
                                  words_duration(q->m->is.rollout.bake_left, left)));
    else
        answer_changed(
            q, s,
            update_fmt(q->u, "%s is %s again", q->m->name.s, phase_name(s->next.rollout.phase)));
    return 0;
}

static int run_abort(struct running *q)
{
    struct move move = move_of(q, STAGE_ABORT);
    struct staged *s = NULL;
    int r;

    move.to_stage = 0;
    r = run_move(q, &move, &s);
    if (r < 0)
        return r;
    answer_changed(q, s,
                   update_fmt(q->u, "%s is aborted: everything goes to legacy", q->m->name.s));
    return 0;
}

/* " and lifts the override to new" when the fall does that. */
static const char *lifted(const struct staged *s)
{
    return s->m->is.rollout.override == SYSTEM_NEW && s->next.rollout.override == SYSTEM_NONE
               ? "; the override to new is lifted"
               : "";
}

static int run_rollback(struct running *q)
{
    struct move move = move_of(q, STAGE_ROLLBACK);
    struct staged *s = NULL;
    int r;

    move.to_stage = q->cmd->to_stage;
    if (move.to_stage > q->m->is.plan->stage_count)
        return err_set(q->err, ERR_INVALID, "plan %s has no stage %u", q->m->name.s, move.to_stage);
    r = run_move(q, &move, &s);
    if (r < 0)
        return r;
    answer_changed(q, s,
                   update_fmt(q->u, "%s goes back to %s%s", q->m->name.s, stage_words(q, &s->next),
                              lifted(s)));
    return 0;
}

/* ---- emergency orders ------------------------------------------------------------------------ */

/* Above every epoch that is stored or that a node has seen: a node obeys higher epochs only. */
static void next_order(struct running *q, struct staged *s, bool active)
{
    struct emergency *e = &s->next.order;
    uint64_t seen = q->c->nodes.newest_epoch;

    e->epoch = (e->epoch > seen ? e->epoch : seen) + 1;
    e->active = active;
    e->ordered_at = q->c->now;
    str_fmt(e->reason, sizeof e->reason, "%s", q->cmd->reason);
    str_fmt(e->operator_name, sizeof e->operator_name, "%s", q->cmd->operator_name);
    s->new_order = true;
}

static void order_one(struct running *q, struct migration *m)
{
    struct move move = move_of(q, STAGE_EMERGENCY);
    struct staged *s = staging_begin(q->c, m);
    struct stage_facts facts;

    move.to_stage = 0;
    next_order(q, s, true);
    CHECK(moves_run(q->c, s, &move, q->u, &facts) == 0);
    answer_changed(q, s,
                   update_fmt(q->u, "%s goes to legacy now, by emergency order %" PRIu64 "%s",
                              m->name.s, s->next.order.epoch, lifted(s)));
}

static int run_emergency(struct running *q)
{
    const char *name = "";

    if (!q->cmd->all) {
        order_one(q, q->m);
        return 0;
    }
    if (q->c->migrations == 0)
        return err_set(q->err, ERR_NOT_FOUND, "there are no migrations");
    while ((name = core_next_migration(q->c, name)))
        order_one(q, state_find(q->c, name));
    return 0;
}

static int run_clear(struct running *q)
{
    struct move move = move_of(q, STAGE_EMERGENCY);
    struct staged *s = NULL;

    if (!q->m->is.order.active)
        return err_set(q->err, ERR_REFUSED, "no emergency order is active for %s", q->m->name.s);
    s = staging_begin(q->c, q->m);
    next_order(q, s, false);
    str_fmt(s->next.rollout.why, TEXT_SIZE, "the emergency order was cleared: %s", q->cmd->reason);
    moves_record(q->c, s, &move);
    answer_changed(
        q, s,
        update_fmt(q->u, "the emergency order of %s is lifted; its weight stays 0", q->m->name.s));
    return 0;
}

/* ---- by hand --------------------------------------------------------------------------------- */

static int run_set_weight(struct running *q)
{
    struct move move = move_of(q, STAGE_WEIGHT);
    const struct rollout *is = &q->m->is.rollout;
    char weight[WORDS_RATIO_MAX];
    struct staged *s = NULL;
    int r;

    if (q->cmd->weight_bp > WEIGHT_BP_MAX)
        return err_set(q->err, ERR_INVALID, "a weight is 0 to 100 percent");
    words_weight(q->cmd->weight_bp, weight);
    if (is->stage > 0 && is->weight_bp == q->cmd->weight_bp)
        return answer_unchanged(
            q, q->m, update_fmt(q->u, "the weight of %s is %s already", q->m->name.s, weight));
    move.weight_bp = q->cmd->weight_bp;
    r = run_move(q, &move, &s);
    if (r < 0)
        return r;
    answer_changed(q, s,
                   update_fmt(q->u, "%s sends %s of keys to new%s", q->m->name.s, weight,
                              is->override ? ", once its override is lifted" : ""));
    return 0;
}

static int run_set_override(struct running *q)
{
    struct move move = move_of(q, STAGE_OVERRIDE);
    const char *to = system_name(q->cmd->system);
    struct staged *s = NULL;
    int r;

    if ((unsigned)q->cmd->system >= SYSTEM_COUNT)
        return err_set(q->err, ERR_INVALID, "an override is legacy, new or none");
    if (q->m->is.rollout.override == q->cmd->system)
        return answer_unchanged(
            q, q->m, update_fmt(q->u, "the override of %s is %s already", q->m->name.s, to));
    move.system = q->cmd->system;
    r = run_move(q, &move, &s);
    if (r < 0)
        return r;
    if (q->cmd->system == SYSTEM_NONE)
        answer_changed(
            q, s,
            update_fmt(q->u, "%s has no override any more; its weight counts again", q->m->name.s));
    else
        answer_changed(
            q, s,
            update_fmt(q->u, "%s sends everything to %s%s", q->m->name.s, to,
                       q->cmd->system == SYSTEM_NEW ? ", unless its breaker opens" : ""));
    return 0;
}

/* ---- plans ----------------------------------------------------------------------------------- */

static int check_overlaps(struct running *q, const struct plan *plan)
{
    const char *name = "";

    while ((name = core_next_migration(q->c, name))) {
        const struct migration *other = state_find(q->c, name);

        if (name_eq(&other->name, &plan->name) || !plan_overlaps(other->is.plan, plan))
            continue;
        err_set(q->err, ERR_REFUSED, "plan %s claims the same requests as %s", plan->name.s, name);
        return err_hint(q->err, "give one of them its own host or path prefix under spec.routing");
    }
    return 0;
}

/* Take over a copy of the command's plan. */
static int stage_plan(struct running *q, struct staged *s)
{
    int r = plan_load(q->cmd->plan->document, &s->next.plan, q->err);

    if (r < 0)
        return r;
    s->new_plan = true;
    return 0;
}

static int apply_new(struct running *q)
{
    const struct plan *plan = q->cmd->plan;
    struct migration *m = state_find_any(q->c, plan->name.s);
    struct move move = move_of(q, STAGE_START);
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
    s->next.rollout.since = q->c->now;
    str_fmt(s->next.rollout.why, TEXT_SIZE, "the plan was applied");
    moves_record(q->c, s, &move);
    answer_changed(
        q, s,
        update_fmt(q->u,
                   "%s is new, with %u stage%s; everything goes to legacy until it is started",
                   plan->name.s, plan->stage_count, plan->stage_count == 1 ? "" : "s"));
    return 0;
}

static bool same_document(const struct plan *a, const struct plan *b)
{
    CLEANUP(buf_deinitp) struct buf left = BUF_INIT(YAML_MAX_BYTES * 2);
    CLEANUP(buf_deinitp) struct buf right = BUF_INIT(YAML_MAX_BYTES * 2);

    return json_print(a->document, false, &left) && json_print(b->document, false, &right) &&
           str_eq(buf_view(&left), buf_view(&right));
}

static int apply_change(struct running *q, struct migration *m)
{
    const struct plan *plan = q->cmd->plan;
    struct move move = move_of(q, STAGE_START);
    bool in_use = m->is.rollout.stage > 0 || compile_effective_bp(&m->is) > 0;
    struct staged *s = NULL;
    int r;

    if (same_document(m->is.plan, plan))
        return answer_unchanged(q, m, update_fmt(q->u, "plan %s is unchanged", plan->name.s));
    if (in_use) {
        r = plan_check_change(m->is.plan, plan, m->is.rollout.stage, q->err);
        if (r < 0)
            return r;
    }
    s = staging_begin(q->c, m);
    r = stage_plan(q, s);
    if (r < 0)
        return r;
    moves_record(q->c, s, &move);
    answer_changed(q, s,
                   update_fmt(q->u, "plan %s is changed%s", plan->name.s,
                              compile_differs(&m->is, &s->next) ? "; nodes get the new decision"
                                                                : "; nodes need not know"));
    return 0;
}

static int run_apply(struct running *q)
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

static int run_delete(struct running *q)
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
    if (!idle || r->stage > 0 || compile_effective_bp(&q->m->is) > 0) {
        err_set(q->err, ERR_REFUSED, "%s is %s with %s on new; abort it before it is deleted",
                q->m->name.s, phase_name(r->phase),
                words_weight(compile_effective_bp(&q->m->is), weight));
        return err_hint(q->err, "switchyard abort %s --reason TEXT", q->m->name.s);
    }
    s = staging_begin(q->c, q->m);
    s->removed = true;
    answer_changed(
        q, s,
        update_fmt(q->u, "plan %s and its history are deleted; nodes have no route for it any more",
                   q->m->name.s));
    return 0;
}

/* ---- the table ------------------------------------------------------------------------------- */

enum { ON_MIGRATION = 1u << 0, NEEDS_REASON = 1u << 1 };

static const struct {
    int (*run)(struct running *q);
    unsigned flags;
} commands[CMD_COUNT] = {
    [CMD_APPLY] = {run_apply, 0},
    [CMD_START] = {run_start, ON_MIGRATION},
    [CMD_PROMOTE] = {run_promote, ON_MIGRATION},
    [CMD_PAUSE] = {run_pause, ON_MIGRATION},
    [CMD_RESUME] = {run_resume, ON_MIGRATION},
    [CMD_ABORT] = {run_abort, ON_MIGRATION | NEEDS_REASON},
    [CMD_ROLLBACK] = {run_rollback, ON_MIGRATION | NEEDS_REASON},
    [CMD_EMERGENCY] = {run_emergency, ON_MIGRATION | NEEDS_REASON},
    [CMD_CLEAR] = {run_clear, ON_MIGRATION | NEEDS_REASON},
    [CMD_SET_WEIGHT] = {run_set_weight, ON_MIGRATION | NEEDS_REASON},
    [CMD_SET_OVERRIDE] = {run_set_override, ON_MIGRATION | NEEDS_REASON},
    [CMD_DELETE] = {run_delete, ON_MIGRATION},
};

/* What an operator writes is recorded whole or refused. */
static int check_text(const char *text, const char *what, size_t size, struct err *err)
{
    size_t bad;

    if (!text)
        return 0;
    if (strlen(text) >= size)
        return err_set(err, ERR_INVALID, "the %s is longer than %zu bytes", what, size - 1);
    if (!str_utf8_valid(str_of(text), &bad))
        return err_set(err, ERR_INVALID, "the %s is not UTF-8 at byte %zu", what, bad + 1);
    return 0;
}

static int check_words(const struct core_command *cmd, struct err *err)
{
    int r = check_text(cmd->operator_name, "operator's name", NAME_SIZE * 2, err);

    if (r < 0)
        return r;
    r = check_text(cmd->reason, "reason", TEXT_SIZE, err);
    if (r < 0)
        return r;
    if (!cmd->operator_name || !cmd->operator_name[0]) {
        err_set(err, ERR_INVALID, "who orders this? %s is recorded with its operator",
                core_command_name(cmd->kind));
        return err_hint(err, "add --operator NAME");
    }
    if ((commands[cmd->kind].flags & NEEDS_REASON) && (!cmd->reason || !cmd->reason[0])) {
        err_set(err, ERR_INVALID, "%s needs a reason, which is recorded",
                core_command_name(cmd->kind));
        return err_hint(err, "add --reason TEXT");
    }
    return 0;
}

int commands_run(struct core *c, const struct core_command *cmd, struct core_update *u,
                 struct err *err)
{
    struct running q = {.c = c, .cmd = cmd, .u = u, .err = err};
    bool all = cmd->kind == CMD_EMERGENCY && cmd->all;
    int r;

    CHECK((unsigned)cmd->kind < CMD_COUNT);
    r = check_words(cmd, err);
    if (r < 0)
        return r;
    if ((commands[cmd->kind].flags & ON_MIGRATION) && !all) {
        r = state_get(c, cmd->migration ? cmd->migration : "", &q.m, err);
        if (r < 0)
            return r;
    }
    return commands[cmd->kind].run(&q);
}
