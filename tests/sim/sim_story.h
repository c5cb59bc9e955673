/* SPDX-License-Identifier: Apache-2.0 */
/* Telling a story in virtual time by its trace. */
#pragma once

#include "tests/lib/unit.h"
#include "tests/sim/sim.h"

/* What happened since the last call is `want`, and no check failed. */
static inline void expect(struct sim *s, const char *want)
{
    const char *have = sim_trace_news(s);

    if (s->failure[0])
        fail_msg("%s\n%s", s->failure, buf_text(&s->trace));
    if (strcmp(have, want) != 0)
        fail_msg("expected\n%s\nand it was\n%s", want, have);
}
