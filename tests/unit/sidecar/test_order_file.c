/* SPDX-License-Identifier: Apache-2.0 */
/* The file that sends everything to legacy: seen whatever way it comes, obeyed once. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/lib/wait.h"

#include "common/base/mem.h"
#include "common/model/ids.h"
#include "sidecar/order_file.h"

struct fixture {
    struct loop *loop;
    struct order_file *file;
    char folder[64], path[96], taken[96];
    unsigned orders;
    bool refuse;
    char reason[TEXT_SIZE];
};

static int on_order(void *ctx, const char *reason)
{
    struct fixture *f = ctx;

    f->orders++;
    (void)str_fmt(f->reason, sizeof f->reason, "%s", reason);
    return f->refuse ? -ERR_REFUSED : 0;
}

static int setup(void **state)
{
    struct fixture *f = xnew(struct fixture);
    struct err err = {0};

    (void)str_fmt(f->folder, sizeof f->folder, "/tmp/switchyard-file-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)str_fmt(f->path, sizeof f->path, "%s/emergency", f->folder);
    (void)str_fmt(f->taken, sizeof f->taken, "%s/emergency.taken", f->folder);
    assert_ok(loop_new(clock_system, &f->loop, &err), &err);
    assert_ok(order_file_new(f->folder, f->loop, on_order, f, &f->file, &err), &err);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    order_file_free(f->file);
    loop_free(f->loop);
    unlink(f->path);
    unlink(f->taken);
    rmdir(f->folder);
    free(f);
    return 0;
}

static void put(const char *path, const char *text)
{
    int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void a_file_is_an_order_with_its_first_line(void **state)
{
    struct fixture *f = *state;

    put(f->path, " INC-7: disk on fire \nand more\n");
    WAIT_FOR(f->loop, f->orders == 1);
    assert_string_equal(f->reason, "INC-7: disk on fire");
    assert_int_equal(access(f->path, F_OK), -1);
    assert_int_equal(access(f->taken, F_OK), 0);
    order_file_look(f->file);
    assert_int_equal(f->orders, 1);

    put(f->path, "again\n");
    WAIT_FOR(f->loop, f->orders == 2);
    assert_string_equal(f->reason, "again");
}

static void a_file_moved_there_counts_and_an_empty_one_too(void **state)
{
    struct fixture *f = *state;
    char other[96];

    (void)str_fmt(other, sizeof other, "%s/other", f->folder);
    put(other, "");
    assert_int_equal(rename(other, f->path), 0);
    WAIT_FOR(f->loop, f->orders == 1);
    assert_string_equal(f->reason, "the file emergency");
}

static void what_is_no_text_is_obeyed_all_the_same(void **state)
{
    struct fixture *f = *state;

    put(f->path, "a\xff\x01z");
    WAIT_FOR(f->loop, f->orders == 1);
    assert_string_equal(f->reason, "a??z");
}

static void a_long_first_line_is_cut_between_characters(void **state)
{
    struct fixture *f = *state;
    char text[3 * TEXT_SIZE];

    text[0] = 'x';
    for (size_t i = 1; i + 2 < sizeof text; i += 2)
        memcpy(&text[i], "\xc3\xa4", 3);
    put(f->path, text);
    WAIT_FOR(f->loop, f->orders == 1);
    assert_true(str_utf8_valid(str_of(f->reason), &(size_t){0}));
}

/* A node that has no routes yet. */
static void a_file_that_cannot_be_obeyed_yet_stays(void **state)
{
    struct fixture *f = *state;

    f->refuse = true;
    put(f->path, "INC-7\n");
    WAIT_FOR(f->loop, f->orders == 1);
    assert_int_equal(access(f->path, F_OK), 0);
    f->refuse = false;
    order_file_look(f->file);
    assert_int_equal(f->orders, 2);
    assert_int_equal(access(f->path, F_OK), -1);
}

static void a_folder_that_is_not_there_is_named(void **state)
{
    struct fixture *f = *state;
    struct order_file *file;
    struct err err = {0};

    assert_fails(order_file_new("/tmp/is/not/there", f->loop, on_order, f, &file, &err),
                 ERR_NOT_FOUND);
    assert_holds(err.msg, "/tmp/is/not/there");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_an_order_with_its_first_line),
        TEST(a_file_moved_there_counts_and_an_empty_one_too),
        TEST(what_is_no_text_is_obeyed_all_the_same),
        TEST(a_long_first_line_is_cut_between_characters),
        TEST(a_file_that_cannot_be_obeyed_yet_stays),
        TEST(a_folder_that_is_not_there_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
