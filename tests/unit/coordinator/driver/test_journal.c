/* SPDX-License-Identifier: Apache-2.0 */
/* The journal of emergency orders: what a later process finds, what cannot be read, who told. */
#include "coordinator/driver/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/atomic_file.h"
#include "common/base/mem.h"
#include "tests/lib/unit.h"

struct fixture {
    char dir[64];
    char path[128];
    struct journal journal;
};

static int setup(void **state)
{
    struct fixture *f = xnew(struct fixture);
    struct err err;

    str_fmt(f->dir, sizeof f->dir, "/tmp/journal-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    str_fmt(f->path, sizeof f->path, "%s/journal", f->dir);
    assert_ok(journal_open(&f->journal, f->path, &err), &err);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    journal_deinit(&f->journal);
    chmod(f->dir, 0700);
    unlink(f->path);
    rmdir(f->dir);
    free(f);
    return 0;
}

static struct emergency order(const char *migration, uint64_t epoch)
{
    struct emergency e = {.epoch = epoch, .active = true, .ordered_at = {dur_s(1000).ns}};

    str_fmt(e.migration.s, sizeof e.migration.s, "%s", migration);
    str_fmt(e.reason, sizeof e.reason, "a \"quoted\"\nreason, ünïcode");
    str_fmt(e.operator_name, sizeof e.operator_name, "alice");
    str_fmt(e.request, sizeof e.request, "9f3c00a1d2e4b576");
    return e;
}

static void add(struct fixture *f, const char *migration, uint64_t epoch)
{
    struct emergency e = order(migration, epoch);
    struct err err;

    assert_ok(journal_add(&f->journal, &e, 1, &err), &err);
}

static void stored(struct fixture *f, const char *migration, uint64_t epoch)
{
    struct err err;

    assert_ok(journal_stored(&f->journal, migration, epoch, &err), &err);
}

static void reopen(struct fixture *f)
{
    struct err err;

    journal_deinit(&f->journal);
    assert_ok(journal_open(&f->journal, f->path, &err), &err);
}

static void orders_are_found_by_the_next_process(void **state)
{
    struct fixture *f = *state;
    struct emergency want = order("app", 7);
    const struct emergency *have;

    add(f, "app", 7);
    reopen(f);
    assert_int_equal(journal_unstored(&f->journal), 1);
    assert_int_equal(journal_epoch(&f->journal), 7);
    have = journal_next(&f->journal);
    assert_non_null(have);
    assert_memory_equal(have, &want, sizeof want);
}

static void what_the_store_learned_of_is_taken_out(void **state)
{
    struct fixture *f = *state;

    add(f, "app", 7);
    add(f, "shop", 8);
    stored(f, "app", 6); /* an older one says nothing */
    assert_int_equal(journal_unstored(&f->journal), 2);
    stored(f, "app", 9);
    assert_int_equal(journal_unstored(&f->journal), 1);
    assert_string_equal(journal_next(&f->journal)->migration.s, "shop");
    stored(f, "other", 9);
    reopen(f);
    assert_int_equal(journal_unstored(&f->journal), 1);
    stored(f, "shop", 8);
    reopen(f);
    assert_null(journal_next(&f->journal));
}

static void a_newer_order_takes_an_older_ones_place(void **state)
{
    struct fixture *f = *state;

    add(f, "app", 7);
    stored(f, "app", 7);
    add(f, "app", 9);
    add(f, "app", 8);
    reopen(f);
    assert_int_equal(journal_unstored(&f->journal), 1);
    assert_int_equal(journal_next(&f->journal)->epoch, 9);
}

static void a_disk_that_fails_does_not_lose_the_order(void **state)
{
    struct fixture *f = *state;
    struct emergency e = order("app", 7);
    struct err err;

    f->journal.path = "/proc/no/journal";
    assert_true(journal_add(&f->journal, &e, 1, &err) < 0);
    assert_holds(err.msg, "keep the order in the journal");
    assert_int_equal(journal_unstored(&f->journal), 1);
    f->journal.path = f->path;
    add(f, "shop", 8);
    reopen(f);
    assert_int_equal(journal_unstored(&f->journal), 2);
}

static void without_a_file_it_is_kept_in_memory(void **state UNUSED)
{
    struct emergency e = order("app", 7);
    struct journal j;
    struct err err;

    assert_ok(journal_open(&j, NULL, &err), &err);
    assert_ok(journal_add(&j, &e, 1, &err), &err);
    assert_int_equal(journal_unstored(&j), 1);
    journal_deinit(&j);
}

/* ---- what cannot be read --------------------------------------------------------------------- */

static void refuses(struct fixture *f, const char *content, const char *why)
{
    struct journal j;
    struct err err;

    assert_ok(atomic_file_write(f->path, "journal", str_of(content), &err), &err);
    assert_fails(journal_open(&j, f->path, &err), ERR_CORRUPT);
    journal_deinit(&j);
    assert_holds(err.msg, f->path);
    assert_holds(err.msg, why);
    assert_holds(err.hint, "move it away");
}

#define REST "\"operator\":\"a\",\"reason\":\"r\",\"orderedAt\":\"2026-11-21T10:00:00.000Z\"}"

static void lines_that_are_no_orders_are_named(void **state)
{
    struct fixture *f = *state;

    refuses(f, "{\n", "line 1");
    refuses(f, "[]\n", "line 1");
    refuses(f, "{\"migration\":\"app\",\"epoch\":0," REST "\n", "line 1");
    refuses(f, "{\"migration\":\"a b\",\"epoch\":1," REST "\n", "migration's name");
    refuses(f, "{\"migration\":\"app\",\"epoch\":1," REST "\n\n", "line 2");
    refuses(f, "{\"migration\":\"app\",\"epoch\":1,\"operator\":\"a\"}\n", "line 1");
}

static void a_torn_file_is_refused(void **state)
{
    struct fixture *f = *state;
    struct journal j;
    struct err err;
    FILE *file;

    add(f, "app", 7);
    file = fopen(f->path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, -3, SEEK_END), 0);
    assert_int_equal(fputc('x', file), 'x');
    assert_int_equal(fclose(file), 0);
    assert_fails(journal_open(&j, f->path, &err), ERR_CORRUPT);
    journal_deinit(&j);
}

/* ---- who told -------------------------------------------------------------------------------- */

static void tell(struct fixture *f, const char *node, const char *migration, uint64_t epoch)
{
    struct emergency e = order(migration, epoch);
    struct name name;

    str_fmt(name.s, sizeof name.s, "%s", node);
    journal_told(&f->journal, &name, &e);
}

static void nodes_serve_what_they_told_of(void **state)
{
    struct fixture *f = *state;
    const struct journal *j = &f->journal;

    add(f, "app", 7);
    add(f, "shop", 7);
    tell(f, "n1", "app", 7);
    tell(f, "n1", "shop", 9);
    tell(f, "n2", "app", 6);
    tell(f, "n2", "shop", 7);
    assert_true(journal_serves(j, "n1", "app", 7));
    assert_true(journal_serves(j, "n1", "", 7));
    assert_false(journal_serves(j, "n1", "app", 8));
    assert_false(journal_serves(j, "n2", "app", 7));
    assert_true(journal_serves(j, "n2", "shop", 7));
    assert_false(journal_serves(j, "n2", "", 7));
    assert_false(journal_serves(j, "n3", "", 7));
    stored(f, "app", 7);
    assert_true(journal_serves(j, "n1", "app", 7));
}

#define JOURNAL_TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        JOURNAL_TEST(orders_are_found_by_the_next_process),
        JOURNAL_TEST(what_the_store_learned_of_is_taken_out),
        JOURNAL_TEST(a_newer_order_takes_an_older_ones_place),
        JOURNAL_TEST(a_disk_that_fails_does_not_lose_the_order),
        JOURNAL_TEST(without_a_file_it_is_kept_in_memory),
        JOURNAL_TEST(lines_that_are_no_orders_are_named),
        JOURNAL_TEST(a_torn_file_is_refused),
        JOURNAL_TEST(nodes_serve_what_they_told_of),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
