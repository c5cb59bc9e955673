/* SPDX-License-Identifier: Apache-2.0 */
/* Proves: messages of a poster arrive whole and in order from any number of threads, the limit and
 * a closed mailbox refuse, and nothing is lost or delivered twice around closing, and who has the
 * last message may free the mailbox while its poster is still about to return. */
#include "common/loop/mailbox.h"

#include <pthread.h>
#include <setjmp.h> /* not-banned: cmocka.h needs it */
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/loop/thread.h"

enum { POSTERS = 4, PER_POSTER = 2000 };

struct note {
    struct mail mail;
    unsigned from;
    unsigned seq;
};

struct reader {
    struct loop *loop;
    struct mailbox *box;
    unsigned next[POSTERS]; /* sequence number to come */
    unsigned total;
    unsigned stop_at;
    unsigned dropped;
    bool close_on_first;
};

static void on_drop(void *ctx, struct mail *m)
{
    struct reader *r = ctx;

    r->dropped++;
    free(container_of(m, struct note, mail));
}

static void on_note(void *ctx, struct mail *m)
{
    struct reader *r = ctx;
    struct note *n = container_of(m, struct note, mail);

    assert_int_equal(n->seq, r->next[n->from]);
    r->next[n->from]++;
    r->total++;
    free(n);
    if (r->close_on_first)
        mailbox_close(r->box, on_drop);
    if (r->total == r->stop_at)
        loop_stop(r->loop);
}

static struct note *new_note(unsigned from, unsigned seq)
{
    struct note *n = xnew(struct note);

    n->from = from;
    n->seq = seq;
    return n;
}

static void reader_open(struct reader *r, unsigned max)
{
    *r = (struct reader){.total = 0};
    assert_int_equal(loop_new(clock_system, &r->loop, NULL), 0);
    assert_int_equal(mailbox_new(r->loop, max, on_note, r, &r->box, NULL), 0);
}

static void reader_close(struct reader *r)
{
    mailbox_unref(r->box);
    loop_free(r->loop);
}

static bool post(struct reader *r, unsigned from, unsigned seq)
{
    struct note *n = new_note(from, seq);

    if (mailbox_post(r->box, &n->mail))
        return true;
    free(n);
    return false;
}

static void messages_arrive_on_the_turn_in_order(void **state UNUSED)
{
    struct reader r;

    reader_open(&r, 10);
    for (unsigned i = 0; i < 5; i++)
        assert_true(post(&r, 0, i));
    assert_int_equal(r.total, 0);
    loop_turn(r.loop, dur_ns(0));
    assert_int_equal(r.total, 5);
    loop_turn(r.loop, dur_ns(0));
    assert_int_equal(r.total, 5);
    mailbox_close(r.box, NULL);
    reader_close(&r);
}

static void the_limit_refuses_and_the_message_stays_ours(void **state UNUSED)
{
    struct reader r;

    reader_open(&r, 2);
    assert_true(post(&r, 0, 0));
    assert_true(post(&r, 0, 1));
    assert_false(post(&r, 0, 2));
    loop_turn(r.loop, dur_ns(0));
    assert_true(post(&r, 0, 2));
    mailbox_close(r.box, on_drop);
    assert_int_equal(r.total, 2);
    assert_int_equal(r.dropped, 1);
    reader_close(&r);
}

static void a_closed_mailbox_refuses_while_it_is_referenced(void **state UNUSED)
{
    struct reader r;
    struct mailbox *held;

    reader_open(&r, 2);
    held = mailbox_ref(r.box);
    mailbox_close(r.box, NULL);
    reader_close(&r);
    assert_false(mailbox_post(held, &(struct mail){NULL}));
    mailbox_unref(held);
    mailbox_unref(NULL);
}

static void closing_inside_a_delivery_drops_the_rest_of_the_batch(void **state UNUSED)
{
    struct reader r;

    reader_open(&r, 10);
    r.close_on_first = true;
    for (unsigned i = 0; i < 5; i++)
        assert_true(post(&r, 0, i));
    loop_turn(r.loop, dur_ns(0));
    assert_int_equal(r.total, 1);
    assert_int_equal(r.dropped, 4);
    reader_close(&r);
}

struct poster {
    pthread_t id;
    struct reader *r;
    unsigned from;
    unsigned accepted;
};

static void *run_poster(void *arg)
{
    struct poster *p = arg;

    while (p->accepted < PER_POSTER) {
        if (post(p->r, p->from, p->accepted))
            p->accepted++;
        else
            sched_yield();
    }
    mailbox_unref(p->r->box);
    return NULL;
}

static void many_threads_lose_nothing_at_a_tight_limit(void **state UNUSED)
{
    struct reader r;
    struct poster posters[POSTERS];

    reader_open(&r, 16);
    r.stop_at = POSTERS * PER_POSTER;
    for (unsigned i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){.r = &r, .from = i};
        mailbox_ref(r.box);
        assert_int_equal(pthread_create(&posters[i].id, NULL, run_poster, &posters[i]), 0);
    }
    loop_run(r.loop);
    for (unsigned i = 0; i < POSTERS; i++) {
        pthread_join(posters[i].id, NULL);
        assert_int_equal(r.next[i], PER_POSTER);
    }
    mailbox_close(r.box, NULL);
    reader_close(&r);
}

static void *run_until_refused(void *arg)
{
    struct poster *p = arg;

    while (post(p->r, p->from, p->accepted))
        p->accepted++;
    mailbox_unref(p->r->box);
    return NULL;
}

static void closing_under_fire_accounts_for_every_message(void **state UNUSED)
{
    struct reader r;
    struct poster p = {.r = &r};

    reader_open(&r, 1u << 20);
    r.stop_at = 100;
    mailbox_ref(r.box);
    assert_int_equal(pthread_create(&p.id, NULL, run_until_refused, &p), 0);
    loop_run(r.loop);
    mailbox_close(r.box, on_drop);
    pthread_join(p.id, NULL);
    assert_int_equal(r.total + r.dropped, p.accepted);
    reader_close(&r);
}

static void *post_two(void *arg)
{
    struct poster *p = arg;

    while (p->accepted < 2 && post(p->r, p->from, p->accepted))
        p->accepted++;
    return NULL;
}

/* Like a call whose last operation has come back: no poster holds a reference of its own. */
static void whoever_has_the_last_message_may_free_the_mailbox(void **state UNUSED)
{
    for (unsigned round = 0; round < 300; round++) {
        struct reader r;
        struct poster p = {.r = &r};
        bool has_all;

        reader_open(&r, 2);
        assert_int_equal(pthread_create(&p.id, NULL, post_two, &p), 0);
        while (r.total == 0)
            loop_turn(r.loop, dur_s(1));
        for (unsigned i = 0; i < round % 30; i++)
            sched_yield();
        mailbox_close(r.box, on_drop);
        has_all = r.total + r.dropped == 2;
        if (!has_all) /* the second one may just be being refused */
            pthread_join(p.id, NULL);
        reader_close(&r);
        if (has_all)
            pthread_join(p.id, NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_arrive_on_the_turn_in_order),
        cmocka_unit_test(the_limit_refuses_and_the_message_stays_ours),
        cmocka_unit_test(a_closed_mailbox_refuses_while_it_is_referenced),
        cmocka_unit_test(closing_inside_a_delivery_drops_the_rest_of_the_batch),
        cmocka_unit_test(many_threads_lose_nothing_at_a_tight_limit),
        cmocka_unit_test(closing_under_fire_accounts_for_every_message),
        cmocka_unit_test(whoever_has_the_last_message_may_free_the_mailbox),
    };

    return cmocka_run_group_tests_name("mailbox", tests, NULL, NULL);
}
