/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of a move share: moves.c finds the row, has its effects carried out and records,
 * moves_stage.c has the effects at a stage, moves_down.c those downwards, and moves_why.c the
 * words. Private to these. Pure. */
#pragma once

#include "coordinator/core/moves.h"

/* One move while it is carried out. */
struct moving {
    struct core *c;
    struct staged *s;
    const struct move *move;
    enum rollout_phase from;
};

/* An effect of a row, on the staged copy. */
#define MOVES_FX(name) void moves_fx_##name(const struct moving *v)

/* ---- moves_stage.c --------------------------------------------------------------------------- */

/* Stand at `stage` with the plan's weight, for everybody: no wave, bake or deadline is left of the
 * stage before, and no share by hand. */
void moves_take_stage(struct durable *d, unsigned stage);
/* Has `stage` baked before, so that it need not again at `now`? */
bool moves_is_proven(const struct rollout *r, unsigned stage, wall_t now);

MOVES_FX(prove);
MOVES_FX(prepare);
MOVES_FX(bar);
MOVES_FX(enter);
MOVES_FX(skip);
MOVES_FX(wave);
MOVES_FX(weigh);
MOVES_FX(override);
MOVES_FX(bake);
MOVES_FX(again);
MOVES_FX(hold);
MOVES_FX(release);
MOVES_FX(standby);

/* ---- moves_down.c ---------------------------------------------------------------------------- */

MOVES_FX(fall);
MOVES_FX(end);
MOVES_FX(retreat);
MOVES_FX(step);
MOVES_FX(measure);
MOVES_FX(retry);

/* ---- moves_why.c ----------------------------------------------------------------------------- */

/* What the sentence of the row cannot know, of a move to `to`, into TEXT_SIZE bytes; maybe "". */
void moves_detail(const struct moving *v, enum rollout_phase to, char *dst);
