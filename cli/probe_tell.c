/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/probe_tell.h"

#include <inttypes.h>

bool probe_is_good(const Switchyard__V1__ProbeResult *r)
{
    for (size_t i = 0; i < r->n_answers; i++)
        if (!r->answers[i]->ok)
            return false;
    return r->n_answers > 0;
}

static const char *system_of(const Switchyard__V1__ProbeAnswer *a)
{
    return a->system == SWITCHYARD__V1__SYSTEM__SYSTEM_NEW ? "new" : "legacy";
}

void probe_table(struct buf *b, const Switchyard__V1__ProbeResult *r)
{
    buf_addf(b, "SYSTEM\tENDPOINT\tSTATUS\tTIME\tBODY\n");
    for (size_t i = 0; i < r->n_answers; i++) {
        const Switchyard__V1__ProbeAnswer *a = r->answers[i];

        buf_addf(b, "%s\t%s\t", system_of(a), a->endpoint[0] ? a->endpoint : "-");
        if (a->status == 0)
            buf_addf(b, "-\t%.1f ms\t%s\n", a->took_ms, a->error);
        else
            buf_addf(b, "%" PRIu32 "\t%.1f ms\t%" PRIu64 " bytes\n", a->status, a->took_ms,
                     a->body_bytes);
    }
}

/* NULL: in nothing that is known. */
static const char *find_difference(const Switchyard__V1__ProbeAnswer *a,
                                   const Switchyard__V1__ProbeAnswer *b)
{
    if (a->status != b->status)
        return "the statuses differ";
    if (a->body_bytes != b->body_bytes)
        return "the bodies are of different length";
    if (a->body.len != b->body.len ||
        (a->body.len > 0 && memcmp(a->body.data, b->body.data, a->body.len) != 0))
        return "the bodies differ";
    return NULL;
}

static bool has_both(const Switchyard__V1__ProbeResult *r)
{
    return r->n_answers == 2 && r->answers[0]->status > 0 && r->answers[1]->status > 0;
}

bool probe_is_equal(const Switchyard__V1__ProbeResult *r)
{
    return has_both(r) && !find_difference(r->answers[0], r->answers[1]);
}

void probe_compare(struct buf *b, const Switchyard__V1__ProbeResult *r)
{
    const char *difference;

    if (!has_both(r))
        return;
    difference = find_difference(r->answers[0], r->answers[1]);
    if (difference)
        buf_addf(b, "not equal: %s\n", difference);
    else if (r->answers[0]->body_bytes > r->answers[0]->body.len)
        buf_addf(b, "equal, as far as the first %zu bytes tell\n", r->answers[0]->body.len);
    else
        buf_addf(b, "equal\n");
}
