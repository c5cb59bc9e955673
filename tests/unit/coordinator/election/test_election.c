/* SPDX-License-Identifier: Apache-2.0 */
/* One coordinator's election as it goes: what follows from what happens, and when it may act. */
#include "coordinator/election/election.h"

#include "common/base/rng.h"
#include "tests/lib/unit.h"

static mono_t at(int64_t ms)
{
    return (mono_t){dur_ms(ms).ns};
}

static uint32_t tell(struct election *e, enum election_event ev, int64_t ms)
{
    return election_event(e, ev, at(ms), (wall_t){1 + dur_ms(ms).ns});
}

/* With a TTL of 5 s, registered at 0 by a lease that was asked for at 0; nobody leads. */
static struct election candidate(void)
{
    struct election e;

    election_init(&e, (dur_t){0});
    assert_int_equal(tell(&e, ELECTION_EV_PAUSED, 0), ELECTION_FX_GRANT);
    election_renewed(&e, at(0));
    assert_int_equal(tell(&e, ELECTION_EV_GRANTED, 0), ELECTION_FX_REGISTER);
    assert_int_equal(tell(&e, ELECTION_EV_VACANT, 0), 0);
    assert_int_equal(tell(&e, ELECTION_EV_REGISTERED, 0), ELECTION_FX_CAMPAIGN);
    return e;
}

static struct election leader(void)
{
    struct election e = candidate();

    assert_int_equal(tell(&e, ELECTION_EV_OURS, 0), ELECTION_FX_LEAD);
    return e;
}

static void a_leader_acts_until_three_fifths_of_its_lease(void **state UNUSED)
{
    struct election e = leader();

    assert_true(election_leads(&e, at(2999)));
    assert_false(election_leads(&e, at(3000)));
    election_renewed(&e, at(1250));
    assert_true(election_leads(&e, at(4249)));
    assert_false(election_leads(&e, at(4250)));
    election_renewed(&e, at(1000)); /* an answer that came late takes nothing away */
    assert_true(election_leads(&e, at(4249)));
}

/* Whatever it hears of first. */
static void a_late_leader_steps_down_before_anything_else(void **state UNUSED)
{
    static const enum election_event events[] = {ELECTION_EV_LATE, ELECTION_EV_KEEP_DUE,
                                                 ELECTION_EV_FAILED, ELECTION_EV_LEAVE};

    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        struct election e = leader();

        assert_true(tell(&e, events[i], 3000) & ELECTION_FX_STEP_DOWN);
        assert_false(election_leads(&e, at(3000)));
    }
}

static void a_lateness_that_was_made_good_is_none(void **state UNUSED)
{
    struct election e = leader();

    election_renewed(&e, at(1250));
    assert_int_equal(tell(&e, ELECTION_EV_LATE, 3000), 0);
    assert_true(election_leads(&e, at(3000)));
}

static void it_leads_again_once_key_and_lease_are_known_to_be_its_own(void **state UNUSED)
{
    struct election e = leader();

    assert_int_equal(tell(&e, ELECTION_EV_LATE, 3000), ELECTION_FX_STEP_DOWN | ELECTION_FX_READ);
    assert_int_equal(tell(&e, ELECTION_EV_OURS, 3100), ELECTION_FX_PAUSE);
    assert_false(election_leads(&e, at(3100)));
    election_renewed(&e, at(3150));
    assert_int_equal(tell(&e, ELECTION_EV_PAUSED, 3200), ELECTION_FX_READ);
    assert_int_equal(tell(&e, ELECTION_EV_OURS, 3210), ELECTION_FX_LEAD);
    assert_true(election_leads(&e, at(3210)));
}

static void who_was_elected_unknowingly_reads_before_it_leads(void **state UNUSED)
{
    struct election e = candidate();

    assert_int_equal(tell(&e, ELECTION_EV_UNKNOWN, 10), ELECTION_FX_READ);
    assert_int_equal(tell(&e, ELECTION_EV_OURS, 20), ELECTION_FX_LEAD);
}

static void a_follower_campaigns_when_the_leader_is_gone(void **state UNUSED)
{
    struct election e = candidate();

    assert_int_equal(tell(&e, ELECTION_EV_OTHER, 0), 0);
    assert_int_equal(tell(&e, ELECTION_EV_PAUSED, 10), 0);
    assert_int_equal(tell(&e, ELECTION_EV_VACANT, 5000), ELECTION_FX_JITTER);
    assert_int_equal(tell(&e, ELECTION_EV_PAUSED, 5050), ELECTION_FX_CAMPAIGN);
    assert_int_equal(tell(&e, ELECTION_EV_OTHER, 5060), 0);
    assert_int_equal(election_state(&e), ELECTION_FOLLOWING);
}

static void a_leader_whose_lease_ended_begins_anew(void **state UNUSED)
{
    struct election e = leader();

    assert_int_equal(tell(&e, ELECTION_EV_ENDED, 100),
                     ELECTION_FX_STEP_DOWN | ELECTION_FX_DROP | ELECTION_FX_PAUSE);
    assert_int_equal(tell(&e, ELECTION_EV_PAUSED, 150), ELECTION_FX_GRANT);
    assert_int_equal(tell(&e, ELECTION_EV_OURS, 160), 0);
    assert_false(election_leads(&e, at(160)));
}

static void who_leaves_does_not_come_back(void **state UNUSED)
{
    struct election e = leader();

    assert_int_equal(tell(&e, ELECTION_EV_LEAVE, 1), ELECTION_FX_STEP_DOWN | ELECTION_FX_REVOKE);
    for (int ev = 0; ev < ELECTION_EVENT_COUNT; ev++)
        if (ev != ELECTION_EV_RELEASED)
            assert_int_equal(tell(&e, (enum election_event)ev, 2), 0);
    assert_int_equal(tell(&e, ELECTION_EV_RELEASED, 3), 0);
    assert_int_equal(election_state(&e), ELECTION_GONE);
}

/* Whatever comes in whatever order, it acts between LEAD and STEP_DOWN only, and never late. */
static void a_random_walk_acts_in_time_only(void **state UNUSED)
{
    struct rng rng;
    struct election e;
    bool acts = false;
    int64_t ms = 0;

    rng_seed(&rng, 20261121);
    election_init(&e, dur_s(2));
    for (unsigned i = 0; i < 200000; i++) {
        enum election_event ev = (enum election_event)rng_below(&rng, ELECTION_EVENT_COUNT);
        uint32_t fx;

        ms += (int64_t)rng_below(&rng, 300);
        if (rng_below(&rng, 3) == 0)
            election_renewed(&e, at(ms - (int64_t)rng_below(&rng, 500)));
        if (ev == ELECTION_EV_LEAVE || ev == ELECTION_EV_ENDED)
            ev = rng_below(&rng, 20) ? ELECTION_EV_OURS : ELECTION_EV_ENDED;
        fx = tell(&e, ev, ms);
        assert_true(!(fx & ELECTION_FX_STEP_DOWN) || acts);
        acts = (acts && !(fx & ELECTION_FX_STEP_DOWN)) || (fx & ELECTION_FX_LEAD);
        assert_int_equal(acts, election_leads(&e, at(ms)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_leader_acts_until_three_fifths_of_its_lease),
        cmocka_unit_test(a_late_leader_steps_down_before_anything_else),
        cmocka_unit_test(a_lateness_that_was_made_good_is_none),
        cmocka_unit_test(it_leads_again_once_key_and_lease_are_known_to_be_its_own),
        cmocka_unit_test(who_was_elected_unknowingly_reads_before_it_leads),
        cmocka_unit_test(a_follower_campaigns_when_the_leader_is_gone),
        cmocka_unit_test(a_leader_whose_lease_ended_begins_anew),
        cmocka_unit_test(who_leaves_does_not_come_back),
        cmocka_unit_test(a_random_walk_acts_in_time_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
