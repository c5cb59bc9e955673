/* SPDX-License-Identifier: Apache-2.0 */
/* What flags nodes are given, and who says so. */
#include "coordinator/service/convert_blocks.h"

static char *set_by(struct arena *a, const struct view_status *s, const struct flag *now)
{
    char words[NAME_SIZE + 8];

    if (flags_find(&s->rollout->flags_by_hand, now->name))
        return block_text(a, "hand");
    for (unsigned i = s->rollout->stage; i > 0; i--)
        if (flags_find(&s->plan->stage[i - 1].flags, now->name)) {
            str_fmt(words, sizeof(words), "stage %s", s->plan->stage[i - 1].name.s);
            return block_text(a, words);
        }
    return block_text(a, "default");
}

static Switchyard__V1__Flag *flag(struct arena *a, const struct view_status *s,
                                  const struct route *route, const struct flag *by_default)
{
    const struct flag *base = flags_find(&route->flags, by_default->name);
    const struct flag *ahead = flags_find(&route->ahead.flags, by_default->name);
    bool apart =
        route->ahead.selector_count > 0 && ahead && base && strcmp(ahead->value, base->value) != 0;
    Switchyard__V1__Flag *m = NEW(a, Flag, flag);

    if (!base)
        base = by_default;
    m->migration = block_text(a, s->plan->name.s);
    m->name = block_text(a, by_default->name);
    m->value = block_text(a, base->value);
    m->default_value = block_text(a, by_default->value);
    m->ahead = block_text(a, apart ? ahead->value : "");
    m->set_by = set_by(a, s, apart ? ahead : base);
    return m;
}

const ProtobufCMessage *convert_flags(struct arena *a, const struct core *c,
                                      const struct view_status *s, unsigned count)
{
    Switchyard__V1__Flags *m = NEW(a, Flags, flags);
    struct route route;
    size_t all = 0;

    for (unsigned i = 0; i < count; i++)
        all += s[i].plan->flags.count;
    m->flags = NEW_LIST(a, all, Flag);
    for (unsigned i = 0; i < count; i++) {
        if (!core_compile(c, s[i].plan->name.s, &route))
            continue;
        for (unsigned f = 0; f < s[i].plan->flags.count; f++)
            m->flags[m->n_flags++] = flag(a, &s[i], &route, &s[i].plan->flags.flag[f]);
    }
    return &m->base;
}
