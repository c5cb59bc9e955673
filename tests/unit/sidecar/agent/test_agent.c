/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "sidecar/agent/agent_state.h"
#include "tests/unit/sidecar/agent/agent_fixture.h"

static int setup(void **state)
{
    struct agent *a = fixture_agent();

    agent_connected(a, true);
    *state = a;
    return 0;
}

static int teardown(void **state)
{
    agent_free(*state);
    return 0;
}

static int take(struct agent *a, struct fixture_update *f, struct err *err)
{
    *err = (struct err){0};
    return agent_take(a, &f->u, err);
}

/* Do the publishing that is due, and say it succeeded. */
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

static void ack(struct agent *a)
{
    assert_int_equal(agent_next(a), AGENT_ACK);
    agent_acked(a);
}

/* From update to acknowledgement with nothing going wrong. */
static void serve(struct agent *a, struct fixture_update *f)
{
    struct err err;

    assert_ok(take(a, f, &err), &err);
    write_out(a);
    publish(a);
    ack(a);
    assert_int_equal(agent_next(a), AGENT_IDLE);
}

static const char *nack_of(struct agent *a)
{
    const char *reason;

    assert_int_equal(agent_next(a), AGENT_NACK);
    (void)agent_position_nack(a, &reason);
    return reason;
}

static bool served_active(const struct agent *a, const char *migration)
{
    const struct ruleset_entry *e = ruleset_find(agent_served(a), migration);

    return e && e->emergency.active;
}

/* ---- the way of an update -------------------------------------------------------------------- */

static void an_update_is_written_then_served_then_acknowledged(void **state)
{
    struct agent *a = *state;
    struct fixture_update f;

    assert_int_equal(agent_link(a), LINK_EMPTY);
    fixture_full(&f, 5, 1000);
    serve(a, &f);
    assert_int_equal(agent_position_serving(a).revision, 5);
    assert_int_equal(agent_serving_since(a).ns, 77);
    assert_int_equal(agent_link(a), LINK_CURRENT);
    assert_int_equal(ruleset_find(agent_served(a), "app")->route.weight_bp, 1000);
}

static void a_newer_update_overtakes_one_that_is_being_written(void **state)
{
    struct agent *a = *state;
    struct fixture_update f;
    struct err err;

    fixture_full(&f, 5, 1000);
    assert_ok(take(a, &f, &err), &err);
    assert_int_equal(agent_write_started(a)->revision, 5);
    fixture_full(&f, 6, 2000);
    assert_ok(take(a, &f, &err), &err);
    assert_int_equal(agent_next(a), AGENT_IDLE); /* one write at a time */
    agent_written(a);
    write_out(a);
    publish(a);
    assert_int_equal(agent_position_serving(a).revision, 6);
}

static void a_partial_update_changes_what_it_names(void **state)
{
    struct agent *a = *state;
    struct fixture_update f, whole;

    fixture_begin(&f, 5);
    fixture_add(&f, "app", 1000);
    fixture_add(&f, "gone", 0);
    fixture_add(&f, "same", 300);
    f.u.checksum = fixture_sum(&f);
    serve(a, &f);

    fixture_begin(&whole, 6);
    fixture_add(&whole, "app", 2000);
    fixture_add(&whole, "more", 1);
    fixture_add(&whole, "same", 300);
    fixture_begin(&f, 6);
    f.u.full = false;
    f.u.base_revision = 5;
    fixture_add(&f, "app", 2000);
    fixture_add(&f, "more", 1);
    fixture_remove(&f, "gone");
    f.u.checksum = fixture_sum(&whole);
    serve(a, &f);
    assert_int_equal(agent_served(a)->count, 3);
    assert_null(ruleset_find(agent_served(a), "gone"));
    assert_int_equal(ruleset_find(agent_served(a), "same")->route.weight_bp, 300);
}

static void what_is_known_is_acknowledged_again(void **state)
{
    struct agent *a = *state;
    struct fixture_update f;
    struct err err;

    fixture_full(&f, 5, 1000);
    assert_ok(take(a, &f, &err), &err);
    assert_int_equal(take(a, &f, &err), AGENT_KNOWN);
    assert_int_equal(agent_next(a), AGENT_WRITE); /* not served yet: nothing to acknowledge */
    write_out(a);
    publish(a);
    ack(a);
    assert_int_equal(take(a, &f, &err), AGENT_KNOWN);
    ack(a);
}

static void a_gap_is_told(void **state)
{
    struct agent *a = *state;
    struct fixture_update f;
    struct err err;

    fixture_full(&f, 7, 1000);
    f.u.full = false;
    f.u.base_revision = 6;
    assert_int_equal(take(a, &f, &err), AGENT_GAP); /* nothing to apply it on */
    fixture_full(&f, 5, 1000);
    serve(a, &f);
    fixture_full(&f, 7, 2000);
    f.u.full = false;
    f.u.base_revision = 6;
    assert_int_equal(take(a, &f, &err), AGENT_GAP);
    assert_int_equal(agent_position(a).revision, 5);
    assert_int_equal(agent_next(a), AGENT_IDLE);
}

static void a_new_store_is_taken_as_a_whole(void **state)
{
    struct agent *a = *state;
    struct fixture_update f;

    fixture_full(&f, 50, 1000);
    f.u.to.term = 9;
    serve(a, &f);
    fixture_full(&f, 3, 2000);
    f.u.to.incarnation = "bbbb";
    serve(a, &f);
    assert_int_equal(agent_position_serving(a).revision, 3);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void refused(struct agent *a, struct fixture_update *f, enum err_code code, const char *why)
{
    struct err err;

    assert_fails(take(a, f, &err), code);
    assert_holds(err.msg, why);
    assert_holds(nack_of(a), why);
    agent_nacked(a);
    assert_int_equal(agent_next(a), AGENT_IDLE);
    assert_int_equal(agent_position_serving(a).revision, 5);
}

/* A coordinator may hear of a set before it hears of who leads. The same set under another term is
 * no news. */
static void what_is_stored_counts_whatever_the_term(void **state)
{
    struct agent *a = *state;
    struct fixture_update f;
    struct err err;

    fixture_full(&f, 5, 1000);
    f.u.to.term = 9;
    serve(a, &f);
    f.u.to.term = 2;
    assert_int_equal(agent_take(a, &f.u, &err), AGENT_KNOWN);
    f.u.to.term = 11;
    assert_int_equal(agent_take(a, &f.u, &err), AGENT_KNOWN);
    ack(a);
    fixture_full(&f, 6, 2000);
    f.u.to.term = 2;
    serve(a, &f);
    assert_int_equal(agent_position_serving(a).revision, 6);
}

static void bad_updates_are_refused_and_nothing_changes(void **state)
{
    struct agent *a = *state;
    struct fixture_update f;
    char large[AGENT_RULE_MAX + 1] = {0};

    fixture_full(&f, 5, 1000);
    f.u.to.term = 2;
    serve(a, &f);

    fixture_full(&f, 4, 2000);
    f.u.to.term = 3;
    refused(a, &f, ERR_REFUSED, "revision 4 is below");
    f.u.to.revision = 6;
    f.u.checksum.b[0] ^= 1;
    refused(a, &f, ERR_CORRUPT, "checksum");
    f.u.checksum.b[0] ^= 1;
    f.u.flaw = "key source 9 is not known to this version";
    refused(a, &f, ERR_INVALID, "key source 9");
    f.u.flaw = NULL;
    f.route[0].route.weight_bp = WEIGHT_BP_MAX + 1;
    refused(a, &f, ERR_INVALID, "weight");
    f.route[0].route.weight_bp = 0;
    f.route[0].rule = (struct str){large, sizeof large};
    refused(a, &f, ERR_INVALID, "28673 bytes");
    fixture_add(&f, "app", 1);
    f.route[0].rule = f.route[1].rule;
    refused(a, &f, ERR_INVALID, "app");
    f.u.to.incarnation = "";
    refused(a, &f, ERR_INVALID, "incarnation");
}

static void an_unheard_refusal_is_forgotten_with_the_stream(void **state)
{
    struct agent *a = *state;
    struct fixture_update f;
    struct err err;

    fixture_full(&f, 5, 1000);
    f.u.checksum.b[0] ^= 1;
    assert_fails(take(a, &f, &err), ERR_CORRUPT);
    agent_connected(a, false);
    assert_int_equal(agent_next(a), AGENT_IDLE);
    agent_connected(a, true);
    assert_int_equal(agent_next(a), AGENT_IDLE);
}

/* ---- emergency orders ------------------------------------------------------------------------ */

/* That the disk did not take the order. */
static void tell(struct agent *a)
{
    assert_int_equal(agent_next(a), AGENT_TELL);
    assert_true(agent_orders_unwritten(a));
    agent_told(a);
}

static void an_emergency_is_served_before_the_disk_has_it(void **state)
{
    struct agent *a = *state;
    struct fixture_update f;
    struct err err;

    fixture_full(&f, 5, 1000);
    serve(a, &f);
    fixture_full(&f, 6, 1000);
    fixture_order(&f, "app", 1, true);
    assert_ok(take(a, &f, &err), &err);
    publish(a);
    assert_true(served_active(a, "app"));
    ack(a);
    write_out(a);
    assert_int_equal(agent_next(a), AGENT_IDLE);
}

static void an_emergency_overtakes_a_set_that_is_being_published(void **state)
{
    struct agent *a = *state;
    struct fixture_update f;
    struct ruleset *slow, *urgent;
    struct err err;

    fixture_full(&f, 5, 1000);
    serve(a, &f);
    fixture_full(&f, 6, 2000);
    assert_ok(take(a, &f, &err), &err);
    write_out(a);
    slow = agent_publishable(a); /* waits for a name */
    fixture_full(&f, 7, 2000);
    fixture_order(&f, "app", 1, true);
    assert_ok(take(a, &f, &err), &err);
    assert_int_equal(agent_next(a), AGENT_PUBLISH);
    urgent = agent_publishable(a);
    agent_serving(a, urgent, (wall_t){2});
    assert_int_equal(agent_position_serving(a).revision, 7);
    assert_true(served_active(a, "app"));
    ruleset_unref(slow);
    ruleset_unref(urgent);
}

static void nothing_but_a_higher_epoch_lifts_an_order(void **state)
{
    struct agent *a = *state;
    struct fixture_update f;
    struct err err;

    fixture_full(&f, 5, 1000);
    fixture_order(&f, "app", 4, true);
    assert_ok(take(a, &f, &err), &err);
    publish(a);
    ack(a);
    write_out(a);
    fixture_full(&f, 6, 2000); /* without the order */
    serve(a, &f);
    assert_true(served_active(a, "app"));
    fixture_full(&f, 7, 2000);
    fixture_order(&f, "app", 4, false);
    serve(a, &f);
    assert_true(served_active(a, "app"));
    fixture_full(&f, 1, 2000); /* another store, that never heard of it */
    f.u.to.incarnation = "bbbb";
    serve(a, &f);
    assert_true(served_active(a, "app"));
    fixture_full(&f, 2, 2000);
    f.u.to.incarnation = "bbbb";
    fixture_order(&f, "app", 5, false);
    serve(a, &f);
    assert_false(served_active(a, "app"));
}

static void the_order_in_a_refused_update_holds(void **state)
{
    struct agent *a = *state;
    struct fixture_update f;
    struct err err;

    fixture_full(&f, 5, 1000);
    serve(a, &f);
    fixture_full(&f, 6, 2000);
    fixture_order(&f, "app", 1, true);
    f.u.flaw = "a field this version does not know";
    assert_fails(take(a, &f, &err), ERR_INVALID);
    assert_holds(nack_of(a), "does not know");
    agent_nacked(a);
    publish(a);
    assert_true(served_active(a, "app"));
    assert_int_equal(agent_position_serving(a).revision, 5);
    assert_int_equal(ruleset_find(agent_served(a), "app")->route.weight_bp, 1000);
}

static void the_order_in_a_gap_holds(void **state)
{
    struct agent *a = *state;
    struct fixture_update f;
    struct err err;

    fixture_full(&f, 5, 1000);
    serve(a, &f);
    fixture_begin(&f, 9);
    f.u.full = false;
    f.u.base_revision = 8;
    fixture_order(&f, "app", 1, true);
    assert_int_equal(take(a, &f, &err), AGENT_GAP);
    publish(a);
    assert_true(served_active(a, "app"));
}

static void an_order_without_epoch_is_refused(void **state)
{
    struct agent *a = *state;
    struct fixture_update f;

    fixture_full(&f, 5, 1000);
    serve(a, &f);
    fixture_full(&f, 6, 1000);
    fixture_order(&f, "app", 0, true);
    refused(a, &f, ERR_INVALID, "no epoch");
}

/* ---- failures of the shell ------------------------------------------------------------------- */

static void a_set_that_cannot_be_written_is_not_served(void **state)
{
    struct agent *a = *state;
    struct fixture_update f;
    struct err err;

    fixture_full(&f, 5, 1000);
    serve(a, &f);
    fixture_full(&f, 6, 2000);
    assert_ok(take(a, &f, &err), &err);
    (void)agent_write_started(a);
    agent_write_failed(a, "no space left");
    assert_holds(nack_of(a), "no space left");
    agent_nacked(a);
    assert_int_equal(agent_position(a).revision, 5);
    assert_int_equal(agent_next(a), AGENT_IDLE);
    serve(a, &f); /* asked again, with room */
    assert_int_equal(agent_position_serving(a).revision, 6);
}

static void an_emergency_is_served_without_a_disk(void **state)
{
    struct agent *a = *state;
    struct fixture_update f;
    struct ruleset *set;
    struct err err;

    fixture_full(&f, 5, 1000);
    serve(a, &f);
    fixture_full(&f, 6, 1000);
    fixture_order(&f, "app", 1, true);
    assert_ok(take(a, &f, &err), &err);
    (void)agent_write_started(a);
    set = agent_publishable(a);
    agent_write_failed(a, "no space left");
    assert_int_equal(agent_next(a), AGENT_IDLE);
    agent_serving(a, set, (wall_t){1});
    ruleset_unref(set);
    ack(a);
    tell(a);
    assert_int_equal(agent_next(a), AGENT_IDLE); /* not written again and again */
    agent_retry(a);
    write_out(a);
    assert_true(served_active(a, "app"));
}

/* The disk was full before the order: the node had refused a set, and gets the order with a full
 * one once it stands on what it has. It serves legacy, and must be able to say so. */
static void an_emergency_after_a_refusal_is_acknowledged_without_a_disk(void **state)
{
    struct agent *a = *state;
    struct fixture_update f;
    struct err err;

    fixture_full(&f, 5, 1000);
    serve(a, &f);
    fixture_full(&f, 6, 2000);
    assert_ok(take(a, &f, &err), &err);
    (void)agent_write_started(a);
    agent_write_failed(a, "no space left");
    assert_holds(nack_of(a), "no space left");
    agent_nacked(a);

    fixture_full(&f, 7, 2000);
    fixture_order(&f, "app", 1, true);
    f.u.full = false;
    f.u.base_revision = 6;
    assert_int_equal(take(a, &f, &err), AGENT_GAP);
    publish(a); /* revision 5, under the order */
    assert_true(served_active(a, "app"));
    ack(a);
    assert_int_equal(agent_next(a), AGENT_WRITE);
    (void)agent_write_started(a);
    agent_write_failed(a, "no space left");
    tell(a);

    f.u.full = true;
    assert_ok(take(a, &f, &err), &err);
    publish(a);
    assert_int_equal(agent_position_serving(a).revision, 7);
    ack(a);
    assert_int_equal(agent_next(a), AGENT_WRITE);
    (void)agent_write_started(a);
    agent_write_failed(a, "no space left");
    assert_int_equal(agent_next(a), AGENT_IDLE);
    assert_int_equal(agent_position(a).revision, 7);
}

/* Lifting is an order too: it must not wait for a disk that is full, nor ask for it for ever. */
static void an_order_is_lifted_without_a_disk(void **state)
{
    struct agent *a = *state;
    struct fixture_update f;
    struct err err;

    fixture_full(&f, 5, 1000);
    fixture_order(&f, "app", 1, true);
    assert_ok(take(a, &f, &err), &err);
    publish(a);
    ack(a);
    write_out(a);
    fixture_full(&f, 6, 1000);
    fixture_order(&f, "app", 2, false);
    assert_ok(take(a, &f, &err), &err);
    (void)agent_write_started(a);
    agent_write_failed(a, "no space left");
    assert_holds(nack_of(a), "no space left");
    agent_nacked(a);
    publish(a); /* revision 5, with the order lifted */
    assert_int_equal(agent_position_serving(a).revision, 5);
    assert_false(served_active(a, "app"));
    ack(a);
    assert_int_equal(agent_next(a), AGENT_WRITE);
    (void)agent_write_started(a);
    agent_write_failed(a, "no space left");
    assert_int_equal(agent_next(a), AGENT_IDLE);
}

static void a_failed_write_goes_back_to_what_is_being_published(void **state)
{
    struct agent *a = *state;
    struct fixture_update f;
    struct ruleset *set;
    struct err err;

    fixture_full(&f, 5, 1000);
    serve(a, &f);
    fixture_full(&f, 6, 2000);
    assert_ok(take(a, &f, &err), &err);
    write_out(a);
    set = agent_publishable(a);
    fixture_full(&f, 7, 3000);
    assert_ok(take(a, &f, &err), &err);
    (void)agent_write_started(a);
    agent_write_failed(a, "no space left");
    agent_nacked(a);
    agent_serving(a, set, (wall_t){1});
    ruleset_unref(set);
    ack(a);
    assert_int_equal(agent_next(a), AGENT_IDLE);
    assert_int_equal(agent_position_serving(a).revision, 6);
}

/* A mistyped name of one route holds up no other; who mistyped it is told. */
static void a_set_that_lacks_a_name_is_served_and_told(void **state)
{
    struct agent *a = *state;
    struct fixture_update f;
    struct ruleset *set;
    struct err err;

    fixture_full(&f, 5, 1000);
    assert_ok(take(a, &f, &err), &err);
    write_out(a);
    set = agent_publishable(a);
    agent_lacking(a, set, "cannot resolve \"new.example\"");
    agent_serving(a, set, (wall_t){1});
    assert_holds(nack_of(a), "revision 5 in part: cannot resolve \"new.example\"");
    assert_false(agent_nack_refuses(a));
    agent_nacked(a);
    ack(a);
    assert_int_equal(agent_position_serving(a).revision, 5);

    fixture_full(&f, 6, 1000);
    assert_ok(take(a, &f, &err), &err);
    agent_lacking(a, set, "cannot resolve \"new.example\""); /* of the set before */
    ruleset_unref(set);
    assert_int_equal(agent_next(a), AGENT_WRITE);
}

/* ---- starting from disk ---------------------------------------------------------------------- */

static struct ruleset *stored(uint64_t revision)
{
    struct ruleset *set = ruleset_new("aaaa", 1, revision);
    struct route route = fixture_route("app", 1000);

    assert_int_equal(ruleset_add(set, &route, STR("app:1000"), NULL), 0);
    assert_int_equal(ruleset_finish(set, NULL), 0);
    return set;
}

static void a_stored_set_serves_without_a_coordinator(void **state UNUSED)
{
    CLEANUP(agent_freep) struct agent *a = fixture_agent();
    CLEANUP(xfreep) struct epochs *epochs = xnew(struct epochs);
    struct ruleset *set = stored(5);
    struct fixture_update f;
    struct err err;

    agent_restore(a, set, epochs);
    ruleset_unref(set);
    publish(a);
    assert_int_equal(agent_link(a), LINK_STALE);
    assert_int_equal(agent_next(a), AGENT_IDLE); /* nobody to acknowledge to */
    agent_connected(a, true);
    assert_int_equal(agent_link(a), LINK_CURRENT);
    fixture_full(&f, 5, 1000);
    assert_int_equal(take(a, &f, &err), AGENT_KNOWN);
    ack(a);
}

static void a_stored_set_is_gone_back_to_when_the_next_cannot_be_kept(void **state UNUSED)
{
    CLEANUP(agent_freep) struct agent *a = fixture_agent();
    CLEANUP(xfreep) struct epochs *epochs = xnew(struct epochs);
    struct ruleset *set = stored(5);
    struct fixture_update f;
    struct err err;

    agent_restore(a, set, epochs);
    ruleset_unref(set);
    fixture_full(&f, 6, 2000);
    assert_ok(take(a, &f, &err), &err);
    (void)agent_write_started(a);
    agent_write_failed(a, "no space left");
    assert_true(agent_nack_refuses(a));
    publish(a);
    assert_int_equal(agent_position_serving(a).revision, 5);
    fixture_full(&f, 4, 1000);
    assert_fails(take(a, &f, &err), ERR_REFUSED);
}

static void freshness_is_told(void **state)
{
    struct agent *a = *state;
    struct fixture_update f;
    struct err err;

    assert_string_equal(agent_link_name(agent_link(a)), "empty");
    fixture_full(&f, 5, 1000);
    serve(a, &f);
    assert_string_equal(agent_link_name(agent_link(a)), "current");
    fixture_full(&f, 6, 1000);
    assert_ok(take(a, &f, &err), &err);
    assert_string_equal(agent_link_name(agent_link(a)), "behind");
    agent_connected(a, false);
    assert_string_equal(agent_link_name(agent_link(a)), "stale");
}

/* ---- anything in any order ------------------------------------------------------------------- */

struct walk {
    struct agent *a;
    struct rng rng;
    struct ruleset *out[2]; /* handed to the proxy: the latest, and one overtaken */
    bool writing;
    uint64_t revision, served, epoch, seen_epoch[3];
};

static const char *const walk_names[] = {"app", "shop", "x"};

static unsigned chance(struct walk *w, unsigned n)
{
    return (unsigned)(rng_u64(&w->rng) % n);
}

static void walk_update(struct walk *w)
{
    struct fixture_update f;
    struct err err;

    w->revision += chance(w, 3);
    fixture_begin(&f, w->revision + 1 - (chance(w, 10) == 0));
    for (unsigned i = 0; i < ARRAY_LEN(walk_names); i++) {
        if (chance(w, 4) > 0)
            fixture_add(&f, walk_names[i], chance(w, 10001));
        if (chance(w, 6) == 0) {
            w->epoch += chance(w, 2);
            fixture_order(&f, walk_names[i], w->epoch - chance(w, 2) * (w->epoch > 0),
                          chance(w, 2) == 0);
        }
    }
    f.u.checksum = fixture_sum(&f);
    if (chance(w, 5) == 0)
        f.u.checksum.b[0] ^= 1;
    if (chance(w, 8) == 0)
        f.u.flaw = "unreadable";
    if (chance(w, 4) == 0) {
        f.u.full = false;
        f.u.base_revision = agent_position(w->a).revision - chance(w, 2);
    }
    (void)!agent_take(w->a, &f.u, &err);
}

static void drop(struct ruleset **set)
{
    ruleset_unref(*set);
    *set = NULL;
}

static void walk_job(struct walk *w)
{
    switch (agent_next(w->a)) {
    case AGENT_IDLE:
        break;
    case AGENT_WRITE:
        assert_false(w->writing);
        w->writing = agent_write_started(w->a) != NULL;
        break;
    case AGENT_PUBLISH:
        drop(&w->out[1]);
        w->out[1] = w->out[0];
        w->out[0] = agent_publishable(w->a);
        break;
    case AGENT_ACK:
        assert_non_null(agent_served(w->a));
        agent_acked(w->a);
        break;
    case AGENT_NACK:
        agent_nacked(w->a);
        break;
    case AGENT_TELL:
        assert_true(agent_untold(w->a)->active);
        agent_told(w->a);
        break;
    }
}

/* Somebody at the node says "legacy", for one of the names or for all of them. */
static void walk_order(struct walk *w)
{
    struct emergency order = {.ordered_at = {1}};
    unsigned which = chance(w, ARRAY_LEN(walk_names) + 1);
    struct err err;

    if (which < ARRAY_LEN(walk_names))
        (void)str_fmt(order.migration.s, sizeof order.migration.s, "%s", walk_names[which]);
    (void)str_fmt(order.reason, sizeof order.reason, "INC-%u", chance(w, 3));
    (void)!agent_order(w->a, &order, &err);
}

static void walk_outcome(struct walk *w)
{
    unsigned which = chance(w, 2);

    if (w->writing && chance(w, 2) == 0) {
        if (chance(w, 3) == 0)
            agent_write_failed(w->a, "disk");
        else
            agent_written(w->a);
        w->writing = false;
    }
    if (!w->out[which])
        return;
    if (chance(w, 4) == 0)
        agent_lacking(w->a, w->out[which], "name");
    agent_serving(w->a, w->out[which], (wall_t){1});
    drop(&w->out[which]);
}

static void walk_check(struct walk *w)
{
    uint64_t serving = agent_position_serving(w->a).revision;

    assert_true(serving >= w->served);
    w->served = serving;
    for (unsigned i = 0; i < ARRAY_LEN(walk_names); i++) {
        const struct emergency *o = epochs_find(agent_epochs(w->a), walk_names[i]);

        assert_true(!o || o->epoch >= w->seen_epoch[i]);
        w->seen_epoch[i] = o ? o->epoch : 0;
    }
    if (agent_accepted(w->a))
        assert_true(epochs_obeyed(agent_epochs(w->a), agent_accepted(w->a)));
}

/* Let everything succeed: the node must come to rest and serve what it accepted. */
static void walk_settle(struct walk *w)
{
    struct fixture_update f;
    struct err err;

    drop(&w->out[1]);
    fixture_full(&f, w->revision + 10, 10);
    assert_true(take(w->a, &f, &err) >= 0);
    for (unsigned i = 0; i < 32; i++) {
        walk_job(w);
        if (w->writing)
            agent_written(w->a);
        w->writing = false;
        if (w->out[0])
            agent_serving(w->a, w->out[0], (wall_t){1});
        drop(&w->out[0]);
        drop(&w->out[1]);
    }
    assert_int_equal(agent_next(w->a), AGENT_IDLE);
    assert_ptr_equal(agent_served(w->a), agent_accepted(w->a));
    assert_int_equal(agent_position_serving(w->a).revision, w->revision + 10);
    assert_true(epochs_obeyed(agent_epochs(w->a), agent_served(w->a)));
}

static void random_walks_keep_the_promises(void **state UNUSED)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct walk w = {.a = fixture_agent(), .revision = 1};

        rng_seed(&w.rng, seed);
        for (unsigned i = 0; i < 400; i++) {
            if (chance(&w, 20) == 0)
                agent_connected(w.a, chance(&w, 3) > 0);
            if (chance(&w, 3) == 0)
                walk_update(&w);
            if (chance(&w, 15) == 0)
                agent_retry(w.a);
            if (chance(&w, 15) == 0)
                walk_order(&w);
            walk_job(&w);
            walk_outcome(&w);
            walk_check(&w);
        }
        agent_connected(w.a, true);
        walk_settle(&w);
        agent_free(w.a);
    }
}

/* ---- what is this node's own ----------------------------------------------------------------- */

static struct selector selector_of(const char *text)
{
    struct selector s;

    assert_int_equal(selector_parse(str_of(text), &s, NULL), 0);
    return s;
}

/* "app" at 10 %, its nodes of `ahead` at 50 %. */
static void wave_update(struct fixture_update *f, uint64_t revision, const char *ahead)
{
    struct route *r = &f->route[0].route;

    fixture_begin(f, revision);
    fixture_add(f, "app", 1000);
    r->ahead.selector[0] = selector_of(ahead);
    r->ahead.selector_count = 1;
    r->ahead.weight_bp = 5000;
    (void)str_fmt(r->ahead.stage, sizeof r->ahead.stage, "half");
    f->u.checksum = fixture_sum(f);
}

static const struct route *served_app(const struct agent *a)
{
    return &ruleset_find(agent_served(a), "app")->route;
}

static void a_wave_that_has_begun_is_served_by_its_nodes(void **state)
{
    struct fixture_update f;

    wave_update(&f, 1, "cluster=us-1");
    serve(*state, &f);
    assert_int_equal(served_app(*state)->weight_bp, 1000);
    assert_string_equal(served_app(*state)->stage, "");

    wave_update(&f, 2, "cluster=eu-1");
    serve(*state, &f);
    assert_int_equal(served_app(*state)->weight_bp, 5000);
    assert_string_equal(served_app(*state)->stage, "half");
    assert_int_equal(served_app(*state)->ahead.selector_count, 0);

    wave_update(&f, 3, "name=n1");
    serve(*state, &f);
    assert_int_equal(served_app(*state)->weight_bp, 5000);
}

static void the_bytes_and_the_checksum_stay_the_coordinators(void **state)
{
    struct fixture_update f;

    wave_update(&f, 1, "zone=a");
    serve(*state, &f);
    assert_true(sha256_eq(&agent_served(*state)->checksum, &f.u.checksum));
    assert_true(str_eq(ruleset_find(agent_served(*state), "app")->rule, f.route[0].rule));
}

static void a_route_that_is_not_named_keeps_what_was_this_nodes(void **state)
{
    struct fixture_update f, both;
    struct err err;

    wave_update(&f, 1, "zone=a");
    serve(*state, &f);
    wave_update(&both, 2, "zone=a");
    fixture_add(&both, "other", 1);
    fixture_begin(&f, 2);
    f.u.full = false;
    f.u.base_revision = 1;
    fixture_add(&f, "other", 1);
    f.u.checksum = fixture_sum(&both);
    fixture_order(&f, "app", 4, true);
    assert_ok(take(*state, &f, &err), &err);
    publish(*state);
    assert_int_equal(served_app(*state)->weight_bp, 5000);
    assert_int_equal(ruleset_find(agent_served(*state), "app")->emergency.epoch, 4);
}

static void what_the_disk_had_is_this_nodes_too(void **state UNUSED)
{
    CLEANUP(agent_freep) struct agent *a = fixture_agent();
    CLEANUP(ruleset_unrefp) struct ruleset *set = ruleset_new("aaaa", 1, 1);
    struct epochs epochs = {.count = 0};
    struct fixture_update f;

    wave_update(&f, 1, "zone=a");
    assert_int_equal(ruleset_add(set, &f.route[0].route, f.route[0].rule, NULL), 0);
    assert_int_equal(ruleset_finish(set, NULL), 0);
    agent_restore(a, set, &epochs);
    publish(a);
    assert_int_equal(served_app(a)->weight_bp, 5000);
    assert_true(sha256_eq(&agent_served(a)->checksum, &f.u.checksum));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_update_is_written_then_served_then_acknowledged),
        TEST(a_newer_update_overtakes_one_that_is_being_written),
        TEST(a_partial_update_changes_what_it_names),
        TEST(what_is_known_is_acknowledged_again),
        TEST(a_gap_is_told),
        TEST(a_new_store_is_taken_as_a_whole),
        TEST(what_is_stored_counts_whatever_the_term),
        TEST(bad_updates_are_refused_and_nothing_changes),
        TEST(an_unheard_refusal_is_forgotten_with_the_stream),
        TEST(an_emergency_is_served_before_the_disk_has_it),
        TEST(an_emergency_overtakes_a_set_that_is_being_published),
        TEST(nothing_but_a_higher_epoch_lifts_an_order),
        TEST(the_order_in_a_refused_update_holds),
        TEST(the_order_in_a_gap_holds),
        TEST(an_order_without_epoch_is_refused),
        TEST(a_set_that_cannot_be_written_is_not_served),
        TEST(an_emergency_is_served_without_a_disk),
        TEST(an_emergency_after_a_refusal_is_acknowledged_without_a_disk),
        TEST(an_order_is_lifted_without_a_disk),
        TEST(a_set_that_lacks_a_name_is_served_and_told),
        TEST(a_failed_write_goes_back_to_what_is_being_published),
        cmocka_unit_test(a_stored_set_serves_without_a_coordinator),
        cmocka_unit_test(a_stored_set_is_gone_back_to_when_the_next_cannot_be_kept),
        TEST(freshness_is_told),
        TEST(a_wave_that_has_begun_is_served_by_its_nodes),
        TEST(the_bytes_and_the_checksum_stay_the_coordinators),
        TEST(a_route_that_is_not_named_keeps_what_was_this_nodes),
        cmocka_unit_test(what_the_disk_had_is_this_nodes_too),
        cmocka_unit_test(random_walks_keep_the_promises),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
