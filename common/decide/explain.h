/* SPDX-License-Identifier: Apache-2.0 */
/* Why a key goes where it goes on one node, layer by layer in sentences. Says nothing of its own:
 * the decision is decide()'s, which layers speak is decide_layers()', and what is this node's is
 * route_for_node()'s. Pure. */
#pragma once

#include "common/decide/decide.h"

enum explain_layer {
    EXPLAIN_EMERGENCY,
    EXPLAIN_ENFORCE,
    EXPLAIN_OVERRIDE,
    EXPLAIN_BREAKER,
    EXPLAIN_DRILL,
    EXPLAIN_WAVE,
    EXPLAIN_WEIGHT,
    EXPLAIN_MIRROR, /* decides nothing: what comes after the answer */
    EXPLAIN_LAYER_COUNT
};

const char *explain_layer_name(enum explain_layer l); /* "emergency", "enforce", ... */

/* Everything is borrowed for the call. */
struct explain_question {
    const struct route *route; /* as it was sent to all nodes */
    const struct emergency *emergency;
    const struct name *node; /* "": of one in no wave, unless by its labels */
    const struct labels *labels;
    struct str key;
    enum breaker_state breaker;
    bool breaker_unknown; /* `breaker` is a guess: it is told as one */
};

struct explain_step {
    enum explain_layer layer;
    bool decides;     /* one of them does */
    enum system says; /* SYSTEM_NONE: nothing, or, if it decides, that the request is refused */
    char text[TEXT_SIZE];
};

struct explanation {
    struct decision decision;
    struct route route;                            /* the node's own */
    struct explain_step step[EXPLAIN_LAYER_COUNT]; /* strongest first; one for each layer */
};

/* Fills in `ret` for the question; every question has an answer. */
void explain(const struct explain_question *q, struct explanation *ret);
