/* SPDX-License-Identifier: Apache-2.0 */
/* The breaker of all nodes by hand: open, closed, or left to itself with nothing counted. */
#include "common/base/check.h"
#include "coordinator/core/command.h"
#include "coordinator/core/compile.h"
#include "coordinator/core/fleet_breaker.h"

struct breaker_verb {
    enum fleet_breaker_event event;
    const char *word;    /* of the CLI */
    const char *outcome; /* after "the breaker of NAME " */
};

static const struct breaker_verb *verb_of(enum core_command_kind kind)
{
    static const struct breaker_verb verbs[CMD_COUNT] = {
        [CMD_BREAKER_OPEN] = {FLEET_BREAKER_EV_OPEN, "open",
                              "is open on every node: new is asked for nothing"},
        [CMD_BREAKER_CLOSE] = {FLEET_BREAKER_EV_CLOSE, "close",
                               "is held closed on every node, whatever new does"},
        [CMD_BREAKER_RESET] = {FLEET_BREAKER_EV_RESET, "reset",
                               "is closed on every node, with nothing counted"},
    };

    return &verbs[kind];
}

/* Then it diverts nobody, whatever its state. */
static bool only_watches(const struct command_run *q)
{
    struct route_breaker b;

    compile_breaker(&q->m->is, &b);
    return b.mode == BREAKER_MODE_WATCH;
}

static bool is_off(const struct command_run *q)
{
    struct route_breaker b;

    compile_breaker(&q->m->is, &b);
    return b.mode == BREAKER_MODE_OFF;
}

static int refuse(struct command_run *q, const struct breaker_verb *verb,
                  const struct fleet_breaker_facts *f)
{
    const char *name = q->m->name.s;
    const struct sm_ignore *held =
        sm_find_ignore(&fleet_breaker_machine, q->m->is.rollout.breaker.state, (int)verb->event);

    if (held)
        return command_unchanged(q, q->m,
                                 update_fmt(q->u, "the breaker of %s %s", name, held->why));
    if (is_off(q)) {
        err_set(q->err, ERR_REFUSED, "the breaker of %s is switched off: its mode is off", name);
        return err_hint(q->err, "switchyard breaker tune %s mode=enforce --reason TEXT", name);
    }
    if (!f->present) {
        err_set(q->err, ERR_REFUSED, "the nodes have no breaker for %s", name);
        return err_hint(q->err,
                        "declare spec.breaker in its plan, or: switchyard set override %s "
                        "legacy --reason TEXT",
                        name);
    }
    CHECK(f->forbidden);
    err_set(q->err, ERR_REFUSED,
            "legacy is forbidden for %s by now: an open breaker would leave everybody without an "
            "answer",
            name);
    return err_hint(q->err, "switchyard rollback %s --to STAGE --reason TEXT", name);
}

int command_breaker(struct command_run *q)
{
    const struct breaker_verb *verb = verb_of(q->cmd->kind);
    struct move move = command_move_of(q, STAGE_REVIEW);
    bool idle = verb->event == FLEET_BREAKER_EV_OPEN && only_watches(q);
    struct fleet_breaker_facts facts;
    struct staged *s;

    fleet_breaker_stored(&q->m->is, &facts);
    if (!sm_find_row(&fleet_breaker_machine, q->m->is.rollout.breaker.state, (int)verb->event,
                     &facts, NULL))
        return refuse(q, verb, &facts);
    s = staging_begin(q->c, q->m);
    CHECK(fleet_breaker_order(q->c, s, verb->event, q->u, &facts));
    moves_record(q->c, s, &move);
    command_changed(q, s,
                    update_fmt(q->u, "the breaker of %s %s", q->m->name.s,
                               idle ? "is open on every node, and diverts nobody: its mode is watch"
                                    : verb->outcome));
    if (verb->event == FLEET_BREAKER_EV_OPEN && !idle)
        q->u->change->share_affected = (double)compile_effective_bp(&q->m->is) / 100.0;
    return 0;
}
