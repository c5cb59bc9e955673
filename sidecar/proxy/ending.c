/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/ending.h"

static const struct {
    const char *name;
    bool failure;
} endings[] = {
#define X(id, name, failure) {name, failure},
    ENDINGS(X)
#undef X
};

const char *ending_name(enum ending e)
{
    return endings[e].name;
}

bool ending_is_failure(enum ending e)
{
    return endings[e].failure;
}
