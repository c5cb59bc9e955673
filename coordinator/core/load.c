/* SPDX-License-Identifier: Apache-2.0 */
/* core_load() and core_loaded(): what was stored becomes the state, or says why it cannot. */
#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/core/facts.h"
#include "coordinator/core/keys.h"
#include "coordinator/core/record.h"

#include <stdlib.h>

static int load_plan(struct migration *m, struct str value, uint64_t rev, struct err *err)
{
    struct plan *plan;
    int r = record_read_plan(value, &plan, err);

    if (r < 0)
        return r;
    plan_free(m->is.plan);
    m->is.plan = plan;
    m->plan_rev = rev;
    if (!name_eq(&plan->name, &m->name))
        return err_set(err, ERR_CORRUPT, "the plan is named %s", plan->name.s);
    return 0;
}

static int load_rollout(struct migration *m, struct str value, uint64_t rev, struct err *err)
{
    struct rollout rollout;
    int r = record_read_rollout(value, &rollout, err);

    if (r < 0)
        return r;
    json_free(m->is.rollout.extra);
    m->is.rollout = rollout;
    m->is.rollout.migration = m->name;
    m->rollout_rev = rev;
    return 0;
}

static int load_order(struct migration *m, struct str value, uint64_t rev, struct err *err)
{
    int r;

    json_free(m->is.order_extra);
    m->is.order_extra = NULL;
    r = record_read_emergency(value, &m->is.order, &m->is.order_extra, err);
    m->is.order.migration = m->name;
    if (r == 0)
        m->order_rev = rev;
    return r;
}

static int load_history(struct migration *m, struct str value, uint64_t seq, uint64_t rev,
                        struct err *err)
{
    struct history_item *item = xnew(struct history_item);
    int r = record_read_history(value, &item->entry, &item->extra, err);

    if (r < 0) {
        free(item);
        return r;
    }
    item->entry.sequence = seq;
    item->rev = rev;
    if (item->entry.revision == 0)
        item->entry.revision = rev;
    return history_add(&m->history, item, err);
}

int core_load(struct core *c, const char *key, struct str value, uint64_t rev, struct err *err)
{
    enum key_kind kind;
    struct name name;
    struct migration *m;
    uint64_t seq;
    int r = keys_read(key, &kind, &name, &seq, err);

    if (r < 0 || kind == KEYS_OTHER)
        return r;
    if (value.n > (kind == KEYS_PLAN ? RECORD_PLAN_MAX : RECORD_MAX))
        return err_set(err, ERR_CORRUPT, "key %s has %zu bytes", key, value.n);
    m = state_find_any(c, name.s);
    if (!m) {
        m = migration_new(&name);
        state_add(c, m);
    }
    if (kind == KEYS_PLAN)
        r = load_plan(m, value, rev, err);
    else if (kind == KEYS_ROLLOUT)
        r = load_rollout(m, value, rev, err);
    else if (kind == KEYS_EMERGENCY)
        r = load_order(m, value, rev, err);
    else
        r = load_history(m, value, seq, rev, err);
    return r < 0 ? err_ctx(err, "key %s", key) : 0;
}

static uint64_t max3(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t ab = a > b ? a : b;

    return ab > c ? ab : c;
}

/* The decision's own revision is not stored. That of its newest key is as good: nodes that serve an
 * older one get the same routes once more. */
static void begin_takeover(struct core *c, struct migration *m)
{
    m->takeover = (struct takeover){
        .rev = max3(m->plan_rev, m->rollout_rev, m->order_rev),
        .ordered = c->mono,
        .watched_since = c->mono,
    };
    m->is.rollout.decision_rev = m->takeover.rev;
}

static int check_rollout(const struct core *c, const struct migration *m, struct err *err)
{
    const struct move nothing = {.event = STAGE_REVIEW, .reason = ""};
    const char *why = "no reason given";
    struct stage_facts facts;

    if (m->is.rollout.stage > m->is.plan->stage_count)
        return err_set(err, ERR_CORRUPT,
                       "key " KEYS_ROOT "rollouts/%s: stage %u is not in the plan", m->name.s,
                       m->is.rollout.stage);
    facts_collect(c, m, &m->is, &nothing, &facts);
    if (!stage_machine.invariant((int)m->is.rollout.phase, &facts, &why))
        return err_set(err, ERR_CORRUPT, "key " KEYS_ROOT "rollouts/%s: %s, but %s", m->name.s,
                       phase_name(m->is.rollout.phase), why);
    return 0;
}

/* One migration as a whole: a plan and its rollout stand together, or only an order is left. */
static int finish_loading(struct core *c, struct migration *m, struct err *err)
{
    if (!m->is.plan != (m->rollout_rev == 0))
        return err_set(err, ERR_CORRUPT, "key " KEYS_ROOT "%s/%s is missing",
                       m->is.plan ? "rollouts" : "plans", m->name.s);
    if (!m->is.plan)
        return 0;
    if (c->migrations == CORE_MIGRATIONS_MAX)
        return err_set(err, ERR_EXHAUSTED, "more than %d migrations are stored",
                       CORE_MIGRATIONS_MAX);
    state_take_slot(c, m);
    begin_takeover(c, m);
    sm_init(&m->is.machine, &stage_machine, (int)m->is.rollout.phase);
    return check_rollout(c, m, err);
}

int core_loaded(struct core *c, const char *incarnation, uint64_t rev, struct err *err)
{
    struct migration *m, *next;

    str_fmt(c->incarnation, sizeof c->incarnation, "%s", incarnation);
    HASH_ITER (hh, c->by_name, m, next) {
        int r = finish_loading(c, m, err);

        if (r < 0)
            return r;
    }
    /* A deletion leaves no key behind, so the latest decision may be as new as the store. */
    c->revision = rev;
    if (c->migrations > 0)
        c->awake = mono_add(c->mono, c->config.startup_grace);
    return 0;
}
