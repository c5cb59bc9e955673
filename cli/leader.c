/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/leader.h"

#include "common/base/check.h"

/* 0: taken; >0: nobody leads. The one that answered needs no other address than the one it was
 * asked at. */
static int take_leader(const struct cli *c, const Switchyard__V1__Coordinators *all,
                       char ret[ENDPOINT_SIZE], struct err *err)
{
    for (size_t i = 0; i < all->n_coordinators; i++) {
        const Switchyard__V1__CoordinatorSummary *one = all->coordinators[i];

        if (!all->leader[0] || strcmp(one->name, all->leader) != 0)
            continue;
        if (str_copy(str_of(one->answering ? c->answered : one->address), ret, ENDPOINT_SIZE))
            return 0;
        return err_set(err, ERR_CORRUPT,
                       "the coordinator's answer has an address that is too long");
    }
    return 1;
}

static int ask(struct cli *c, char ret[ENDPOINT_SIZE], struct err *err)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    Switchyard__V1__CoordinatorsRequest request = SWITCHYARD__V1__COORDINATORS_REQUEST__INIT;
    int r = cli_call(c, "ListCoordinators", &request.base, dur_ms(0), &reply, err);

    return r < 0 ? r : take_leader(c, (const Switchyard__V1__Coordinators *)reply, ret, err);
}

int leader_find(struct cli *c, char ret[ENDPOINT_SIZE], struct err *err)
{
    mono_t until = mono_add(clock_system->mono(clock_system), c->timeout);
    int r;

    while ((r = ask(c, ret, err)) > 0) {
        if (!mono_before(clock_system->mono(clock_system), until))
            return err_set(err, ERR_UNAVAILABLE, "no coordinator leads at the moment");
        cli_pause(c, dur_ms(200));
    }
    if (r == 0)
        CHECK(str_copy(str_of(ret), c->answered, sizeof c->answered));
    return r;
}
