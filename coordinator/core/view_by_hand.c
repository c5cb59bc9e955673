/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/compile.h"
#include "coordinator/core/core_view.h"
#include "coordinator/core/state.h"
#include "coordinator/core/words.h"

/* ---- each setting: false when it is the plan's ----------------------------------------------- */

static bool look_weight(const struct durable *d, struct view_by_hand *ret)
{
    const struct rollout *r = &d->rollout;
    const uint32_t planned = plan_stage_weight_bp(d->plan, r->stage);

    words_weight(r->weight_bp, ret->value);
    words_weight(planned, ret->plan);
    str_fmt(ret->end, sizeof ret->end, "switchyard set weight %s %g", r->migration.s,
            planned / 100.0);
    return r->weight_by_hand;
}

static bool look_override(const struct durable *d, struct view_by_hand *ret)
{
    const struct rollout *r = &d->rollout;

    str_fmt(ret->value, sizeof ret->value, "%s", system_name(r->override));
    str_fmt(ret->plan, sizeof ret->plan, "%s", system_name(SYSTEM_NONE));
    str_fmt(ret->end, sizeof ret->end, "switchyard set override %s none", r->migration.s);
    return r->override != SYSTEM_NONE;
}

static bool look_mirror(const struct durable *d, struct view_by_hand *ret)
{
    const struct rollout *r = &d->rollout;

    words_weight(r->mirror_bp, ret->value);
    words_weight(plan_stage_mirror_bp(d->plan, r->stage), ret->plan);
    str_fmt(ret->end, sizeof ret->end, "switchyard set mirror %s --default", r->migration.s);
    return r->mirror_by_hand;
}

/* "errors=5 window=300s"; cut where there is no room. */
static void add_pair(char text[TEXT_SIZE], const char *name, const char *value)
{
    const size_t used = strlen(text);

    str_fmt(text + used, TEXT_SIZE - used, "%s%s=%s", used ? " " : "", name, value);
}

static bool look_breaker(const struct durable *d, struct view_by_hand *ret)
{
    const uint32_t set = d->rollout.breaker_by_hand.set;
    char text[BREAKER_KNOB_TEXT];
    struct route_breaker now;

    compile_breaker(d, &now);
    for (unsigned i = 0; i < BREAKER_KNOB_COUNT; i++) {
        const enum breaker_knob k = (enum breaker_knob)i;

        if (!(set & (1u << i)))
            continue;
        add_pair(ret->value, breaker_knob_name(k), breaker_knob_text(&now, k, text));
        add_pair(ret->plan, breaker_knob_name(k),
                 breaker_knob_text(&d->plan->route.breaker, k, text));
    }
    str_fmt(ret->end, sizeof ret->end, "switchyard breaker tune %s --default",
            d->rollout.migration.s);
    return set != 0;
}

static bool look_flags(const struct durable *d, struct view_by_hand *ret)
{
    const struct flags *by_hand = &d->rollout.flags_by_hand;
    struct flags planned;

    plan_flags(d->plan, d->rollout.stage, &planned);
    for (unsigned i = 0; i < by_hand->count; i++) {
        const struct flag *f = &by_hand->flag[i], *was = flags_find(&planned, f->name);

        add_pair(ret->value, f->name, f->value);
        if (was)
            add_pair(ret->plan, was->name, was->value);
    }
    str_fmt(ret->end, sizeof ret->end, "switchyard set flag %s --all --default",
            d->rollout.migration.s);
    return by_hand->count > 0;
}

static const struct {
    const char *setting;
    enum core_command_kind kind;
    bool (*look)(const struct durable *d, struct view_by_hand *ret);
} settings[VIEW_BY_HAND_MAX] = {
    {"weight", CMD_SET_WEIGHT, look_weight}, {"override", CMD_SET_OVERRIDE, look_override},
    {"mirror", CMD_SET_MIRROR, look_mirror}, {"breaker", CMD_BREAKER_TUNE, look_breaker},
    {"flags", CMD_SET_FLAG, look_flags},
};

/* ---- all of them ----------------------------------------------------------------------------- */

static const struct history_entry *newest(const struct history *h, const char *event)
{
    for (unsigned i = h->count; i-- > 0;)
        if (strcmp(h->item[i]->entry.event, event) == 0)
            return &h->item[i]->entry;
    return NULL;
}

unsigned view_by_hand(const struct core *c, const char *migration,
                      struct view_by_hand ret[VIEW_BY_HAND_MAX])
{
    const struct migration *m = state_find(c, migration);
    unsigned count = 0;

    for (unsigned i = 0; m && i < ARRAY_LEN(settings); i++) {
        struct view_by_hand *v = &ret[count];

        *v = (struct view_by_hand){.setting = settings[i].setting};
        if (!settings[i].look(&m->is, v))
            continue;
        v->order = newest(&m->history, core_command_name(settings[i].kind));
        count++;
    }
    return count;
}
