/* SPDX-License-Identifier: Apache-2.0 */
/* Which plans run programs of the operators'. */
#include "common/model/plan.h"

static bool any_command(const struct plan_check *check, unsigned count, const char *what,
                        const char *stage, char *ret_where)
{
    for (unsigned i = 0; i < count; i++)
        if (check[i].kind == PLAN_CHECK_COMMAND) {
            str_fmt(ret_where, TEXT_SIZE, "check %s of %s%s", check[i].name.s, what, stage);
            return true;
        }
    return false;
}

static bool any_hook(const struct plan_hook *hook, unsigned count, const char *when,
                     const char *stage, char *ret_where)
{
    if (count > 0)
        str_fmt(ret_where, TEXT_SIZE, "hook %s %s stage %s", hook[0].name.s, when, stage);
    return count > 0;
}

bool plan_runs_programs(const struct plan *p, char *ret_where)
{
    if (any_command(p->triggers.check, p->triggers.check_count, "the triggers", "", ret_where))
        return true;
    for (unsigned i = 0; i < p->stage_count; i++) {
        const struct plan_stage *s = &p->stage[i];

        if (any_command(s->ready, s->ready_count, "stage ", s->name.s, ret_where) ||
            any_command(s->gate.check, s->gate.check_count, "the gate of stage ", s->name.s,
                        ret_where) ||
            any_hook(s->before, s->before_count, "before", s->name.s, ret_where) ||
            any_hook(s->after, s->after_count, "after", s->name.s, ret_where))
            return true;
    }
    return false;
}
