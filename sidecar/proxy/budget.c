/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/budget.h"

#include <string.h>

static void slide(struct budget *b, mono_t now)
{
    int64_t steps = mono_sub(now, b->start).ns / dur_s(1).ns;

    if (steps <= 0)
        return;
    if (steps >= BUDGET_SLICES) {
        *b = (struct budget){.start = now};
        return;
    }
    memmove(b->slice + steps, b->slice, (size_t)(BUDGET_SLICES - steps) * sizeof b->slice[0]);
    memset(b->slice, 0, (size_t)steps * sizeof b->slice[0]);
    b->start = mono_add(b->start, dur_s(steps));
}

void budget_count(struct budget *b, mono_t now)
{
    slide(b, now);
    b->slice[0].requests++;
}

bool budget_allows(struct budget *b, uint32_t share_bp, mono_t now)
{
    uint64_t requests = 0, tries = 0;

    slide(b, now);
    for (unsigned i = 0; i < BUDGET_SLICES; i++) {
        requests += b->slice[i].requests;
        tries += b->slice[i].tries;
    }
    return tries < BUDGET_FREE || (tries + 1) * 10000 <= share_bp * requests;
}

void budget_spend(struct budget *b, mono_t now)
{
    slide(b, now);
    b->slice[0].tries++;
}
