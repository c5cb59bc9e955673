/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/why_tell.h"

#include <inttypes.h>

static void tell_where(struct buf *b, const Switchyard__V1__Explanation *x)
{
    if (x->node[0])
        buf_addf(b, " on node %s", x->node);
    buf_addf(b, " (stage \"%s\", weight %g %%, bucket %" PRIu32 " of 10000, revision %" PRIu64 ")",
             x->stage, x->weight, x->bucket, x->revision);
}

void why_sentence(struct buf *b, const char *key, const Switchyard__V1__Explanation *x)
{
    if (strcmp(x->system, "none") == 0)
        buf_addf(b, "%s is refused with 503", key);
    else
        buf_addf(b, "%s goes to %s", key, x->system);
    tell_where(b, x);
    buf_addf(b, "\n");
}

void why_table(struct buf *b, const Switchyard__V1__Explanation *x)
{
    buf_addf(b, "LAYER\t \tWHAT IT SAYS\n");
    for (size_t i = 0; i < x->n_steps; i++)
        buf_addf(b, "%s\t%s\t%s\n", x->steps[i]->layer, x->steps[i]->decides ? "*" : " ",
                 x->steps[i]->text);
}

void why_flags(struct buf *b, const Switchyard__V1__Explanation *x)
{
    for (size_t i = 0; i < x->n_flags; i++)
        buf_addf(b, "flag %s is %s\n", x->flags[i]->name, x->flags[i]->value);
}
