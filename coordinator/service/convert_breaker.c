/* SPDX-License-Identifier: Apache-2.0 */
/* The breakers of one migration: the fleet's, the settings, and each node's. */
#include <stdlib.h>

#include "common/base/units.h"
#include "coordinator/service/convert_blocks.h"

Switchyard__V1__FleetBreaker *block_fleet_breaker(struct arena *a, const struct view_breaker *v)
{
    Switchyard__V1__FleetBreaker *m = NEW(a, FleetBreaker, fleet_breaker);

    m->state = block_text(a, fleet_breaker_state_name(v->fleet->state));
    m->why = block_text(a, v->fleet->why);
    m->operator_ = block_text(a, v->fleet->operator_name);
    m->since = block_time(a, v->fleet->since);
    m->until = block_time(a, v->fleet->deadline);
    m->order = block_text(a, breaker_order_name(v->fleet->order));
    m->order_number = v->fleet->order_number;
    m->armed = v->armed;
    return m;
}

static Switchyard__V1__BreakerKnob *knob(struct arena *a, const struct view_breaker *v,
                                         enum breaker_knob k)
{
    Switchyard__V1__BreakerKnob *m = NEW(a, BreakerKnob, breaker_knob);
    char text[BREAKER_KNOB_TEXT];

    m->name = block_text(a, breaker_knob_name(k));
    m->value = block_text(a, breaker_knob_text(&v->in_force, k, text));
    m->plan = block_text(a, breaker_knob_text(&v->plan, k, text));
    m->by_hand = v->by_hand & (1u << k);
    return m;
}

/* "": never, or it is not known. */
static char *tries_at(struct arena *a, const struct view_breaker *v,
                      const struct view_node_breaker *n)
{
    bool waits = n->state == BREAKER_OPEN && !n->seen->held && wall_is_set(n->seen->since);

    return block_time(
        a, waits ? wall_add(n->seen->since, dur_ms(v->in_force.open_for_ms)) : (wall_t){0});
}

Switchyard__V1__NodeBreaker *block_node_breaker(struct arena *a, const struct view_breaker *v,
                                                const struct view_node_breaker *n)
{
    Switchyard__V1__NodeBreaker *m = NEW(a, NodeBreaker, node_breaker);

    m->node = block_text(a, n->node->s);
    m->state = block_text(a, breaker_state_name(n->state));
    m->errors = n->seen->errors;
    m->requests = n->seen->requests;
    m->slow = n->seen->slow;
    m->since = block_time(a, n->seen->since);
    m->cause = block_text(a, breaker_cause_name(n->seen->cause));
    m->share = weight_percent(n->seen->share_bp);
    m->obeyed = n->seen->order_number >= v->fleet->order_number;
    m->opened = n->seen->opened;
    m->held = n->seen->held;
    m->until = tries_at(a, v, n);
    return m;
}

static int by_name(const void *a, const void *b)
{
    const struct view_node_breaker *x = a, *y = b;

    return strcmp(x->node->s, y->node->s);
}

const ProtobufCMessage *convert_breaker(struct arena *a, const char *migration,
                                        const struct view_breaker *v, struct view_node_breaker *n,
                                        unsigned count)
{
    Switchyard__V1__BreakerDetails *m = NEW(a, BreakerDetails, breaker_details);

    m->migration = block_text(a, migration);
    m->fleet = block_fleet_breaker(a, v);
    m->settings = NEW_LIST(a, BREAKER_KNOB_COUNT, BreakerKnob);
    for (unsigned i = 0; i < BREAKER_KNOB_COUNT; i++)
        m->settings[m->n_settings++] = knob(a, v, (enum breaker_knob)i);
    qsort(n, count, sizeof *n, by_name);
    m->nodes = NEW_LIST(a, count, NodeBreaker);
    for (unsigned i = 0; i < count; i++)
        m->nodes[m->n_nodes++] = block_node_breaker(a, v, &n[i]);
    return &m->base;
}
