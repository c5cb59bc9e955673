/* SPDX-License-Identifier: Apache-2.0 */
/* The file behind the SQLite store: what it is made like, which files are refused, and that each
 * refusal says what, why and what to do, and leaves the file alone. */
#include "tests/store/store_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/base/mem.h"

struct fixture {
    char dir[DIR_SIZE];
    char path[DIR_SIZE + 16];
};

static int setup(void **state)
{
    struct fixture *f = xnew(struct fixture);

    make_dir(f->dir);
    snprintf(f->path, sizeof f->path, "%s/store.db", f->dir);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    remove_dir(f->dir);
    free(f);
    return 0;
}

static const char *path_of(void **state)
{
    return ((struct fixture *)*state)->path;
}

static struct store *open_store(const char *path)
{
    struct store *s = NULL;
    struct err err;

    assert_ok(store_sqlite_open(path, &s, &err), &err);
    return s;
}

/* A store with some content, closed. */
static void make_store(const char *path)
{
    static char filler[100000];
    struct store *s = open_store(path);

    memset(filler, 'f', sizeof filler);
    commit(s, TXN(PUT(K("a"), STR("1")), PUT(K("filler"), ((struct str){filler, sizeof filler}))));
    store_free(s);
}

static void assert_says(const struct err *err, const char *words)
{
    if (!strstr(err->msg, words) && !strstr(err->hint, words))
        fail_msg("\"%s\" (\"%s\") does not say \"%s\"", err->msg, err->hint, words);
}

/* Opening fails with `code`, names the file, and says `why` and `next`. */
static void assert_refused(const char *path, int code, const char *why, const char *next)
{
    struct store *s = NULL;
    struct err err = {0};
    int r = store_sqlite_open(path, &s, &err);

    if (r != -code)
        fail_msg("%d instead of %d: %s", r, -code, r < 0 ? err.msg : "opened");
    assert_null(s);
    assert_says(&err, path);
    assert_says(&err, why);
    assert_says(&err, next);
}

static void write_file(const char *path, const void *p, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, p, n), n);
    close(fd);
}

static void sql(const char *path, const char *text)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Run `body` in a process of its own; it ends with _exit(0) when all is well. */
static void in_child(void (*body)(const char *path), const char *path)
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        setenv("CMOCKA_TEST_ABORT", "1", 1); /* not back into the test runner */
        body(path);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- how it is made -------------------------------------------------------------------------- */

static void assert_mode(const char *path, mode_t mode)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, mode);
}

static void file_log_and_folder_are_for_their_owner_only(void **state)
{
    struct fixture *f = *state;
    char path[DIR_SIZE + 32];
    char other[sizeof path + 8];
    mode_t before = umask(0);

    snprintf(path, sizeof path, "%s/data/deep/store.db", f->dir);
    struct store *s = open_store(path);
    commit(s, TXN(PUT(K("a"), STR("1"))));
    assert_mode(path, 0600);
    snprintf(other, sizeof other, "%s-wal", path);
    assert_mode(other, 0600);
    snprintf(other, sizeof other, "%s/data/deep", f->dir);
    assert_mode(other, 0700);
    store_free(s);
    umask(before);
}

static void closing_leaves_one_file(void **state)
{
    struct fixture *f = *state;
    char log[sizeof f->path + 8];

    make_store(f->path);
    snprintf(log, sizeof log, "%s-wal", f->path);
    assert_int_equal(access(log, F_OK), -1);
    assert_int_equal(access(f->path, F_OK), 0);
}

static void empty_file_becomes_a_store(void **state)
{
    write_file(path_of(state), "", 0);
    make_store(path_of(state));
}

/* ---- files that are refused ------------------------------------------------------------------ */

static void text_file_is_refused(void **state)
{
    static const char text[] = "apiVersion: switchyard/v1\nkind: Migration\n";
    char after[sizeof text] = {0};
    FILE *f;

    write_file(path_of(state), text, sizeof text - 1);
    assert_refused(path_of(state), ERR_CORRUPT, "file is not a database", "mv ");
    f = fopen(path_of(state), "re");
    assert_non_null(f);
    assert_int_equal(fread(after, 1, sizeof after, f), sizeof text - 1);
    fclose(f);
    assert_string_equal(after, text);
}

static void database_of_another_program_is_refused(void **state)
{
    sql(path_of(state), "CREATE TABLE places (id INTEGER)");
    assert_refused(path_of(state), ERR_REFUSED, "another program (application id 0)",
                   "name a file");
    sql(path_of(state), "PRAGMA application_id = -5");
    assert_refused(path_of(state), ERR_REFUSED, "(application id -5)", "name a file");
    sql(path_of(state), "SELECT id FROM places"); /* is still there */
}

static void newer_schema_is_refused_with_both_numbers(void **state)
{
    make_store(path_of(state));
    sql(path_of(state), "UPDATE meta SET value = 7 WHERE name = 'schema'");
    assert_refused(path_of(state), ERR_UNSUPPORTED, "schema 7; this coordinator knows schema 1",
                   "run the version");
}

static void store_without_its_facts_is_refused(void **state)
{
    make_store(path_of(state));
    sql(path_of(state), "DELETE FROM meta WHERE name = 'incarnation'");
    assert_refused(path_of(state), ERR_CORRUPT, "no incarnation", "mv ");
    sql(path_of(state), "DELETE FROM meta WHERE name = 'revision'");
    assert_refused(path_of(state), ERR_CORRUPT, "'revision'", "mv ");
    sql(path_of(state), "DROP TABLE meta");
    assert_refused(path_of(state), ERR_CORRUPT, "no such table: meta", "mv ");
}

static void file_cut_in_half_is_refused(void **state)
{
    struct stat st;

    make_store(path_of(state));
    assert_int_equal(stat(path_of(state), &st), 0);
    assert_int_equal(truncate(path_of(state), st.st_size / 2), 0);
    assert_refused(path_of(state), ERR_CORRUPT, "malformed", "put a backup in its place");
}

static void damaged_page_is_refused(void **state)
{
    struct store *s;
    char key[64];
    int fd;

    make_store(path_of(state));
    s = open_store(path_of(state));
    for (int i = 0; i < 300; i++) {
        snprintf(key, sizeof key, STORE_ROOT "some/rather/long/key/%d", i);
        commit(s, TXN(PUT(str_of(key), STR("value"))));
    }
    store_free(s);
    fd = open(path_of(state), O_WRONLY | O_CLOEXEC);
    for (off_t page = 2; page < 6; page++)
        assert_int_equal(pwrite(fd, "\x42\x42\x42\x42\x42\x42\x42\x42", 8, page * 4096), 8);
    close(fd);
    assert_refused(path_of(state), ERR_CORRUPT, "damaged", "put a backup in its place");
}

static void folder_that_is_a_file_is_refused(void **state)
{
    struct fixture *f = *state;
    char path[sizeof f->path + 16];
    struct store *s;
    struct err err;

    write_file(f->path, "x", 1);
    snprintf(path, sizeof path, "%s/store.db", f->path);
    assert_true(store_sqlite_open(path, &s, &err) < 0);
    assert_says(&err, f->path);
    assert_says(&err, "Not a directory");
}

static void folder_in_the_place_of_the_file_is_refused(void **state)
{
    struct fixture *f = *state;
    struct store *s;
    struct err err;

    assert_true(store_sqlite_open(f->dir, &s, &err) < 0);
    assert_says(&err, f->dir);
}

/* ---- two coordinators ------------------------------------------------------------------------ */

static void second_opener_is_told_who_has_it(void **state)
{
    struct store *s = open_store(path_of(state));
    char pid[32];

    snprintf(pid, sizeof pid, "(process %d)", (int)getpid());
    for (int i = 0; i < 2; i++) /* the refusal itself must not give the file away */
        assert_refused(path_of(state), ERR_UNAVAILABLE, "in use by another coordinator", "--data");
    assert_refused(path_of(state), ERR_UNAVAILABLE, pid, "stop that one");
    commit(s, TXN(PUT(K("a"), STR("1"))));
    store_free(s);
    store_free(open_store(path_of(state)));
}

static void child_is_refused(const char *path)
{
    char pid[32];

    snprintf(pid, sizeof pid, "(process %d)", (int)getppid());
    assert_refused(path, ERR_UNAVAILABLE, pid, "--data");
}

static void second_process_is_refused_and_the_first_goes_on(void **state)
{
    struct store *s = open_store(path_of(state));

    commit(s, TXN(PUT(K("a"), STR("1"))));
    in_child(child_is_refused, path_of(state));
    commit(s, TXN(PUT(K("a"), STR("2"))));
    store_free(s);
}

/* ---- no write access ------------------------------------------------------------------------- */

/* Root may write everything: become nobody for good. */
static void drop_root(void)
{
    if (geteuid() != 0)
        return;
    if (setgroups(0, NULL) < 0 || setgid(65534) < 0 || setuid(65534) < 0)
        _exit(1);
}

static void child_sees_a_read_only_file(const char *path)
{
    drop_root();
    assert_refused(path, ERR_DENIED, "read-only", "write access");
}

static void read_only_file_is_refused(void **state)
{
    struct fixture *f = *state;

    make_store(f->path);
    assert_int_equal(chmod(f->path, 0444), 0);
    assert_int_equal(chmod(f->dir, 0777), 0);
    in_child(child_sees_a_read_only_file, f->path);
}

static void child_cannot_make_the_file(const char *path)
{
    drop_root();
    assert_refused(path, ERR_DENIED, "create: Permission denied", path);
}

static void child_cannot_make_the_log(const char *path)
{
    drop_root();
    assert_refused(path, ERR_DENIED, "read-only", "and its folder");
}

static void read_only_folder_is_refused(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(chmod(f->dir, 0555), 0);
    in_child(child_cannot_make_the_file, f->path);
    assert_int_equal(chmod(f->dir, 0755), 0);
    make_store(f->path);
    assert_int_equal(chmod(f->path, 0666), 0);
    assert_int_equal(chmod(f->dir, 0555), 0);
    in_child(child_cannot_make_the_log, f->path);
    assert_int_equal(chmod(f->dir, 0755), 0);
}

/* ---- full disk ------------------------------------------------------------------------------- */

/* Write until it is refused; then all that was acknowledged is there, a small read works, and with
 * room made, writing goes on. */
static void fill(const char *path, void (*make_room)(const char *path))
{
    static char value[50000];
    struct store *s = open_store(path);
    struct err err = {0};
    store_rev rev = 0;
    char key[64];
    int r = 0;
    int n;

    for (n = 0; n < 1000 && r == 0; n++) {
        snprintf(key, sizeof key, STORE_ROOT "fill/%04d", n);
        struct store_txn txn =
            TXN(PUT(str_of(key), ((struct str){value, sizeof value})), PUT(K("last"), str_of(key)));
        r = store_txn(s, &txn, &rev, &err);
    }
    assert_says(&err, "no room is left");
    assert_int_equal(r, -ERR_EXHAUSTED);
    assert_says(&err, "df ");
    assert_absent(s, str_of(key));
    assert_int_equal(revision(s), n - 1);
    snprintf(key, sizeof key, STORE_ROOT "fill/%04d", n - 2);
    assert_value(s, K("last"), str_of(key));

    make_room(path);
    assert_int_equal(commit(s, TXN(PUT(K("after"), STR("1")))), n);
    store_free(s);
    s = open_store(path);
    assert_int_equal(revision(s), n);
    assert_value(s, K("last"), str_of(key));
    store_free(s);
}

static void ballast_path(const char *path, char *ret, size_t size)
{
    snprintf(ret, size, "%.*s/ballast", (int)(strrchr(path, '/') - path), path);
}

static void remove_ballast(const char *path)
{
    char ballast[DIR_SIZE + 16];

    ballast_path(path, ballast, sizeof ballast);
    assert_int_equal(unlink(ballast), 0);
}

/* In a mount namespace of its own: a file system of 4 MiB, 2 of them taken. */
static void child_fills_a_disk(const char *path)
{
    char folder[DIR_SIZE];
    char ballast[DIR_SIZE + 16];

    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    if (unshare(CLONE_NEWNS | (geteuid() ? CLONE_NEWUSER : 0)) < 0 ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", folder, "tmpfs", 0, "size=4m,mode=0777") < 0) {
        print_message("no mount of a small disk here: %s\n", strerror(errno));
        _exit(0);
    }
    ballast_path(path, ballast, sizeof ballast);
    char *bytes = xalloc(2u << 20);
    write_file(ballast, bytes, 2u << 20);
    free(bytes);
    fill(path, remove_ballast);
    umount(folder);
}

static void full_disk_refuses_writes_and_keeps_what_is_there(void **state)
{
    in_child(child_fills_a_disk, path_of(state));
}

static void lift_limit(const char *path UNUSED)
{
    struct rlimit lim = {RLIM_INFINITY, RLIM_INFINITY};

    getrlimit(RLIMIT_FSIZE, &lim);
    lim.rlim_cur = lim.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &lim), 0);
}

static void child_meets_a_size_limit(const char *path)
{
    struct rlimit lim;

    getrlimit(RLIMIT_FSIZE, &lim);
    lim.rlim_cur = 1u << 20;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &lim), 0);
    fill(path, lift_limit);
}

static void file_size_limit_is_a_full_disk(void **state)
{
    in_child(child_meets_a_size_limit, path_of(state));
}

/* ---- while it is in use ---------------------------------------------------------------------- */

static int put_one(struct store *s, struct err *err)
{
    const struct store_op op = {.kind = STORE_PUT, .key = K("b"), .value = STR("2")};
    store_rev rev;

    return store_txn(s, &(struct store_txn){.op = &op, .count = 1}, &rev, err);
}

static void file_that_was_moved_away_takes_no_writes(void **state)
{
    const char *path = path_of(state);
    char aside[DIR_SIZE + 32];
    struct store *s;
    struct err err;

    make_store(path);
    s = open_store(path);
    snprintf(aside, sizeof aside, "%s.aside", path);
    assert_int_equal(rename(path, aside), 0);

    assert_int_equal(put_one(s, &err), -ERR_IO);
    assert_says(&err, path);
    assert_says(&err, "start the coordinator again");

    assert_int_equal(rename(aside, path), 0);
    assert_ok(put_one(s, &err), &err);
    store_free(s);
}

static void renewed_store_keeps_everything_but_its_incarnation(void **state)
{
    CLEANUP(buf_deinitp) struct buf value = BUF_INIT(16);
    const char *path = path_of(state);
    char before[STORE_INCARNATION_SIZE];
    store_rev rev = 0;
    struct store *s;
    struct err err;

    make_store(path);
    s = open_store(path);
    memcpy(before, s->incarnation, sizeof before);
    store_free(s);

    assert_ok(store_sqlite_renew(path, &err), &err);

    s = open_store(path);
    assert_string_not_equal(s->incarnation, before);
    assert_ok(store_get(s, K("a"), &value, &rev, &err), &err);
    assert_true(str_eq(buf_view(&value), STR("1")));
    assert_int_equal(rev, 1);
    store_free(s);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(file_log_and_folder_are_for_their_owner_only),
        T(closing_leaves_one_file),
        T(empty_file_becomes_a_store),
        T(text_file_is_refused),
        T(database_of_another_program_is_refused),
        T(newer_schema_is_refused_with_both_numbers),
        T(store_without_its_facts_is_refused),
        T(file_cut_in_half_is_refused),
        T(damaged_page_is_refused),
        T(folder_that_is_a_file_is_refused),
        T(folder_in_the_place_of_the_file_is_refused),
        T(second_opener_is_told_who_has_it),
        T(second_process_is_refused_and_the_first_goes_on),
        T(read_only_file_is_refused),
        T(read_only_folder_is_refused),
        T(full_disk_refuses_writes_and_keeps_what_is_there),
        T(file_size_limit_is_a_full_disk),
        T(file_that_was_moved_away_takes_no_writes),
        T(renewed_store_keeps_everything_but_its_incarnation),
    };

    return cmocka_run_group_tests_name("store file", tests, NULL, NULL);
}
