/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/commands.h"

#include <math.h>

#include "common/base/check.h"
#include "coordinator/core/command.h"
#include "coordinator/core/compile.h"
#include "coordinator/core/reach.h"
#include "coordinator/core/refuse.h"
#include "coordinator/core/words.h"

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

static struct core_change *add_change(struct command_run *q, const struct migration *m,
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

static const char *place(struct command_run *q, const struct durable *d)
{
    char text[WORDS_PLACE_MAX];

    return d->plan ? update_fmt(q->u, "%s", words_place(d->plan, &d->rollout, text)) : "";
}

/* Nothing changes for users while a stage is prepared, but who asks beforehand wants to know what
 * comes of it. */
static void tell_reach(struct command_run *q, const struct staged *s, struct core_change *change)
{
    struct durable entered = s->next;

    if (!s->removed && entered.rollout.phase == PHASE_PREPARING)
        moves_enter(&entered, entered.rollout.entering_stage);
    reach_tell(q->c, &s->m->is, s->removed ? NULL : &entered, &q->u->arena, change);
}

/* It ends with the stage that it was set for. */
static bool ends_mirror(const struct command_run *q, const struct staged *s)
{
    return q->cmd->kind != CMD_SET_MIRROR && s->m->is.rollout.mirror_by_hand &&
           !s->next.rollout.mirror_by_hand;
}

void command_changed(struct command_run *q, const struct staged *s, const char *summary)
{
    struct core_change *change = add_change(
        q, s->m,
        ends_mirror(q, s) ? update_fmt(q->u, "%s; its mirror is no longer set by hand", summary)
                          : summary);
    double before = s->m->is.plan ? (double)compile_effective_bp(&s->m->is) : 0.0;
    double after = s->removed ? 0.0 : (double)compile_effective_bp(&s->next);

    change->from = place(q, &s->m->is);
    change->to = s->removed ? "" : place(q, &s->next);
    change->nodes = s->removed || compile_differs(&s->m->is, &s->next) ? q->c->nodes.connected : 0;
    change->share_affected = fabs(after - before) / 100.0;
    if (q->cmd->dry_run)
        tell_reach(q, s, change);
}

int command_unchanged(struct command_run *q, const struct migration *m, const char *summary)
{
    struct core_change *change = add_change(q, m, summary);

    change->from = change->to = place(q, &m->is);
    return 0;
}

/* ---- the move -------------------------------------------------------------------------------- */

struct move command_move_of(const struct command_run *q, enum stage_event event)
{
    return (struct move){
        .event = event,
        .to_stage = q->m ? q->m->is.rollout.stage : 0,
        .operator_name = q->cmd->operator_name,
        .reason = q->cmd->reason ? q->cmd->reason : "",
        .request = q->cmd->request,
        .recorded_as = core_command_name(q->cmd->kind),
    };
}

int command_move(struct command_run *q, const struct move *move, struct staged **ret_staged)
{
    struct stage_facts facts;
    struct staged *s = staging_begin(q->c, q->m);

    if (moves_run(q->c, s, move, q->u, &facts) == MOVES_NONE)
        return refuse_move(q->c, q->m, move, &facts, q->err);
    *ret_staged = s;
    return 0;
}

const char *command_lifted(const struct staged *s)
{
    return s->m->is.rollout.override == SYSTEM_NEW && s->next.rollout.override == SYSTEM_NONE
               ? "; the override to new is lifted"
               : "";
}

/* ---- the table ------------------------------------------------------------------------------- */

enum { ON_MIGRATION = 1u << 0, NEEDS_REASON = 1u << 1 };

static const struct {
    int (*run)(struct command_run *q);
    unsigned flags;
} commands[CMD_COUNT] = {
    [CMD_APPLY] = {command_apply, 0},
    [CMD_START] = {command_start, ON_MIGRATION},
    [CMD_PROMOTE] = {command_promote, ON_MIGRATION},
    [CMD_PAUSE] = {command_pause, ON_MIGRATION},
    [CMD_RESUME] = {command_resume, ON_MIGRATION},
    [CMD_ABORT] = {command_abort, ON_MIGRATION | NEEDS_REASON},
    [CMD_ROLLBACK] = {command_rollback, ON_MIGRATION | NEEDS_REASON},
    [CMD_EMERGENCY] = {command_emergency, ON_MIGRATION | NEEDS_REASON},
    [CMD_CLEAR] = {command_clear, ON_MIGRATION | NEEDS_REASON},
    [CMD_SET_WEIGHT] = {command_set_weight, ON_MIGRATION | NEEDS_REASON},
    [CMD_SET_OVERRIDE] = {command_set_override, ON_MIGRATION | NEEDS_REASON},
    [CMD_DELETE] = {command_delete, ON_MIGRATION},
    [CMD_RECOVER] = {command_recover, ON_MIGRATION},
    [CMD_DRILL] = {command_drill, ON_MIGRATION | NEEDS_REASON},
    [CMD_DECOMMISSION] = {command_decommission, ON_MIGRATION | NEEDS_REASON},
    [CMD_SET_FLAG] = {command_set_flag, ON_MIGRATION | NEEDS_REASON},
    [CMD_APPROVE] = {command_approve, ON_MIGRATION | NEEDS_REASON},
    [CMD_BREAKER_OPEN] = {command_breaker, ON_MIGRATION | NEEDS_REASON},
    [CMD_BREAKER_CLOSE] = {command_breaker, ON_MIGRATION | NEEDS_REASON},
    [CMD_BREAKER_RESET] = {command_breaker, ON_MIGRATION | NEEDS_REASON},
    [CMD_BREAKER_TUNE] = {command_breaker_tune, ON_MIGRATION | NEEDS_REASON},
    [CMD_SET_MIRROR] = {command_set_mirror, ON_MIGRATION | NEEDS_REASON},
};

int command_needs_reason(const struct core_command *cmd, const char *what, struct err *err)
{
    if (cmd->reason && cmd->reason[0])
        return 0;
    err_set(err, ERR_INVALID, "%s needs a reason, which is recorded", what);
    return err_hint(err, "add --reason TEXT");
}

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
    return commands[cmd->kind].flags & NEEDS_REASON
               ? command_needs_reason(cmd, core_command_name(cmd->kind), err)
               : 0;
}

int commands_run(struct core *c, const struct core_command *cmd, struct core_update *u,
                 struct err *err)
{
    struct command_run q = {.c = c, .cmd = cmd, .u = u, .err = err};
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
