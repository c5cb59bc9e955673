/* SPDX-License-Identifier: Apache-2.0 */
/* Explain, asked of a coordinator or of a node itself: the request checked, and the answer as a
 * message. */
#pragma once

#include "common/decide/explain.h"
#include "operator.pb-c.h"

#define EXPLAIN_KEY_MAX 1024 /* bytes */

struct explain_request {
    struct name migration;
    struct str key; /* borrowed from the message */
    struct name node;
    struct labels labels;
};

/* INVALID names the field. `node` is "" when none is given. */
int explain_request_read(const Switchyard__V1__ExplainRequest *m, struct explain_request *ret,
                         struct err *err) MUST_CHECK;

/* An answer with everything it points to, but for the node's name. */
struct explain_answer {
    Switchyard__V1__Explanation m;
    Switchyard__V1__ExplainStep step[EXPLAIN_LAYER_COUNT], *step_at[EXPLAIN_LAYER_COUNT];
    Switchyard__V1__Flag flag[FLAGS_MAX], *flag_at[FLAGS_MAX];
};

/* The texts are borrowed from `x` and `node`. */
void explain_answer_init(struct explain_answer *a, const struct explanation *x, const char *node,
                         uint64_t revision);
