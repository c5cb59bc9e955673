/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/atomic_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/unit.h"

static char folder[64];
static char path[128];

static int make_folder(void **state UNUSED)
{
    str_fmt(folder, sizeof folder, "/tmp/sy-atomic-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    str_fmt(path, sizeof path, "%s/state", folder);
    return 0;
}

static int remove_folder(void **state UNUSED)
{
    unlink(path);
    return rmdir(folder); /* fails when anything was left behind */
}

static void write_state(const char *content)
{
    struct err e;

    assert_ok(atomic_file_write(path, "ruleset", str_of(content), &e), &e);
}

static void assert_state(const char *content)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(1000);
    struct err e;

    assert_ok(atomic_file_read(path, "ruleset", &b, &e), &e);
    assert_string_equal(buf_text(&b), content);
}

static void assert_corrupt(const char *why)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(1000);
    struct err e;

    assert_fails(atomic_file_read(path, "ruleset", &b, &e), ERR_CORRUPT);
    assert_holds(e.msg, path);
    assert_holds(e.msg, why);
    assert_int_equal(b.len, 0);
}

static void what_was_written_is_read(void **state UNUSED)
{
    struct stat st;

    write_state("first");
    write_state("");
    assert_state("");
    write_state("second\nline");
    assert_state("second\nline");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_missing_file_is_not_found(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(1000);

    assert_fails(atomic_file_read(path, "ruleset", &b, NULL), ERR_NOT_FOUND);
}

static void a_torn_file_is_known_at_every_length(void **state UNUSED)
{
    struct stat st;

    write_state("content that matters");
    assert_int_equal(stat(path, &st), 0);
    for (off_t len = st.st_size - 1; len >= 0; len--) {
        assert_int_equal(truncate(path, len), 0);
        assert_corrupt("");
    }
}

static void any_flipped_bit_is_known(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf whole = BUF_INIT(1000);
    struct err e;

    write_state("content that matters");
    assert_ok(file_read(path, &whole, &e), &e);
    for (size_t i = 0; i < whole.len; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            int fd = open(path, O_WRONLY);
            char c = (char)(whole.data[i] ^ (1 << bit));
            assert_int_equal(pwrite(fd, &c, 1, (off_t)i), 1);
            assert_corrupt("");
            assert_int_equal(pwrite(fd, &whole.data[i], 1, (off_t)i), 1);
            close(fd);
        }
    assert_state("content that matters");
}

static void another_kind_is_refused_by_name(void **state UNUSED)
{
    struct err e;

    assert_ok(atomic_file_write(path, "orders", STR("x"), &e), &e);
    assert_corrupt("another kind");
}

static void the_readers_maximum_holds(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf exact = BUF_INIT(20), small = BUF_INIT(19);
    struct err e;

    write_state("content that matters");
    assert_ok(atomic_file_read(path, "ruleset", &exact, &e), &e);
    assert_fails(atomic_file_read(path, "ruleset", &small, &e), ERR_EXHAUSTED);
}

#ifndef NDEBUG
/* SWITCHYARD_FAILPOINTS is read once in a process: the second write and then the second rename
 * fail. */
static void a_failed_write_or_rename_leaves_the_old_file(void **state UNUSED)
{
    struct err e;

    write_state("old"); /* write 1, rename 1 */
    assert_fails(atomic_file_write(path, "ruleset", STR("new"), &e), ERR_EXHAUSTED); /* write 2 */
    assert_holds(e.msg, "No space left");
    assert_state("old");
    assert_fails(atomic_file_write(path, "ruleset", STR("new"), &e),
                 ERR_IO); /* write 3, rename 2 */
    assert_holds(e.msg, "rename");
    assert_state("old");
    write_state("new");
    assert_state("new");
}
#endif

static void an_unusable_folder_is_an_error(void **state UNUSED)
{
    struct err e;

    assert_fails(atomic_file_write("/nonexistent-folder/x", "ruleset", STR("x"), &e),
                 ERR_NOT_FOUND);
    assert_holds(e.msg, "/nonexistent-folder/x");
}

static void plain_files_are_read_up_to_the_maximum(void **state UNUSED)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(100000), small = BUF_INIT(10);
    struct err e;
    int fd = open(path, O_WRONLY | O_CREAT, 0600);

    for (unsigned i = 0; i < 5000; i++)
        assert_int_equal(write(fd, "0123456789", 10), 10);
    close(fd);
    assert_ok(file_read(path, &b, &e), &e);
    assert_int_equal(b.len, 50000);
    assert_fails(file_read(path, &small, &e), ERR_EXHAUSTED);
    assert_fails(file_read(folder, &b, &e), ERR_INVALID);
    assert_holds(e.msg, "not a plain file");
}

static void assert_plain(const char *content)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(1000);
    struct stat st;
    struct err e;

    assert_ok(file_read(path, &b, &e), &e);
    assert_string_equal(buf_text(&b), content);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_plain_file_replaces_another_only_when_told(void **state UNUSED)
{
    struct err e;

    assert_ok(file_write(path, STR("one"), false, &e), &e);
    assert_plain("one");
    assert_fails(file_write(path, STR("two"), false, &e), ERR_EXISTS);
    assert_holds(e.msg, path);
    assert_plain("one");
    assert_ok(file_write(path, STR("two"), true, &e), &e);
    assert_plain("two");
}

static void a_plain_file_needs_a_folder_that_can_be_written(void **state UNUSED)
{
    struct err e;

    assert_fails(file_write("/nonexistent/file", STR("x"), true, &e), ERR_NOT_FOUND);
    assert_holds(e.msg, "/nonexistent/file");
}

static void folders_are_made_with_their_parents(void **state UNUSED)
{
    char deep[128], parent[128], below[160];
    struct stat st;
    struct err e;

    str_fmt(parent, sizeof parent, "%s/a", folder);
    str_fmt(deep, sizeof deep, "%s/b/", parent);
    assert_ok(dir_make(deep, &e), &e);
    assert_ok(dir_make(deep, &e), &e);
    assert_int_equal(stat(deep, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    rmdir(deep);
    rmdir(parent);
    write_state("in the way");
    str_fmt(below, sizeof below, "%s/x", path);
    assert_fails(dir_make(below, &e), ERR_IO);
    assert_holds(e.msg, "Not a directory");
    assert_fails(dir_make("", &e), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifndef NDEBUG /* release builds have no failpoints */
        /* First, because it counts the writes of this process. */
        cmocka_unit_test_setup_teardown(a_failed_write_or_rename_leaves_the_old_file, make_folder,
                                        remove_folder),
#endif
        cmocka_unit_test_setup_teardown(what_was_written_is_read, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_missing_file_is_not_found, make_folder, NULL),
        cmocka_unit_test_setup_teardown(a_torn_file_is_known_at_every_length, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(any_flipped_bit_is_known, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(another_kind_is_refused_by_name, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(the_readers_maximum_holds, make_folder, remove_folder),
        cmocka_unit_test(an_unusable_folder_is_an_error),
        cmocka_unit_test_setup_teardown(plain_files_are_read_up_to_the_maximum, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_plain_file_replaces_another_only_when_told, make_folder,
                                        remove_folder),
        cmocka_unit_test(a_plain_file_needs_a_folder_that_can_be_written),
        cmocka_unit_test_setup_teardown(folders_are_made_with_their_parents, make_folder,
                                        remove_folder),
    };
    setenv("SWITCHYARD_FAILPOINTS", "state.write=enospc*2,state.rename=eio*2", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
