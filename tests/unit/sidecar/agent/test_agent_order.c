/* SPDX-License-Identifier: Apache-2.0 */
/* Orders that enter beside the coordinator: taken, served before the disk, told, never lifted by
 * anything but a higher epoch. */
#include "sidecar/agent/agent_state.h"
#include "tests/unit/sidecar/agent/agent_fixture.h"

static int setup(void **state)
{
    *state = fixture_agent();
    return 0;
}

static int teardown(void **state)
{
    agent_free(*state);
    return 0;
}

static void publish(struct agent *a)
{
    struct ruleset *set;

    assert_int_equal(agent_next(a), AGENT_PUBLISH);
    set = agent_publishable(a);
    agent_serving(a, set, (wall_t){77});
    ruleset_unref(set);
}

static void write_out(struct agent *a)
{
    assert_int_equal(agent_next(a), AGENT_WRITE);
    assert_non_null(agent_write_started(a));
    agent_written(a);
}

static void take(struct agent *a, struct fixture_update *f)
{
    struct err err = {0};

    assert_ok(agent_take(a, &f->u, &err), &err);
}

/* "app" at 50 % is served, and written. */
static void serve_half(struct agent *a)
{
    struct fixture_update f;

    fixture_full(&f, 5, 5000);
    take(a, &f);
    write_out(a);
    publish(a);
}

static struct emergency words(const char *migration, const char *reason)
{
    struct emergency e = {.ordered_at = {42}};

    (void)str_fmt(e.migration.s, sizeof e.migration.s, "%s", migration);
    (void)str_fmt(e.reason, sizeof e.reason, "%s", reason);
    (void)str_fmt(e.operator_name, sizeof e.operator_name, "bob");
    return e;
}

static int order(struct agent *a, const char *migration, const char *reason)
{
    struct emergency e = words(migration, reason);
    struct err err = {0};

    return agent_order(a, &e, &err);
}

static const struct emergency *standing(const struct agent *a, const char *migration)
{
    const struct emergency *e = epochs_find(agent_epochs(a), migration);

    assert_non_null(e);
    return e;
}

static void an_order_is_served_before_the_disk_has_it(void **state)
{
    struct agent *a = *state;

    serve_half(a);
    assert_int_equal(order(a, "", "INC-1"), 0);
    assert_int_equal(standing(a, "app")->epoch, 1);
    assert_true(standing(a, "app")->active);
    assert_string_equal(standing(a, "app")->operator_name, "bob");
    assert_false(agent_obeys(a, "app"));
    publish(a);
    assert_true(agent_obeys(a, "app"));
    assert_true(ruleset_find(agent_served(a), "app")->emergency.active);
    write_out(a);
    assert_int_equal(agent_next(a), AGENT_IDLE);
}

static void the_same_words_again_change_nothing(void **state)
{
    struct agent *a = *state;

    serve_half(a);
    assert_int_equal(order(a, "app", "INC-1"), 0);
    publish(a);
    write_out(a);
    assert_int_equal(order(a, "app", "INC-1"), AGENT_KNOWN);
    assert_int_equal(standing(a, "app")->epoch, 1);
    assert_int_equal(agent_next(a), AGENT_IDLE);
    assert_int_equal(order(a, "app", "INC-2"), 0);
    assert_int_equal(standing(a, "app")->epoch, 2);
}

static void the_epoch_is_above_the_highest_known(void **state)
{
    struct agent *a = *state;
    struct fixture_update f;

    fixture_full(&f, 5, 5000);
    fixture_order(&f, "app", 7, false);
    take(a, &f);
    write_out(a);
    publish(a);
    assert_int_equal(order(a, "app", "INC-1"), 0);
    assert_int_equal(standing(a, "app")->epoch, 8);
}

static void only_a_higher_epoch_lifts_it(void **state)
{
    struct agent *a = *state;
    struct fixture_update f;

    serve_half(a);
    assert_int_equal(order(a, "app", "INC-1"), 0);
    publish(a);
    write_out(a);

    fixture_full(&f, 6, 10000);
    fixture_order(&f, "app", 1, false); /* a lifting that knows nothing of this order */
    take(a, &f);
    write_out(a);
    publish(a);
    assert_true(ruleset_find(agent_served(a), "app")->emergency.active);

    fixture_full(&f, 7, 10000);
    fixture_order(&f, "app", 2, false);
    take(a, &f);
    write_out(a);
    publish(a);
    assert_false(ruleset_find(agent_served(a), "app")->emergency.active);
}

static void all_means_every_route_and_keeps_the_others_orders(void **state)
{
    struct agent *a = *state;
    struct fixture_update f;

    fixture_begin(&f, 5);
    fixture_add(&f, "app", 5000);
    fixture_add(&f, "baskets", 5000);
    fixture_order(&f, "gone", 3, true);
    f.u.checksum = fixture_sum(&f);
    take(a, &f);
    write_out(a);
    publish(a);
    assert_int_equal(order(a, "baskets", "INC-1"), 0);
    assert_int_equal(order(a, "", "INC-1"), 0); /* app is new, baskets stands */
    assert_int_equal(standing(a, "app")->epoch, 1);
    assert_int_equal(standing(a, "baskets")->epoch, 1);
    assert_int_equal(standing(a, "gone")->epoch, 3);
    publish(a);
    assert_true(agent_obeys(a, "app") && agent_obeys(a, "baskets"));
    assert_false(agent_obeys(a, "gone"));
}

static void what_cannot_be_ordered_is_refused(void **state)
{
    struct agent *a = *state;
    struct emergency e = words("apx", "INC-1");
    struct err err = {0};

    assert_int_equal(order(a, "", "INC-1"), -ERR_REFUSED);
    serve_half(a);
    assert_fails(agent_order(a, &e, &err), ERR_NOT_FOUND);
    assert_holds(err.hint, "app");
    assert_int_equal(agent_next(a), AGENT_IDLE);
}

static void an_order_overtakes_a_set_that_is_being_published(void **state)
{
    struct agent *a = *state;
    struct fixture_update f;
    struct ruleset *slow, *urgent;

    serve_half(a);
    fixture_full(&f, 6, 10000);
    take(a, &f);
    write_out(a);
    slow = agent_publishable(a);
    assert_int_equal(order(a, "app", "INC-1"), 0);
    assert_int_equal(agent_next(a), AGENT_PUBLISH);
    urgent = agent_publishable(a);
    assert_true(ruleset_find(urgent, "app")->emergency.active);
    agent_serving(a, urgent, (wall_t){78});
    assert_true(agent_obeys(a, "app"));
    ruleset_unref(slow);
    ruleset_unref(urgent);
}

/* Found by the simulator: orders may overtake one set twice while the loops take it over. */
static void a_set_that_two_others_overtook_is_not_gone_back_behind(void **state)
{
    struct agent *a = *state;
    struct fixture_update f;
    struct ruleset *out[3];

    serve_half(a);
    fixture_full(&f, 6, 10000);
    take(a, &f);
    write_out(a);
    out[0] = agent_publishable(a);
    assert_int_equal(order(a, "app", "INC-1"), 0);
    out[1] = agent_publishable(a);
    assert_int_equal(order(a, "app", "INC-2"), 0);
    out[2] = agent_publishable(a);

    agent_serving(a, out[0], (wall_t){78});
    assert_int_equal(agent_position_serving(a).revision, 6);
    agent_serving(a, out[2], (wall_t){79});
    assert_int_equal(agent_position_serving(a).revision, 6);
    assert_true(agent_obeys(a, "app"));
    for (unsigned i = 0; i < ARRAY_LEN(out); i++)
        ruleset_unref(out[i]);
}

static void the_coordinator_is_told_at_once_or_when_it_is_there(void **state)
{
    struct agent *a = *state;

    agent_connected(a, true);
    serve_half(a);
    assert_int_equal(agent_next(a), AGENT_ACK);
    agent_acked(a);
    agent_connected(a, false);
    assert_int_equal(order(a, "app", "INC-1"), 0);
    publish(a);
    write_out(a);
    assert_int_equal(agent_next(a), AGENT_IDLE);

    agent_connected(a, true);
    assert_int_equal(agent_next(a), AGENT_TELL);
    assert_string_equal(agent_untold(a)->reason, "INC-1");
    agent_told(a);
    assert_int_equal(agent_next(a), AGENT_IDLE);

    assert_int_equal(order(a, "app", "INC-2"), 0);
    publish(a);
    assert_int_equal(agent_next(a), AGENT_ACK);
    agent_acked(a);
    assert_int_equal(agent_next(a), AGENT_TELL);
    assert_int_equal(agent_untold(a)->epoch, 2);
}

static struct emergency pushed(const char *migration, uint64_t epoch)
{
    struct emergency e = words(migration, "fire");

    e.epoch = epoch;
    e.active = true;
    return e;
}

/* From a coordinator that cannot store it: as given here, but for the epoch, and told when it is
 * served. */
static void a_pushed_order_keeps_its_epoch_and_is_told_when_it_is_served(void **state)
{
    struct agent *a = *state;
    struct emergency e = pushed("app", 8);
    struct err err = {0};
    struct ruleset *set;

    serve_half(a);
    agent_connected(a, true);
    assert_ok(agent_pushed_order(a, &e, &err), &err);
    assert_int_equal(agent_next(a), AGENT_PUBLISH);
    set = agent_publishable(a);
    assert_int_equal(agent_next(a), AGENT_WRITE); /* not told: not served yet */
    agent_serving(a, set, (wall_t){77});
    ruleset_unref(set);
    assert_int_equal(agent_next(a), AGENT_ACK);
    agent_acked(a);
    assert_int_equal(agent_next(a), AGENT_TELL);
    assert_int_equal(agent_untold(a)->epoch, 8);
    agent_told(a);
    write_out(a);
    assert_int_equal(agent_next(a), AGENT_IDLE);

    /* Another coordinator pushes it, too, and wants to know. */
    assert_int_equal(agent_pushed_order(a, &e, &err), AGENT_KNOWN);
    assert_int_equal(agent_next(a), AGENT_TELL);
    agent_told(a);
    e.epoch = 7;
    assert_int_equal(agent_pushed_order(a, &e, &err), AGENT_KNOWN);
    assert_int_equal(standing(a, "app")->epoch, 8);
}

static void a_pushed_order_for_no_route_here_waits_for_the_route(void **state)
{
    struct agent *a = *state;
    struct emergency e = pushed("shop", 3);
    struct fixture_update f;
    struct err err = {0};

    serve_half(a);
    agent_connected(a, true);
    assert_ok(agent_pushed_order(a, &e, &err), &err);
    assert_int_equal(agent_next(a), AGENT_TELL); /* nothing of it goes to new */
    agent_told(a);
    write_out(a); /* also without a change of the set */
    assert_int_equal(agent_next(a), AGENT_IDLE);

    fixture_begin(&f, 6);
    fixture_add(&f, "app", 5000);
    fixture_add(&f, "shop", 5000);
    f.u.checksum = fixture_sum(&f);
    take(a, &f);
    publish(a);
    assert_true(agent_obeys(a, "shop"));
}

static void an_order_that_the_disk_refuses_is_told_as_such_until_it_takes_it(void **state)
{
    struct agent *a = *state;
    struct emergency e = pushed("app", 8);
    struct err err = {0};

    serve_half(a);
    agent_connected(a, true);
    assert_ok(agent_pushed_order(a, &e, &err), &err);
    publish(a);
    agent_acked(a);
    agent_told(a);
    assert_false(agent_orders_unwritten(a));
    assert_int_equal(agent_next(a), AGENT_WRITE);
    (void)agent_write_started(a);
    agent_write_failed(a, "the disk is full");
    assert_true(agent_orders_unwritten(a));
    assert_true(agent_obeys(a, "app"));
    assert_int_equal(agent_next(a), AGENT_TELL);
    agent_told(a);
    assert_int_equal(agent_next(a), AGENT_IDLE);

    agent_retry(a);
    assert_true(agent_orders_unwritten(a));
    assert_int_equal(agent_next(a), AGENT_WRITE);
    (void)agent_write_started(a);
    agent_write_failed(a, "the disk is full");
    assert_int_equal(agent_next(a), AGENT_IDLE); /* it was told */
    agent_retry(a);
    write_out(a);
    assert_false(agent_orders_unwritten(a));
    assert_int_equal(agent_next(a), AGENT_TELL);
}

static int decode(struct str rule, struct route *ret, struct err *err UNUSED)
{
    (void)rule;
    *ret = fixture_route("app", 5000);
    return 0;
}

static void an_order_survives_a_restart(void **state)
{
    struct agent *a = *state, *b = fixture_agent();
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(AGENT_STATE_MAX);
    static struct epochs epochs;
    struct ruleset *set = NULL;
    struct err err = {0};

    serve_half(a);
    assert_int_equal(order(a, "app", "INC-1"), 0);
    publish(a);
    assert_true(agent_state_encode(agent_write_started(a), agent_epochs(a), &text));
    agent_written(a);
    assert_ok(agent_state_decode(buf_view(&text), decode, &set, &epochs, &err), &err);
    agent_restore(b, set, &epochs);
    ruleset_unref(set);
    publish(b);
    assert_true(agent_obeys(b, "app"));
    assert_string_equal(standing(b, "app")->reason, "INC-1");
    agent_free(b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_order_is_served_before_the_disk_has_it),
        TEST(the_same_words_again_change_nothing),
        TEST(the_epoch_is_above_the_highest_known),
        TEST(only_a_higher_epoch_lifts_it),
        TEST(all_means_every_route_and_keeps_the_others_orders),
        TEST(what_cannot_be_ordered_is_refused),
        TEST(an_order_overtakes_a_set_that_is_being_published),
        TEST(a_set_that_two_others_overtook_is_not_gone_back_behind),
        TEST(the_coordinator_is_told_at_once_or_when_it_is_there),
        TEST(a_pushed_order_keeps_its_epoch_and_is_told_when_it_is_served),
        TEST(a_pushed_order_for_no_route_here_waits_for_the_route),
        TEST(an_order_that_the_disk_refuses_is_told_as_such_until_it_takes_it),
        TEST(an_order_survives_a_restart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
