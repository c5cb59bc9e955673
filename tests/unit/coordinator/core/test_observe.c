/* SPDX-License-Identifier: Apache-2.0 */
/* What others write becomes the state of every replica: at the same revisions, all of it or
 * nothing, with everything measured kept. That a follower which sees each transaction knows the
 * same as the leader is checked by the rig in every other test. */
#include "tests/unit/coordinator/core/plans.h"
#include "tests/unit/coordinator/core/rig.h"

#define ROOT "/switchyard/v1/"

#define CMD(command_kind, ...) ((struct core_command){.kind = CMD_##command_kind, ##__VA_ARGS__})

static int observe(struct rig *r, const struct core_kv *kv, unsigned count, bool whole,
                   struct err *err)
{
    return core_observe(r->core, kv, count, whole, r->rev, &r->u, err);
}

static unsigned published(const struct rig *r)
{
    unsigned n = 0;

    for (struct core_publish *p = r->u.publish; p; p = p->next)
        n++;
    return n;
}

/* Everything that the rig's store holds. */
static unsigned stored(const struct rig *r, struct core_kv *ret)
{
    unsigned n = 0;

    for (int i = 0; i < RIG_KEYS; i++)
        if (r->kv[i].key)
            ret[n++] = (struct core_kv){r->kv[i].key, {r->kv[i].value, r->kv[i].len}, r->kv[i].rev};
    return n;
}

static struct core_kv kv_of(const struct rig *r, const char *key)
{
    for (int i = 0; i < RIG_KEYS; i++)
        if (r->kv[i].key && strcmp(r->kv[i].key, key) == 0)
            return (struct core_kv){r->kv[i].key, {r->kv[i].value, r->kv[i].len}, r->kv[i].rev};
    fail_msg("%s is not stored", key);
    return (struct core_kv){.key = ""};
}

/* Another coordinator has written `key`. */
static struct core_kv write_kv(struct rig *r, const char *key, const char *value)
{
    rig_put(r, key, str_of(value), ++r->rev);
    return kv_of(r, key);
}

static struct core_kv deletion(const char *key, uint64_t rev)
{
    return (struct core_kv){.key = key, .rev = rev};
}

/* `orders` in its canary, and nobody follows: the tests show what others write themselves. */
static struct rig *baking(void)
{
    struct rig *r = rig_new();

    r->follower = core_free(r->follower);
    rig_apply_text(r, PLAN_ORDERS);
    rig_all_serve(r, 2);
    rig_does(r, CMD(START));
    rig_all_serve(r, 2);
    rig_wait(r, 1);
    rig_all_serve(r, 2);
    rig_expect(r, 2, PHASE_BAKING);
    return r;
}

/* ---- what is known already ------------------------------------------------------------------- */

static void test_what_we_wrote_ourselves_is_no_news(void **state UNUSED)
{
    static struct core_kv kv[RIG_KEYS];
    CLEANUP(rig_freep) struct rig *r = baking();
    uint64_t rev = core_decision_rev(r->core, "orders");
    struct err err;

    rig_report(r, "n1", "orders", rig_stats(1, 0, 5), rig_stats(1, 0, 5));
    rig_report(r, "n1", "orders", rig_stats(100, 0, 5), rig_stats(30, 0, 5));
    assert_ok(observe(r, kv, stored(r, kv), true, &err), &err);
    assert_int_equal(published(r), 0);
    assert_ok(observe(r, kv, stored(r, kv), false, &err), &err);
    assert_int_equal(published(r), 0);
    assert_int_equal(core_decision_rev(r->core, "orders"), rev);
    assert_int_equal(rig_status(r, "orders").trigger.check[0].value, 30);
    rig_expect(r, 2, PHASE_BAKING);
}

/* The watch tells of the apply after the plan was deleted again. */
static void test_old_news_raises_no_dead(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = rig_new();
    char *plan, *rollout;
    struct err err;

    r->follower = core_free(r->follower);
    rig_apply_text(r, PLAN_ORDERS);
    plan = xstrdup(rig_find(r, ROOT "plans/orders")->value);
    rollout = xstrdup(rig_find(r, ROOT "rollouts/orders")->value);
    const struct core_kv kv[] = {{ROOT "plans/orders", str_of(plan), r->rev},
                                 {ROOT "rollouts/orders", str_of(rollout), r->rev}};
    rig_does(r, CMD(DELETE));
    assert_ok(observe(r, kv, 2, false, &err), &err);
    assert_int_equal(published(r), 0);
    assert_null(core_next_migration(r->core, ""));
    assert_ok(core_observe(r->core, kv, 2, true, r->rev - 1, &r->u, &err), &err);
    assert_null(core_next_migration(r->core, ""));
    free(plan);
    free(rollout);
}

/* An older copy of a record comes late, or everything was read before we wrote. */
static void test_what_is_older_than_known_changes_nothing(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = baking();
    static const char old[] = "{\"version\":1,\"phase\":\"pending\",\"stage\":0,\"weight\":0}";
    const struct core_kv late[] = {{ROOT "rollouts/orders", STR(old), 2}};
    struct err err;

    assert_ok(observe(r, late, 1, false, &err), &err);
    rig_expect(r, 2, PHASE_BAKING);
    assert_ok(core_observe(r->core, NULL, 0, true, 0, &r->u, &err), &err);
    rig_expect(r, 2, PHASE_BAKING);
    assert_int_equal(published(r), 0);
}

/* ---- what is new ----------------------------------------------------------------------------- */

/* A follower that missed some transactions, and reads everything at once, counts from the same
 * revision as one that saw each. */
static void test_replicas_agree_on_revisions_whatever_they_saw(void **state UNUSED)
{
    static struct core_kv kv[RIG_KEYS];
    CLEANUP(rig_freep) struct rig *r = baking();
    struct core *late = rig_new_follower(r);
    struct core_update u;
    uint64_t decision;
    struct err err;

    core_update_init(&u);
    rig_does(r, CMD(SET_WEIGHT, .weight_bp = 500));
    decision = r->rev;
    rig_does(r, CMD(PAUSE));
    rig_does(r, CMD(RESUME));
    assert_true(r->rev > decision);
    assert_int_equal(core_decision_rev(r->core, "orders"), decision);
    assert_ok(core_observe(late, kv, stored(r, kv), true, r->rev, &u, &err), &err);
    assert_non_null(u.publish);
    assert_string_equal(u.publish->migration.s, "orders");
    rig_same(r, late);
    core_update_deinit(&u);
    core_free(late);
}

/* A phase moves on and nodes need not know: measurements stay. A decision starts them anew. */
static void test_only_a_decision_starts_the_judged_numbers_anew(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = baking();
    struct core *f = rig_new_follower(r);
    struct core *leader = r->core;
    static struct core_kv kv[RIG_KEYS];
    struct core_update u;
    struct err err;

    core_update_init(&u);
    r->core = f;
    rig_all_serve(r, 2);
    rig_report(r, "n1", "orders", rig_stats(1, 0, 5), rig_stats(30, 0, 5));
    rig_report(r, "n1", "orders", rig_stats(1, 0, 5), rig_stats(30, 0, 5));
    assert_int_equal(rig_status(r, "orders").trigger.check[0].value, 30);

    r->core = leader;
    rig_does(r, CMD(PAUSE));
    assert_ok(core_observe(f, kv, stored(r, kv), true, r->rev, &u, &err), &err);
    assert_null(u.publish);
    r->core = f;
    rig_expect(r, 2, PHASE_PAUSED);
    assert_int_equal(rig_status(r, "orders").trigger.check[0].value, 30);

    r->core = leader;
    rig_does(r, CMD(SET_WEIGHT, .weight_bp = 500));
    assert_ok(core_observe(f, kv, stored(r, kv), true, r->rev, &u, &err), &err);
    assert_non_null(u.publish);
    r->core = f;
    assert_int_equal(rig_status(r, "orders").trigger.check[0].value, 0);
    assert_int_equal(rig_status(r, "orders").convergence.serving, 0);

    r->core = leader;
    core_update_deinit(&u);
    core_free(f);
}

/* One replica sees the deletion, the other is cut off then and reads everything later, when keys
 * that are nobody's decision were written after it. */
static void test_replicas_agree_on_when_a_plan_went(void **state UNUSED)
{
    static struct core_kv kv[RIG_KEYS];
    CLEANUP(rig_freep) struct rig *r = rig_new();
    struct core *late;
    struct core_update u;
    struct err err;

    core_update_init(&u);
    rig_apply_text(r, PLAN_ORDERS);
    rig_does(r, CMD(EMERGENCY));
    rig_does(r, CMD(CLEAR));
    rig_does(r, CMD(ABORT));
    late = rig_new_follower(r);
    rig_does(r, CMD(DELETE));
    assert_ok(core_observe(late, kv, stored(r, kv), true, r->rev + 7, &u, &err), &err);
    assert_true(u.publish->removed);
    assert_int_equal(core_revision(late), core_revision(r->core));
    core_update_deinit(&u);
    core_free(late);
}

static void test_a_removal_is_published_as_one(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = baking();
    static struct core_kv kv[4];
    struct err err;

    kv[0] = deletion(ROOT "plans/orders", ++r->rev);
    kv[1] = deletion(ROOT "rollouts/orders", r->rev);
    kv[2] = deletion(ROOT "leader", r->rev);
    assert_ok(observe(r, kv, 3, false, &err), &err);
    assert_int_equal(published(r), 1);
    assert_true(r->u.publish->removed);
    assert_null(core_next_migration(r->core, ""));
    assert_int_equal(core_revision(r->core), r->rev);
}

/* The history that is left of a plan deleted by hand does not stand in the way of a new one. */
static void test_a_plan_comes_back_over_old_history(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = baking();
    static struct core_kv kv[2];
    const struct history_entry *entry[CORE_HISTORY_KEPT];
    unsigned before = view_history(r->core, "orders", entry, CORE_HISTORY_KEPT);
    struct err err;

    kv[0] = deletion(ROOT "plans/orders", ++r->rev);
    kv[1] = deletion(ROOT "rollouts/orders", r->rev);
    rig_remove(r, kv[0].key);
    rig_remove(r, kv[1].key);
    assert_ok(observe(r, kv, 2, false, &err), &err);
    rig_apply_text(r, PLAN_ORDERS);
    rig_expect(r, 0, PHASE_PENDING);
    assert_int_equal(view_history(r->core, "orders", entry, CORE_HISTORY_KEPT), before + 1);
}

/* A plan was deleted and applied again while this core did not look. */
static void test_a_plan_comes_back_over_a_full_history(void **state UNUSED)
{
    static struct core_kv kv[RIG_KEYS];
    CLEANUP(rig_freep) struct rig *r = rig_new();
    const struct history_entry *entry[CORE_HISTORY_KEPT];
    struct core *late[2];
    struct err err;
    unsigned n;

    rig_apply_text(r, PLAN_ORDERS);
    for (int i = 0; i < CORE_HISTORY_KEPT; i++)
        rig_does(r, CMD(SET_OVERRIDE, .system = i % 2 ? SYSTEM_NONE : SYSTEM_LEGACY));
    for (int i = 0; i < 2; i++)
        late[i] = rig_load_core(r);
    n = stored(r, kv);
    for (unsigned i = 0; i < n; i++)
        kv[RIG_KEYS - n + i] = deletion(xstrdup(kv[i].key), r->rev + 1);
    rig_does(r, CMD(DELETE));
    rig_apply_text(r, PLAN_ORDERS);

    assert_ok(core_observe(late[0], kv, stored(r, kv), true, r->rev, &r->u, &err), &err);
    memmove(&kv[stored(r, kv)], &kv[RIG_KEYS - n], n * sizeof kv[0]);
    assert_ok(core_observe(late[1], kv, stored(r, kv) + n, false, r->rev, &r->u, &err), &err);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(view_history(late[i], "orders", entry, CORE_HISTORY_KEPT), 1);
        assert_int_equal(entry[0]->sequence, 1);
        core_free(late[i]);
    }
    for (unsigned i = 0; i < n; i++)
        free((void *)(uintptr_t)kv[RIG_KEYS - n + i].key);
}

/* Everything is read: what the store does not hold any more is gone. */
static void test_what_is_missing_from_the_whole_is_gone(void **state UNUSED)
{
    const struct history_entry *entry[CORE_HISTORY_KEPT];
    CLEANUP(rig_freep) struct rig *r = baking();
    struct err err;

    rig_does(r, CMD(EMERGENCY));
    core_free(r->core);
    r->core = rig_load_core(r); /* what was read once can be missing the next time */
    for (int i = 0; i < RIG_KEYS; i++)
        if (r->kv[i].key)
            rig_remove(r, r->kv[i].key);
    r->rev++;
    assert_ok(observe(r, NULL, 0, true, &err), &err);
    assert_int_equal(published(r), 1);
    assert_true(r->u.publish->removed);
    assert_int_equal(core_decision_rev(r->core, "orders"), 0);
    assert_int_equal(core_revision(r->core), r->rev);
    /* Its order as well: there is nothing left to lift. */
    rig_apply_text(r, PLAN_ORDERS);
    assert_null(rig_status(r, "orders").emergency);
    assert_int_equal(view_history(r->core, "orders", entry, CORE_HISTORY_KEPT), 1);
}

static void test_an_order_from_another_replica_counts(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = baking();
    struct core *f = rig_new_follower(r);
    static struct core_kv kv[RIG_KEYS];
    struct core *leader = r->core;
    struct core_update u;
    struct emergency order;
    struct err err;

    core_update_init(&u);
    r->core = f;
    rig_does(r, CMD(EMERGENCY)); /* at a follower: no leader is needed */
    rig_expect(r, 0, PHASE_ROLLING_BACK);
    assert_ok(core_observe(leader, kv, rig_changes(r, kv, RIG_KEYS), false, r->rev, &u, &err),
              &err);
    r->core = leader;
    rig_expect(r, 0, PHASE_ROLLING_BACK);
    assert_true(core_emergency(leader, "orders", &order));
    assert_true(order.active);
    assert_int_equal(core_decision_rev(leader, "orders"), r->rev);
    assert_non_null(u.publish);
    /* The leader ends it. Nothing but the wall clocks spans both coordinators. */
    rig_sleep_ms(r, 30);
    rig_all_serve(r, 2);
    rig_expect(r, 0, PHASE_ROLLED_BACK);
    assert_float_equal(rig_status(r, "orders").rollout->last_rollback.measured_ms, 30.0, 1.0);
    core_update_deinit(&u);
    core_free(f);
}

/* ---- what does not fit ----------------------------------------------------------------------- */

#define refused(r, code, words, hint_words, ...)                           \
    do {                                                                   \
        const struct core_kv kv_[] = {__VA_ARGS__};                        \
        struct err err_;                                                   \
        assert_fails(observe(r, kv_, ARRAY_LEN(kv_), false, &err_), code); \
        assert_holds(err_.msg, words);                                     \
        assert_holds(err_.hint, hint_words);                               \
        assert_null((r)->u.publish);                                       \
    } while (0)

static void test_a_key_deleted_in_mid_rollout_is_named_with_the_way_out(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = baking();
    struct err err;

    refused(r, ERR_CORRUPT, "key " ROOT "rollouts/orders is missing",
            "or delete " ROOT "plans/orders", deletion(ROOT "rollouts/orders", r->rev + 1));
    refused(r, ERR_CORRUPT, "key " ROOT "plans/orders is missing", "switchyard backup restore",
            deletion(ROOT "plans/orders", r->rev + 1));
    /* The core goes on as before, and takes what comes once the keys are whole again. */
    rig_expect(r, 2, PHASE_BAKING);
    r->rev++;
    const struct core_kv back[] = {
        write_kv(r, ROOT "rollouts/orders",
                 "{\"version\":1,\"phase\":\"ready\",\"stage\":2,\"weight\":10}")};
    assert_ok(observe(r, back, 1, false, &err), &err);
    rig_expect(r, 2, PHASE_READY);
}

static void test_values_that_do_not_fit_change_nothing(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = baking();
    const uint64_t next = r->rev + 1;
    struct err err;

    refused(r, ERR_UNSUPPORTED, "key " ROOT "rollouts/orders: version 9",
            "start one of that version", {ROOT "rollouts/orders", STR("{\"version\":9}"), next});
    refused(r, ERR_CORRUPT, "key " ROOT "emergency/orders", "backup",
            {ROOT "emergency/orders", STR("{\"vers"), next});
    refused(r, ERR_CORRUPT, "key " ROOT "plans/UP", "delete the key",
            {ROOT "plans/UP", STR("{}"), next});
    refused(r, ERR_CORRUPT, "stage 9 is not in the plan", "backup",
            {ROOT "rollouts/orders",
             STR("{\"version\":1,\"phase\":\"baking\",\"stage\":9,\"weight\":0}"), next});
    /* One that fits beside one that does not. */
    refused(r, ERR_CORRUPT, "key " ROOT "history/orders/000000000099", "backup",
            {ROOT "rollouts/orders",
             STR("{\"version\":1,\"phase\":\"ready\",\"stage\":2,\"weight\":10}"), next},
            {ROOT "history/orders/000000000099", STR("[]"), next});
    rig_expect(r, 2, PHASE_BAKING);
    /* The broken key is deleted: that it has no shape is not in the way. */
    assert_ok(observe(r, &(struct core_kv){.key = ROOT "plans/UP", .rev = next}, 1, false, &err),
              &err);
    assert_int_equal(invariants_check(r->core, &err), 0);
}

/* ---- waiting --------------------------------------------------------------------------------- */

/* A wait for a revision that this replica has not seen is not over, whatever nodes serve. */
static void test_a_wait_for_what_was_not_seen_goes_on(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = baking();
    struct view_convergence v;
    struct err err;

    view_convergence(r->core, "orders", r->rev + 1, r->mono, &v);
    assert_int_equal(v.lagging, 2);
    /* It was another key's: nothing for nodes. */
    r->rev++;
    assert_ok(observe(r, NULL, 0, false, &err), &err);
    view_convergence(r->core, "orders", r->rev, r->mono, &v);
    assert_int_equal(v.lagging, 0);
}

/* ---- measuring ------------------------------------------------------------------------------- */

/* The command was given at this replica, and carried out by the leader. */
static void test_a_forwarded_command_is_measured_from_where_it_was_given(void **state UNUSED)
{
    for (int before = 0; before < 2; before++) {
        CLEANUP(rig_freep) struct rig *r = baking();
        static struct core_kv kv[RIG_KEYS];
        struct core *leader = r->core, *f = rig_new_follower(r);
        mono_t given = r->mono;
        struct core_update u;
        struct err err;

        core_update_init(&u);
        rig_sleep_ms(r, 5);
        rig_does(r, CMD(SET_WEIGHT, .weight_bp = 500));
        if (before)
            core_ordered(f, r->rev, given);
        assert_ok(core_observe(f, kv, rig_changes(r, kv, RIG_KEYS), false, r->rev, &u, &err), &err);
        if (!before)
            core_ordered(f, r->rev, given);
        core_update_deinit(&u);
        r->core = f;
        rig_wait(r, 6); /* beyond the time after its start */
        rig_all_serve(r, 2);
        assert_float_equal(rig_measured_of(f, "orders").all, 6005.0, 0.001);
        r->core = leader;
        core_free(f);
    }
}

/* The leader carried a rollback out that was ordered here, and dies: this replica ends it, and
 * needs no wall clock to say how long it took. */
static void test_a_forwarded_rollback_is_recorded_from_where_it_was_given(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = baking();
    static struct core_kv kv[RIG_KEYS];
    struct core *leader = r->core, *f = rig_new_follower(r);
    mono_t given = r->mono;
    struct core_update u;
    struct err err;

    core_update_init(&u);
    rig_wait(r, 1);
    rig_does(r, CMD(ROLLBACK));
    assert_ok(core_observe(f, kv, rig_changes(r, kv, RIG_KEYS), false, r->rev, &u, &err), &err);
    core_ordered(f, r->rev, given);
    core_update_deinit(&u);
    core_free(leader);
    r->core = f;
    core_lead(f, true);
    r->now = wall_add(r->now, dur_s(-500)); /* this machine's clock is slow */
    rig_wait(r, 5);
    rig_all_serve(r, 2);
    rig_tick(r);
    rig_expect(r, 0, PHASE_ROLLED_BACK);
    assert_float_equal(rig_status(r, "orders").rollout->last_rollback.measured_ms, 6000.0, 0.001);
    assert_float_equal(rig_status(r, "orders").rollout->last_rollback.p50_ms, 6000.0, 0.001);
}

/* A backup was put into another store: what the record says of revisions there means nothing. */
static void test_a_decision_of_another_store_is_dated_by_its_record(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = baking();
    static struct core_kv kv[RIG_KEYS];
    struct core_config config = {.node_grace = dur_s(30)};
    struct core *elsewhere = core_new(&config, r->now, r->mono);
    unsigned count;
    struct err err;

    rig_does(r, CMD(PAUSE));
    assert_true(core_decision_rev(r->core, "orders") < r->rev);
    count = stored(r, kv);
    for (unsigned i = 0; i < count; i++)
        assert_ok(core_load(elsewhere, kv[i].key, kv[i].value, kv[i].rev, &err), &err);
    assert_ok(core_loaded(elsewhere, "another", r->rev, &err), &err);
    assert_int_equal(core_decision_rev(elsewhere, "orders"), r->rev);
    core_free(elsewhere);
}

/* ---- leading --------------------------------------------------------------------------------- */

/* Whoever does not lead moves nothing, and knows what it takes to go on. */
static void test_only_a_leader_moves_on_by_itself(void **state UNUSED)
{
    CLEANUP(rig_freep) struct rig *r = baking();
    uint64_t rev = r->rev;

    core_lead(r->core, false);
    for (int i = 0; i < 12; i++) {
        rig_report(r, "n1", "orders", rig_stats(100, 0, 5), rig_stats(100, 0, 5));
        rig_wait(r, 1);
    }
    rig_report(r, "n1", "orders", rig_stats(100, 0, 5), rig_stats(100, 90, 5));
    assert_int_equal(r->rev, rev);
    assert_int_equal(rig_status(r, "orders").trigger.verdict, VERDICT_FAIL);
    core_lead(r->core, true);
    rig_tick(r);
    rig_expect(r, 0, PHASE_ROLLING_BACK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_we_wrote_ourselves_is_no_news),
        cmocka_unit_test(test_old_news_raises_no_dead),
        cmocka_unit_test(test_what_is_older_than_known_changes_nothing),
        cmocka_unit_test(test_replicas_agree_on_revisions_whatever_they_saw),
        cmocka_unit_test(test_only_a_decision_starts_the_judged_numbers_anew),
        cmocka_unit_test(test_replicas_agree_on_when_a_plan_went),
        cmocka_unit_test(test_a_removal_is_published_as_one),
        cmocka_unit_test(test_a_plan_comes_back_over_old_history),
        cmocka_unit_test(test_a_plan_comes_back_over_a_full_history),
        cmocka_unit_test(test_what_is_missing_from_the_whole_is_gone),
        cmocka_unit_test(test_an_order_from_another_replica_counts),
        cmocka_unit_test(test_a_key_deleted_in_mid_rollout_is_named_with_the_way_out),
        cmocka_unit_test(test_values_that_do_not_fit_change_nothing),
        cmocka_unit_test(test_a_wait_for_what_was_not_seen_goes_on),
        cmocka_unit_test(test_a_forwarded_command_is_measured_from_where_it_was_given),
        cmocka_unit_test(test_a_forwarded_rollback_is_recorded_from_where_it_was_given),
        cmocka_unit_test(test_a_decision_of_another_store_is_dated_by_its_record),
        cmocka_unit_test(test_only_a_leader_moves_on_by_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
