/* SPDX-License-Identifier: Apache-2.0 */
/* `get coordinators`: who is there, and who leads. */
#include <inttypes.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/run.h"
#include "common/base/mem.h"

#define TABLE_MAX (1u << 20)

typedef Switchyard__V1__CoordinatorSummary *summary_ptr;

/* The leader first, then by name. */
static int compare(const void *a, const void *b)
{
    const summary_ptr x = *(const summary_ptr *)a, y = *(const summary_ptr *)b;
    bool x_leads = strcmp(x->role, "leader") == 0, y_leads = strcmp(y->role, "leader") == 0;

    return x_leads != y_leads ? y_leads - x_leads : strcmp(x->name, y->name);
}

static void add_coordinator(struct buf *b, const Switchyard__V1__CoordinatorSummary *c)
{
    buf_addf(b, "%s\t%s\t%s%s\t%s\t", c->name, c->address, c->role,
             c->answering   ? ", answers this"
             : c->reachable ? ""
                            : ", not reached",
             c->since[0] ? c->since : "-");
    if (c->reachable || c->answering)
        buf_addf(b, "%u", c->nodes);
    else
        buf_addf(b, "-");
    buf_addf(b, "\t%s\n", c->version);
}

/* A leader that is gone keeps its place until its lease has ended. */
static bool is_lost(const Switchyard__V1__CoordinatorSummary *leader)
{
    return !leader || (!leader->reachable && !leader->answering);
}

/* `first`: of the list, which the leader heads. */
static void tell_leader(const Switchyard__V1__Coordinators *all,
                        const Switchyard__V1__CoordinatorSummary *first)
{
    if (all->leader_unknown[0])
        cli_say("WHO LEADS IS NOT KNOWN here: %s\n", all->leader_unknown);
    else if (!all->leader[0])
        cli_say(
            "NO LEADER at the moment: nothing moves on and commands wait for one; nodes serve "
            "on, and emergency orders go through any coordinator\n");
    else if (is_lost(first))
        cli_say("%s leads, in term %" PRIu64
                ", and IS NOT REACHED: another one leads as soon as "
                "its lease has ended\n",
                all->leader, all->term);
    else
        cli_say("%s leads, in term %" PRIu64 "\n", all->leader, all->term);
}

static void tell(const Switchyard__V1__Coordinators *all)
{
    CLEANUP(xfreep) summary_ptr *sorted = xcalloc(all->n_coordinators + 1, sizeof *sorted);
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(TABLE_MAX);

    for (size_t i = 0; i < all->n_coordinators; i++)
        sorted[i] = all->coordinators[i];
    qsort(sorted, all->n_coordinators, sizeof *sorted, compare);
    buf_addf(&b, "NAME\tADDRESS\tROLE\tSINCE\tNODES\tVERSION\n");
    for (size_t i = 0; i < all->n_coordinators; i++)
        add_coordinator(&b, sorted[i]);
    cli_print_table(buf_text(&b));
    tell_leader(all, sorted[0]);
}

int run_get_coordinators(struct cli *cli, const struct args *a UNUSED, int *ret_status,
                         struct err *err)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    Switchyard__V1__CoordinatorsRequest request = SWITCHYARD__V1__COORDINATORS_REQUEST__INIT;
    const Switchyard__V1__Coordinators *all;
    int r = cli_call(cli, "ListCoordinators", &request.base, dur_ms(0), &reply, err);

    if (r < 0)
        return r;
    all = (const Switchyard__V1__Coordinators *)reply;
    *ret_status = all->leader[0] && !all->leader_unknown[0] ? 0 : 1;
    if (!cli_print_message(cli, reply, &r, err))
        tell(all);
    return r;
}
