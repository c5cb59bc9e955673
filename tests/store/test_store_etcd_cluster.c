/* SPDX-License-Identifier: Apache-2.0 */
/* Three members: any one may go, the lead may move, and nothing acknowledged is lost or done twice.
 */
#include "tests/store/store_fixture.h"

#include "common/base/mem.h"
#include "coordinator/store/store_etcd.h"
#include "tests/etcd/etcd_server.h"

static struct etcd_cluster etcd;

struct fixture {
    char space[32];
    struct store *store, *other;
    unsigned steps; /* acknowledged, or found to be done */
    struct buf told;
};

static struct store *open_store(const struct fixture *f)
{
    const struct store_etcd_config config = {.endpoints = etcd.endpoints,
                                             .space = f->space,
                                             .timeout = dur_ms(1500),
                                             .reread = dur_ms(500)};
    struct store *s;
    struct err err;

    assert_ok(store_etcd_open(&config, &s, &err), &err);
    return s;
}

static int setup(void **state)
{
    static unsigned count;
    struct fixture *f = xnew(struct fixture);

    snprintf(f->space, sizeof f->space, "/cluster-%u", count++);
    f->store = open_store(f);
    f->other = open_store(f);
    buf_init(&f->told, 1u << 16);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    store_free(f->store);
    store_free(f->other);
    buf_deinit(&f->told);
    free(f);
    return 0;
}

static mono_t in_seconds(int s)
{
    return mono_add(clock_system->mono(clock_system), dur_s(s));
}

static bool is_over(mono_t end)
{
    return !mono_before(clock_system->mono(clock_system), end);
}

static bool is_present(struct store *s, struct str key, mono_t end)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(64);
    struct err err;
    int r;

    do {
        buf_clear(&b);
        r = store_get(s, key, &b, NULL, &err);
    } while (r < 0 && !is_over(end));
    assert_true(r >= 0);
    return r == 0;
}

/* Create the next key, as a coordinator would: what is in doubt is looked up, what was not done is
 * given again. A conflict would mean that it was done without our knowing. */
static void step(struct fixture *f)
{
    mono_t end = in_seconds(15);
    char text[64];
    struct str key;

    snprintf(text, sizeof text, STORE_ROOT "step/%04u", f->steps);
    key = str_of(text);
    for (bool done = false; !done;) {
        struct store_txn txn = TXN(COMPARE(key, 0), PUT(key, STR("1")));
        struct err err;
        int r = store_txn(f->store, &txn, NULL, &err);

        if (r < 0 && is_over(end))
            fail_msg("not done in time: %s", err.msg);
        assert_int_not_equal(r, STORE_CONFLICT);
        done = r == 0 || (r == -ERR_UNKNOWN_OUTCOME && is_present(f->store, key, end));
    }
    f->steps++;
}

static void steps(struct fixture *f, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        step(f);
}

static void assert_all_steps(struct fixture *f)
{
    struct store_list l = {0};
    struct err err;

    assert_ok(store_list(f->other, K("step/"), &l, &err), &err);
    assert_int_equal(l.count, f->steps);
    store_list_deinit(&l);
}

static void any_member_may_be_killed(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < 3; i++) {
        steps(f, 3);
        etcd_kill(&etcd, i);
        steps(f, 3);
        etcd_revive(&etcd, i);
    }
    assert_all_steps(f);
}

static void lead_may_be_lost_and_moved(void **state)
{
    struct fixture *f = *state;
    unsigned leader = etcd_leader(&etcd);

    steps(f, 2);
    etcd_kill(&etcd, leader);
    steps(f, 3);
    etcd_revive(&etcd, leader);

    leader = etcd_leader(&etcd);
    etcd_freeze(&etcd, leader, true);
    steps(f, 3);
    etcd_freeze(&etcd, leader, false);
    steps(f, 3);
    assert_all_steps(f);
}

static void without_a_majority_nothing_is_promised(void **state)
{
    struct fixture *f = *state;
    struct buf b = BUF_INIT(64);
    struct err err;

    steps(f, 1);
    etcd_kill(&etcd, 0);
    etcd_kill(&etcd, 1);
    assert_true(store_txn(f->store, &TXN(PUT(K("a"), STR("1"))), NULL, &err) < 0);
    assert_non_null(strstr(err.msg, "127.0.0.1"));
    assert_int_equal(store_get(f->store, K("a"), &b, NULL, &err), -ERR_UNAVAILABLE);
    etcd_revive(&etcd, 0);
    steps(f, 1);
    etcd_revive(&etcd, 1);
    assert_all_steps(f);
}

static void note(void *ctx, const struct store_list *changes)
{
    struct fixture *f = ctx;

    for (size_t i = 0; i < changes->count; i++)
        buf_addf(&f->told, "%s ", changes->item[i].key + strlen(STORE_ROOT "step/"));
}

static void watch_goes_on_whichever_member_goes(void **state)
{
    struct fixture *f = *state;
    struct buf want = BUF_INIT(1024);
    mono_t end = in_seconds(20);
    struct err err;

    assert_ok(store_watch(f->other, K("step/"), revision(f->other), note, f, &err), &err);
    for (unsigned i = 0; i < 3; i++) {
        steps(f, 1);
        etcd_kill(&etcd, i);
        steps(f, 1);
        etcd_revive(&etcd, i);
    }
    for (unsigned i = 0; i < f->steps; i++)
        buf_addf(&want, "%04u ", i);
    while (f->told.len < want.len && !is_over(end))
        assert_ok(store_poll(f->other, dur_ms(50), &err), &err);
    assert_string_equal(buf_text(&f->told), buf_text(&want));
    buf_deinit(&want);
}

/* ---- a member that hangs --------------------------------------------------------------------- */

/* A store that asks a member first which does not lead; `ret` says which. */
static struct store *open_at_follower(const struct fixture *f, unsigned *ret)
{
    unsigned leader = etcd_leader(&etcd);
    unsigned i = (leader + 1) % etcd.count;
    char endpoints[256];
    const struct store_etcd_config config = {
        .endpoints = endpoints, .space = f->space, .reread = dur_s(300)};
    struct store *s;
    struct err err;

    snprintf(endpoints, sizeof endpoints, "%s,%s,%s", etcd.member[i].endpoint,
             etcd.member[leader].endpoint, etcd.member[(leader + 2) % etcd.count].endpoint);
    assert_ok(store_etcd_open(&config, &s, &err), &err);
    *ret = i;
    return s;
}

/* The kernel takes what is sent to a frozen member, and nothing ever comes back. */
static void watch_leaves_a_member_that_hangs(void **state)
{
    struct fixture *f = *state;
    unsigned frozen;
    struct store *s = open_at_follower(f, &frozen);
    mono_t end = in_seconds(8);
    struct err err;

    assert_ok(store_watch(s, K("step/"), revision(s), note, f, &err), &err);
    step(f);
    while (f->told.len == 0 && !is_over(end))
        assert_ok(store_poll(s, dur_ms(50), &err), &err);
    etcd_freeze(&etcd, frozen, true);
    end = in_seconds(8);
    step(f);
    while (f->told.len < strlen("0000 0001 ") && !is_over(end))
        assert_ok(store_poll(s, dur_ms(50), &err), &err);
    etcd_freeze(&etcd, frozen, false);
    assert_string_equal(buf_text(&f->told), "0000 0001 ");
    store_free(s);
}

/* A leader that renews its lease each 1.25 s and stops after 3 s has 1.75 s for one that works. */
static void lease_is_kept_in_time_past_a_member_that_hangs(void **state)
{
    struct fixture *f = *state;
    unsigned frozen;
    struct store *s = open_at_follower(f, &frozen);
    struct buf b = BUF_INIT(64);
    store_lease lease;
    mono_t end;
    struct err err;

    assert_ok(store_lease_grant(s, dur_s(30), &lease, &err), &err);
    etcd_freeze(&etcd, frozen, true);
    end = mono_add(clock_system->mono(clock_system), dur_ms(1750));
    assert_ok(store_lease_keep(s, lease, &err), &err);
    assert_false(is_over(end));
    /* Reads, which may wait longer, have been told. */
    end = mono_add(clock_system->mono(clock_system), dur_ms(1750));
    assert_int_equal(store_get(s, K("a"), &b, NULL, &err), STORE_NOT_FOUND);
    assert_false(is_over(end));
    etcd_freeze(&etcd, frozen, false);
    store_free(s);
}

static int start_etcd(void **state UNUSED)
{
    etcd_start(&etcd, 3, "http", NULL);
    return 0;
}

static int stop_etcd(void **state UNUSED)
{
    etcd_stop(&etcd);
    return 0;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(any_member_may_be_killed),
        T(lead_may_be_lost_and_moved),
        T(without_a_majority_nothing_is_promised),
        T(watch_goes_on_whichever_member_goes),
        T(watch_leaves_a_member_that_hangs),
        T(lease_is_kept_in_time_past_a_member_that_hangs),
    };

    if (!etcd_installed())
        return 0;
    return cmocka_run_group_tests_name("etcd cluster", tests, start_etcd, stop_etcd);
}
