/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/h2/h2_guard.h"

/* A client that cancels a lot stays below; one that attacks is past them in a moment. */
static const struct {
    double burst;
    double per_s;
} allowance[H2_BURDEN_COUNT] = {
    [H2_BURDEN_RESET] = {.burst = 500, .per_s = 100},
    [H2_BURDEN_NOISE] = {.burst = 1000, .per_s = 200},
};

/* A receiver answers a DATA frame with two WINDOW_UPDATEs, for the stream and the connection, and
 * maybe a PING; some (Go's) with two for each piece that their user reads of it. */
#define CREDIT 3
#define PIECE  1024

void h2_guard_init(struct h2_guard *g, mono_t now)
{
    g->at = now;
    for (unsigned i = 0; i < H2_BURDEN_COUNT; i++)
        g->left[i] = allowance[i].burst;
}

/* What DATA has earned is more than the burst, and stays: its receiver may read it much later. */
static void refill(struct h2_guard *g, mono_t now)
{
    const double seconds = (double)mono_sub(now, g->at).ns / 1e9;

    g->at = now;
    for (unsigned i = 0; i < H2_BURDEN_COUNT; i++) {
        double filled = g->left[i] + seconds * allowance[i].per_s;

        if (filled > allowance[i].burst)
            filled = allowance[i].burst;
        if (filled > g->left[i])
            g->left[i] = filled;
    }
}

bool h2_guard_charge(struct h2_guard *g, enum h2_burden burden, mono_t now)
{
    refill(g, now);
    g->left[burden] -= 1;
    return g->left[burden] >= 0;
}

void h2_guard_credit(struct h2_guard *g, size_t payload)
{
    g->left[H2_BURDEN_NOISE] += CREDIT + 2 * (double)(payload / PIECE);
}
