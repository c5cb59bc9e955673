/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/approvals.h"

unsigned approvals_count(const struct rollout *r, unsigned stage)
{
    unsigned count = 0;

    for (unsigned i = 0; i < r->approval_count; i++)
        count += r->approval[i].stage == stage;
    return count;
}

const char *approvals_text(const struct rollout *r, unsigned stage, char *dst)
{
    dst[0] = '\0';
    for (unsigned i = 0; i < r->approval_count; i++)
        if (r->approval[i].stage == stage)
            str_join(dst, TEXT_SIZE, ", ", "%s", r->approval[i].operator_name);
    return dst;
}

const struct approval *approvals_find(const struct rollout *r, unsigned stage,
                                      const char *operator_name)
{
    for (unsigned i = 0; i < r->approval_count; i++)
        if (r->approval[i].stage == stage &&
            strcmp(r->approval[i].operator_name, operator_name) == 0)
            return &r->approval[i];
    return NULL;
}

bool approvals_add(struct rollout *r, const struct approval *a)
{
    if (r->approval_count == APPROVALS_MAX)
        return false;
    r->approval[r->approval_count++] = *a;
    return true;
}

void approvals_drop(struct rollout *r, unsigned up_to)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < r->approval_count; i++)
        if (r->approval[i].stage > up_to)
            r->approval[kept++] = r->approval[i];
    memset(&r->approval[kept], 0, (r->approval_count - kept) * sizeof r->approval[0]);
    r->approval_count = kept;
}
