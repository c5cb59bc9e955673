/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/state_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/atomic_file.h"
#include "common/base/mem.h"
#include "tests/lib/wait.h"

struct fixture {
    char folder[64], last[96], previous[96];
    struct loop *loop;
    struct state_file *file;
    struct epochs epochs;
    unsigned written, failed;
    char why[TEXT_SIZE];
};

static void on_written(void *ctx, const struct err *err)
{
    struct fixture *f = ctx;

    f->written += err == NULL;
    f->failed += err != NULL;
    (void)str_fmt(f->why, sizeof f->why, "%s", err ? err->msg : "");
}

static void open_file(struct fixture *f)
{
    struct err err = {0};

    assert_ok(state_file_open(f->folder, f->loop, on_written, f, &f->file, &err), &err);
}

static void reopen(struct fixture *f)
{
    state_file_close(steal(f->file));
    open_file(f);
}

static int setup(void **state)
{
    struct fixture *f = xnew(struct fixture);
    struct err err = {0};

    (void)str_fmt(f->folder, sizeof f->folder, "/tmp/state-file-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)str_fmt(f->last, sizeof f->last, "%s/ruleset.json", f->folder);
    (void)str_fmt(f->previous, sizeof f->previous, "%s/ruleset.previous.json", f->folder);
    assert_ok(loop_new(clock_system, &f->loop, &err), &err);
    open_file(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    static const char *const names[] = {"lock",
                                        "ruleset.json",
                                        "ruleset.json.new",
                                        "ruleset.json.damaged",
                                        "ruleset.previous.json",
                                        "ruleset.previous.json.damaged"};
    struct fixture *f = *state;

    state_file_close(f->file);
    loop_free(f->loop);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[128];

        (void)str_fmt(path, sizeof path, "%s/%s", f->folder, names[i]);
        (void)unlink(path);
        (void)rmdir(path);
    }
    assert_int_equal(rmdir(f->folder), 0);
    xfreep(&f);
    return 0;
}

/* ---- sets, whose rules are their weights ----------------------------------------------------- */

static int decode(struct str rule, struct route *ret, struct err *err)
{
    uint64_t weight;

    *ret = (struct route){.migration = {"app"}, .salt = "app"};
    if (!str_to_u64(rule, WEIGHT_BP_MAX, &weight))
        return err_set(err, ERR_INVALID, "not a weight");
    ret->weight_bp = (uint32_t)weight;
    return 0;
}

static struct ruleset *set_of(uint64_t revision)
{
    struct ruleset *set = ruleset_new("cafe", 1, revision);
    struct route route;

    assert_int_equal(decode(STR("5000"), &route, NULL), 0);
    assert_int_equal(ruleset_add(set, &route, STR("5000"), NULL), 0);
    assert_int_equal(ruleset_finish(set, NULL), 0);
    return set;
}

static bool write_set(struct fixture *f, uint64_t revision)
{
    CLEANUP(ruleset_unrefp) struct ruleset *set = set_of(revision);
    unsigned before = f->written + f->failed;

    state_file_write(f->file, set, &f->epochs);
    WAIT_FOR(f->loop, f->written + f->failed > before);
    return f->why[0] == '\0';
}

static void give_order(struct fixture *f, uint64_t epoch)
{
    struct emergency order = {.migration = {"app"}, .epoch = epoch, .active = true};

    assert_int_equal(epochs_take(&f->epochs, &order), EPOCH_NEWER);
}

/* The outcome of a new start; the revision read and the epoch of the order for "app". */
static int restart(struct fixture *f, uint64_t *ret_revision, uint64_t *ret_epoch, struct err *err)
{
    CLEANUP(ruleset_unrefp) struct ruleset *set = NULL;
    CLEANUP(xfreep) struct epochs *epochs = xnew(struct epochs);
    const struct emergency *order;
    int r;

    reopen(f);
    r = state_file_read(f->file, decode, &set, epochs, err);
    order = epochs_find(epochs, "app");
    *ret_revision = set ? set->revision : 0;
    *ret_epoch = order ? order->epoch : 0;
    return r;
}

/* One bit of the middle turns. */
static void damage(const char *path)
{
    FILE *file = fopen(path, "r+");
    long size;
    int c;

    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    size = ftell(file);
    assert_int_equal(fseek(file, size / 2, SEEK_SET), 0);
    c = fgetc(file);
    assert_int_equal(fseek(file, size / 2, SEEK_SET), 0);
    assert_int_equal(fputc(c ^ 0x20, file), c ^ 0x20);
    assert_int_equal(fclose(file), 0);
}

static void cut(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size / 2), 0);
}

/* ---- what is proved -------------------------------------------------------------------------- */

static void a_first_start_finds_nothing(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    uint64_t revision, epoch;

    assert_fails(restart(f, &revision, &epoch, &err), ERR_NOT_FOUND);
}

static void the_last_set_and_its_orders_are_read(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    uint64_t revision, epoch;

    assert_true(write_set(f, 5));
    give_order(f, 3);
    assert_true(write_set(f, 6));
    assert_ok(restart(f, &revision, &epoch, &err), &err);
    assert_int_equal(revision, 6);
    assert_int_equal(epoch, 3);
}

static void a_second_sidecar_is_kept_out(void **state)
{
    struct fixture *f = *state;
    struct state_file *second;
    struct err err = {0};

    assert_fails(state_file_open(f->folder, f->loop, on_written, f, &second, &err),
                 ERR_UNAVAILABLE);
    assert_holds(err.msg, f->folder);
    assert_holds(err.hint, "--data");
}

static void a_damaged_file_gives_way_to_the_one_before(void **state)
{
    static void (*const spoil[])(const char *path) = {damage, cut};
    struct fixture *f = *state;
    char aside[128];

    (void)str_fmt(aside, sizeof aside, "%s.damaged", f->last);
    for (size_t i = 0; i < ARRAY_LEN(spoil); i++) {
        struct err err = {0};
        uint64_t revision, epoch;

        assert_true(write_set(f, 10 * i + 5));
        assert_true(write_set(f, 10 * i + 6));
        spoil[i](f->last);
        assert_int_equal(restart(f, &revision, &epoch, &err), STATE_PREVIOUS);
        assert_int_equal(err.code, ERR_CORRUPT);
        assert_holds(err.msg, f->last);
        assert_int_equal(revision, 10 * i + 5);
        assert_int_equal(access(aside, F_OK), 0);

        /* It is the last one now, and both are again there with the next write. */
        assert_ok(restart(f, &revision, &epoch, &err), &err);
        assert_int_equal(revision, 10 * i + 5);
        assert_true(write_set(f, 10 * i + 7));
        damage(f->last);
        assert_int_equal(restart(f, &revision, &epoch, &err), STATE_PREVIOUS);
        assert_int_equal(revision, 10 * i + 5);
    }
}

/* The file before has the older set, and the newest orders. */
static void a_damaged_file_lifts_no_order(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    uint64_t revision, epoch;

    assert_true(write_set(f, 5));
    give_order(f, 3);
    assert_true(write_set(f, 5));
    assert_true(write_set(f, 6));
    give_order(f, 4);
    assert_true(write_set(f, 6));
    damage(f->last);
    assert_int_equal(restart(f, &revision, &epoch, &err), STATE_PREVIOUS);
    assert_int_equal(epoch, 4);
}

static void two_damaged_files_are_both_named(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    uint64_t revision, epoch;

    assert_true(write_set(f, 5));
    assert_true(write_set(f, 6));
    damage(f->last);
    cut(f->previous);
    assert_fails(restart(f, &revision, &epoch, &err), ERR_CORRUPT);
    assert_holds(err.msg, f->last);
    assert_holds(err.msg, f->previous);
    assert_fails(restart(f, &revision, &epoch, &err), ERR_NOT_FOUND); /* they are set aside */
}

static void a_lost_file_is_told_and_the_one_before_used(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    uint64_t revision, epoch;

    assert_true(write_set(f, 5));
    assert_true(write_set(f, 6));
    assert_int_equal(unlink(f->last), 0);
    assert_int_equal(restart(f, &revision, &epoch, &err), STATE_PREVIOUS);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(revision, 5);
}

static void another_kind_of_file_is_refused(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    uint64_t revision, epoch;

    assert_ok(atomic_file_write(f->last, "journal", STR("{}"), &err), &err);
    assert_fails(restart(f, &revision, &epoch, &err), ERR_CORRUPT);
    assert_holds(err.msg, "another kind");
    assert_ok(atomic_file_write(f->last, "ruleset", STR("{}"), &err), &err);
    assert_fails(restart(f, &revision, &epoch, &err), ERR_CORRUPT);
    assert_holds(err.msg, "format");
}

static void a_write_that_fails_leaves_both_files(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    uint64_t revision, epoch;
    char new[128];

    assert_true(write_set(f, 5));
    assert_true(write_set(f, 6));
    (void)str_fmt(new, sizeof new, "%s.new", f->last);
    assert_int_equal(mkdir(new, 0700), 0); /* in the way */
    assert_false(write_set(f, 7));
    assert_false(write_set(f, 7));
    assert_holds(f->why, new);
    assert_int_equal(rmdir(new), 0);
    assert_ok(restart(f, &revision, &epoch, &err), &err);
    assert_int_equal(revision, 6);
    damage(f->last);
    assert_int_equal(restart(f, &revision, &epoch, &err), STATE_PREVIOUS);
    assert_int_equal(revision, 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_first_start_finds_nothing),
        TEST(the_last_set_and_its_orders_are_read),
        TEST(a_second_sidecar_is_kept_out),
        TEST(a_damaged_file_gives_way_to_the_one_before),
        TEST(a_damaged_file_lifts_no_order),
        TEST(two_damaged_files_are_both_named),
        TEST(a_lost_file_is_told_and_the_one_before_used),
        TEST(another_kind_of_file_is_refused),
        TEST(a_write_that_fails_leaves_both_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
