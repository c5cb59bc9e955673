/* SPDX-License-Identifier: Apache-2.0 */
/* How much work that leads nowhere a peer may ask for. Two buckets that fill with time: one for
 * streams that it opens and resets (rapid reset, CVE-2023-44487), one for frames that carry no
 * message: SETTINGS, PING, PRIORITY, WINDOW_UPDATE, empty DATA. DATA that we send pays for the
 * WINDOW_UPDATEs that answer it, however late. Frames of unknown types cost no more than reading
 * them. Pure. */
#pragma once

#include "common/base/clock.h"

enum h2_burden { H2_BURDEN_RESET, H2_BURDEN_NOISE, H2_BURDEN_COUNT };

struct h2_guard {
    mono_t at;
    double left[H2_BURDEN_COUNT];
};

void h2_guard_init(struct h2_guard *g, mono_t now);
/* False: that was one too many, the connection is to end. */
bool h2_guard_charge(struct h2_guard *g, enum h2_burden burden, mono_t now) MUST_CHECK;
/* A DATA frame of ours went out, with so much payload. */
void h2_guard_credit(struct h2_guard *g, size_t payload);
