/* SPDX-License-Identifier: Apache-2.0 */
/* Fleet updates from a hostile coordinator: a chain of them through decoder and agent, with a shell
 * that succeeds and fails as the input says. Input: updates, each behind its length (2 bytes,
 * little-endian) and one byte of choices. What must hold: epochs and served revisions never go
 * back, what is accepted obeys its orders, and the state file reads back as it was. */
#include <stdint.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "sidecar/agent/agent_state.h"
#include "sidecar/control/convert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define UPDATES_MAX 8
#define JOBS_MAX    32

enum {
    FAIL_WRITE = 1 << 0,
    LACK_NAME = 1 << 1,
    RECONNECT = 1 << 2,
    RETRY = 1 << 3,
    MEND_SUM = 1 << 4, /* set the checksum that a full update would have */
};

/* The checksum is out of a fuzzer's reach: give the update the one it should have. */
static void mend(struct agent_update *u)
{
    struct ruleset *set = ruleset_new("x", 1, 1);
    bool good = true;

    for (unsigned i = 0; i < u->upsert_count; i++)
        good = good && ruleset_add(set, &u->upsert[i].route, u->upsert[i].rule, NULL) == 0;
    if (good && ruleset_finish(set, NULL) == 0)
        u->checksum = set->checksum;
    ruleset_unref(set);
}

static void check_state(const struct ruleset *set, const struct epochs *epochs)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(AGENT_STATE_MAX);
    CLEANUP(ruleset_unrefp) struct ruleset *back = NULL;
    CLEANUP(xfreep) struct epochs *orders = xnew(struct epochs);
    struct err err = {0};

    CHECK(agent_state_encode(set, epochs, &text));
    CHECK(agent_state_decode(buf_view(&text), convert_route, &back, orders, &err) == 0);
    CHECK(sha256_eq(&back->checksum, &set->checksum) && orders->count == epochs->count);
}

static void publish(struct agent *a, bool lacking)
{
    CLEANUP(ruleset_unrefp) struct ruleset *before = NULL;
    CLEANUP(ruleset_unrefp) struct ruleset *set = agent_publishable(a);
    const struct ruleset *now;

    if (agent_served(a))
        before = ruleset_ref(agent_served(a));

    if (lacking)
        agent_lacking(a, set, "a name does not resolve");
    agent_serving(a, set, (wall_t){1});
    now = agent_served(a);
    if (before && strcmp(before->incarnation, now->incarnation) == 0)
        CHECK(now->revision >= before->revision);
}

static void work(struct agent *a, unsigned choices)
{
    for (unsigned i = 0; i < JOBS_MAX; i++) {
        switch (agent_next(a)) {
        case AGENT_IDLE:
            return;
        case AGENT_WRITE:
            check_state(agent_write_started(a), agent_epochs(a));
            if (choices & FAIL_WRITE)
                agent_write_failed(a, "failed");
            else
                agent_written(a);
            break;
        case AGENT_PUBLISH:
            publish(a, choices & LACK_NAME);
            break;
        case AGENT_ACK:
            agent_acked(a);
            break;
        case AGENT_NACK:
            agent_nacked(a);
            break;
        case AGENT_TELL:
            agent_told(a);
            break;
        }
    }
    check_die("the agent does not come to rest");
}

static void check_epochs(const struct epochs *before, const struct epochs *now)
{
    for (unsigned i = 0; i < before->count && now->count < EPOCHS_MAX; i++) {
        const struct emergency *o = epochs_find(now, before->item[i].migration.s);

        CHECK(o && o->epoch >= before->item[i].epoch);
    }
}

static void take(struct agent *a, const uint8_t *bytes, size_t n, unsigned choices)
{
    Switchyard__V1__Update *m = switchyard__v1__update__unpack(NULL, n, bytes);
    CLEANUP(xfreep) struct epochs *before = xnew(struct epochs);
    struct update_box box;
    struct err err = {0};
    int r;

    if (!m)
        return;
    *before = *agent_epochs(a);
    update_box_init(m, &box);
    if (choices & MEND_SUM)
        mend(&box.update);
    r = agent_take(a, &box.update, &err);
    CHECK(r >= 0 || err.msg[0]);
    update_box_deinit(&box);
    switchyard__v1__update__free_unpacked(m, NULL);
    check_epochs(before, agent_epochs(a));
    if (agent_accepted(a))
        CHECK(epochs_obeyed(agent_epochs(a), agent_accepted(a)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(agent_freep)
    struct agent *a = agent_new(&(struct name){"n1"}, &(struct labels){.count = 0});

    agent_connected(a, true);
    for (unsigned i = 0; i < UPDATES_MAX && size >= 3; i++) {
        size_t n = (size_t)data[0] | (size_t)data[1] << 8;
        unsigned choices = data[2];

        data += 3;
        size -= 3;
        if (n > size)
            n = size;
        take(a, data, n, choices);
        if (choices & RECONNECT) {
            agent_connected(a, false);
            agent_connected(a, true);
        }
        if (choices & RETRY)
            agent_retry(a);
        work(a, choices);
        data += n;
        size -= n;
    }
    return 0;
}
