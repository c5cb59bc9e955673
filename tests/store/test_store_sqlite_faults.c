/* SPDX-License-Identifier: Apache-2.0 */
/* What the SQLite store promises when things break: a transaction is there whole or not at all, an
 * acknowledged one always, and a refused one never.
 *
 * Three ways to break it: every operation on the disk in turn fails, in four ways, and after each
 * the files are also looked at as a crash would have left them; the process is killed at a random
 * moment; the process ends at the named places before and after the commit. */
#include "tests/store/store_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>

#include "common/base/mem.h"

/* ---- a disk that fails ----------------------------------------------------------------------- */

enum fault_mode {
    FAULT_FULL,   /* no room, nothing written; once */
    FAULT_TORN,   /* an error after half of the bytes; once */
    FAULT_UNSAID, /* all done and reported as an error; once */
    FAULT_DEAD,   /* unsaid, and nothing works from then on */
    FAULT_COUNT
};

static struct {
    enum fault_mode mode;
    int left; /* operations that still go through; <0: no fault is set */
    bool struck;
    bool unsynced; /* something was written after the last sync */
} disk = {.left = -1};

struct faulty_file {
    sqlite3_file base;
    sqlite3_file *real; /* in the memory after this struct */
};

static sqlite3_vfs *real_vfs;
static sqlite3_vfs faulty_vfs;

static sqlite3_file *real_of(sqlite3_file *f)
{
    return ((struct faulty_file *)f)->real;
}

/* Count one operation that changes the disk. */
static bool strikes(void)
{
    if (disk.left < 0)
        return false;
    if (disk.left > 0) {
        disk.left--;
        return false;
    }
    if (disk.mode != FAULT_DEAD)
        disk.left = -1;
    disk.struck = true;
    return true;
}

static int on_close(sqlite3_file *f)
{
    return real_of(f)->pMethods->xClose(real_of(f));
}

static int on_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    return real_of(f)->pMethods->xRead(real_of(f), p, n, at);
}

/* How much of an operation that was struck is done all the same: all, half, or nothing. */
static int done_of(int n, bool died_before)
{
    switch (disk.mode) {
    case FAULT_TORN:
        return n / 2;
    case FAULT_UNSAID:
        return n;
    case FAULT_DEAD:
        return died_before ? 0 : n;
    case FAULT_FULL:
    case FAULT_COUNT:
        break;
    }
    return 0;
}

static int on_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    int (*write_real)(sqlite3_file *, const void *, int, sqlite3_int64) =
        real_of(f)->pMethods->xWrite;
    bool died_before = disk.struck;

    disk.unsynced = true;
    if (!strikes())
        return write_real(real_of(f), p, n, at);
    n = done_of(n, died_before);
    if (n > 0)
        write_real(real_of(f), p, n, at);
    return disk.mode == FAULT_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int on_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    bool died_before = disk.struck;

    if (!strikes())
        return real_of(f)->pMethods->xTruncate(real_of(f), size);
    if (done_of(2, died_before) == 2)
        real_of(f)->pMethods->xTruncate(real_of(f), size);
    return SQLITE_IOERR_TRUNCATE;
}

static int on_sync(sqlite3_file *f, int flags)
{
    if (strikes())
        return SQLITE_IOERR_FSYNC;
    disk.unsynced = false;
    return real_of(f)->pMethods->xSync(real_of(f), flags);
}

static int on_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return real_of(f)->pMethods->xFileSize(real_of(f), size);
}

static int on_lock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int on_unlock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int on_check_lock(sqlite3_file *f, int *held)
{
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), held);
}

static int on_control(sqlite3_file *f, int op, void *arg)
{
    return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static int on_sector_size(sqlite3_file *f)
{
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int on_device(sqlite3_file *f)
{
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static const sqlite3_io_methods faulty_io = {
    .iVersion = 1,
    .xClose = on_close,
    .xRead = on_read,
    .xWrite = on_write,
    .xTruncate = on_truncate,
    .xSync = on_sync,
    .xFileSize = on_size,
    .xLock = on_lock,
    .xUnlock = on_unlock,
    .xCheckReservedLock = on_check_lock,
    .xFileControl = on_control,
    .xSectorSize = on_sector_size,
    .xDeviceCharacteristics = on_device,
};

static int on_open(sqlite3_vfs *vfs UNUSED, sqlite3_filename name, sqlite3_file *f, int flags,
                   int *ret_flags)
{
    struct faulty_file *file = (struct faulty_file *)f;
    int rc;

    memset(file, 0, sizeof *file);
    if (strikes())
        return SQLITE_CANTOPEN;
    file->real = (sqlite3_file *)(void *)(file + 1);
    rc = real_vfs->xOpen(real_vfs, name, file->real, flags, ret_flags);
    if (file->real->pMethods)
        file->base.pMethods = &faulty_io;
    return rc;
}

static int on_delete(sqlite3_vfs *vfs UNUSED, const char *name, int sync_dir)
{
    return strikes() ? SQLITE_IOERR_DELETE : real_vfs->xDelete(real_vfs, name, sync_dir);
}

/* So that a short run writes its log back into the file, too. */
static int checkpoint_often(sqlite3 *db, const char **msg UNUSED, const void *api UNUSED)
{
    return sqlite3_wal_autocheckpoint(db, 12);
}

static int install_disk(void **state UNUSED)
{
    real_vfs = sqlite3_vfs_find(NULL);
    faulty_vfs = *real_vfs;
    faulty_vfs.zName = "faulty";
    faulty_vfs.pNext = NULL;
    faulty_vfs.szOsFile += (int)sizeof(struct faulty_file);
    faulty_vfs.xOpen = on_open;
    faulty_vfs.xDelete = on_delete;
    sqlite3_auto_extension((void (*)(void))checkpoint_often);
    return sqlite3_vfs_register(&faulty_vfs, 1);
}

static int remove_disk(void **state UNUSED)
{
    sqlite3_reset_auto_extension();
    return sqlite3_vfs_unregister(&faulty_vfs);
}

/* ---- what is written, and what must be found ------------------------------------------------- */

#define VALUE_SIZE 6000 /* pages overflow: a transaction is many writes */

/* Transaction n puts a value under its own number, the number itself, and takes away what
 * transaction n-2 has put. */
static int write_step(struct store *s, unsigned n, struct err *err)
{
    char value[VALUE_SIZE];
    char key[3][64];
    char number[16];
    store_rev rev = 0;
    int r;

    memset(value, 'a' + n % 26, sizeof value);
    for (unsigned i = 0; i < 3; i++)
        snprintf(key[i], sizeof key[i], STORE_ROOT "step/%u", n - i);
    snprintf(number, sizeof number, "%u", n);
    struct store_txn txn =
        TXN(COMPARE(str_of(key[0]), 0), PUT(str_of(key[0]), ((struct str){value, sizeof value})),
            PUT(K("number"), str_of(number)), DELETE(str_of(key[2])));
    r = store_txn(s, &txn, &rev, err);
    if (r == 0)
        assert_int_equal(rev, n);
    return r;
}

/* How many transactions the store shows; fails unless it shows exactly them. */
static unsigned count_steps(struct store *s)
{
    struct store_list l = {0};
    struct err err;
    char key[64];
    unsigned n;

    assert_ok(store_list(s, STR(STORE_ROOT), &l, &err), &err);
    n = (unsigned)l.rev;
    assert_int_equal(l.count, n == 0 ? 0 : n == 1 ? 2 : 3);
    if (n > 0)
        assert_int_equal(strtoul(l.item[0].value, NULL, 10), n);
    for (size_t i = 1; i < l.count; i++) {
        unsigned step = (unsigned)l.item[i].rev;
        assert_in_range(step, n - 1, n);
        snprintf(key, sizeof key, STORE_ROOT "step/%u", step);
        assert_string_equal(l.item[i].key, key);
        assert_int_equal(l.item[i].value_len, VALUE_SIZE);
        for (size_t k = 0; k < VALUE_SIZE; k++)
            assert_int_equal(l.item[i].value[k], 'a' + step % 26);
    }
    store_list_deinit(&l);
    return n;
}

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

static unsigned count_steps_in(const char *path)
{
    struct store *s = NULL;
    struct err err;
    unsigned n;

    assert_ok(store_sqlite_open(path, &s, &err), &err);
    n = count_steps(s);
    store_free(s);
    return n;
}

static void copy_file(const char *from, const char *to)
{
    char part[16384];
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out;
    ssize_t n;

    unlink(to);
    if (in < 0)
        return;
    out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    while ((n = read(in, part, sizeof part)) > 0)
        assert_int_equal(write(out, part, (size_t)n), n);
    close(out);
    close(in);
}

/* What a restart would find if the process ended now. The files are read through a second
 * descriptor, which costs this process its locks: nobody else is here to take them. */
static unsigned count_steps_after_crash(const struct fixture *f)
{
    char from[sizeof f->path + 8];
    char to[sizeof f->path + 16];

    snprintf(from, sizeof from, "%s-wal", f->path);
    snprintf(to, sizeof to, "%s.crash-wal", f->path);
    copy_file(from, to);
    to[strlen(to) - strlen("-wal")] = '\0';
    copy_file(f->path, to);
    return count_steps_in(to);
}

/* ---- every operation of the disk fails in turn ----------------------------------------------- */

#define STEPS 8u

/* Whether `found` transactions are what may be there after the n-th was answered with `r`. */
static void judge(unsigned found, unsigned n, int r)
{
    if (r == 0)
        assert_int_equal(found, n);
    else if (r == -ERR_UNKNOWN_OUTCOME)
        assert_in_range(found, n - 1, n);
    else
        assert_int_equal(found, n - 1);
}

/* While the disk does not work, a read works or says why not. */
static void ask_while_broken(struct store *s)
{
    struct err err = {0};
    store_rev rev;

    if (store_txn(s, &(struct store_txn){0}, &rev, &err) < 0)
        assert_non_null(strstr(err.msg, "store /"));
}

/* One transaction under faults. When one struck: a look at what a crash would leave; with the disk
 * well again, at what the store itself says; and that a crash would not belie it. Then the store
 * goes on. */
static void step_and_judge(const struct fixture *f, struct store *s, unsigned n)
{
    struct err err = {0};
    bool struck_before = disk.struck;
    int r = write_step(s, n, &err);
    int left = disk.left;
    unsigned found;

    if (disk.struck == struck_before && r == 0) {
        assert_false(disk.unsynced && !disk.struck);
        return;
    }
    disk.left = -1;
    judge(count_steps_after_crash(f), n, r);
    disk.left = left;
    ask_while_broken(s);
    disk.left = -1;
    found = count_steps(s);
    judge(found, n, r);
    assert_int_equal(count_steps_after_crash(f), found);
    if (found < n)
        assert_ok(write_step(s, n, &err), &err);
    disk.left = left;
}

/* Everything from opening to closing, with the fault after `skip` operations. False when the run
 * was over before that. */
static bool run_with_fault(const struct fixture *f, enum fault_mode mode, int skip_ops)
{
    struct store *s = NULL;
    struct err err = {0};
    int r;

    disk.mode = mode;
    disk.left = skip_ops;
    disk.struck = false;
    r = store_sqlite_open(f->path, &s, &err);
    if (r < 0) {
        assert_true(disk.struck);
        assert_non_null(strstr(err.msg, f->path));
        disk.left = -1;
        assert_ok(store_sqlite_open(f->path, &s, &err), &err);
    }
    for (unsigned n = 1; n <= STEPS; n++)
        step_and_judge(f, s, n);
    store_free(s);
    disk.left = -1;
    assert_int_equal(count_steps_in(f->path), STEPS);
    return disk.struck;
}

static void sweep(enum fault_mode mode)
{
    int ops = 0;
    bool struck;

    do {
        struct fixture *f;

        setup((void **)&f);
        struck = run_with_fault(f, mode, ops++);
        teardown((void **)&f);
    } while (struck);
    print_message("%d operations failed in turn\n", ops - 1);
    assert_true(ops > 50);
}

static void disk_full_at_every_operation(void **state UNUSED)
{
    sweep(FAULT_FULL);
}

static void torn_write_at_every_operation(void **state UNUSED)
{
    sweep(FAULT_TORN);
}

static void unsaid_success_at_every_operation(void **state UNUSED)
{
    sweep(FAULT_UNSAID);
}

static void disk_dies_at_every_operation(void **state UNUSED)
{
    sweep(FAULT_DEAD);
}

static void note(void *ctx, const struct store_list *changes)
{
    buf_addf(ctx, " %d ", (int)changes->rev);
}

static bool told_once(const struct buf *told, unsigned rev)
{
    char word[16];
    const char *at;

    snprintf(word, sizeof word, " %u ", rev);
    at = strstr(buf_text(told), word);
    return at && !strstr(at + 1, word);
}

/* The disk dies at each operation of a commit: whatever the store then finds to have been committed
 * is told, once. */
static void watch_tells_what_is_there_after_doubt(void **state)
{
    struct fixture *f = *state;
    CLEANUP(buf_deinitp) struct buf told = BUF_INIT(4096);
    struct store *s = NULL;
    struct err err = {0};
    unsigned kept = 0;
    unsigned n = 0;

    assert_ok(store_sqlite_open(f->path, &s, &err), &err);
    assert_ok(store_watch(s, STR(STORE_ROOT), 0, note, &told, &err), &err);
    for (int skip_ops = 0; skip_ops < 20; skip_ops++) {
        int r;

        disk.mode = FAULT_DEAD;
        disk.struck = false;
        disk.left = skip_ops;
        r = write_step(s, n + 1, &err);
        ask_while_broken(s);
        disk.left = -1;
        kept += r == -ERR_UNKNOWN_OUTCOME && count_steps(s) == n + 1;
        n = count_steps(s);
    }
    assert_true(kept > 0);
    for (unsigned rev = 1; rev <= n; rev++)
        assert_true(told_once(&told, rev));
    store_free(s);
}

/* ---- the process dies ------------------------------------------------------------------------ */

/* This program again, as a writer: it says "NUMBER RESULT" for each transaction. */
static int writer_main(const char *path)
{
    struct store *s = NULL;
    struct err err;

    if (store_sqlite_open(path, &s, &err) < 0)
        return 1;
    for (unsigned n = count_steps(s) + 1; n < 2000; n++) {
        int r = write_step(s, n, &err);
        if (printf("%u %d\n", n, r) < 0 || fflush(stdout) != 0)
            break;
        if (r == -ERR_UNKNOWN_OUTCOME)
            n = count_steps(s);
        else if (r < 0)
            n--;
    }
    store_free(s);
    return 0;
}

struct writer {
    pid_t pid;
    FILE *says;
};

static struct writer start_writer(const char *path, const char *failpoints)
{
    struct writer w;
    int fd[2];

    assert_int_equal(pipe(fd), 0);
    w.pid = fork();
    assert_true(w.pid >= 0);
    if (w.pid == 0) {
        setenv("SWITCHYARD_FAILPOINTS", failpoints, 1);
        dup2(fd[1], STDOUT_FILENO);
        close(fd[0]);
        close(fd[1]);
        execl("/proc/self/exe", "writer", path, (char *)NULL);
        _exit(1);
    }
    close(fd[1]);
    w.says = fdopen(fd[0], "r");
    return w;
}

/* Read up to `lines` lines. Yields the last transaction that was acknowledged, or `acked`. */
static unsigned listen(struct writer *w, unsigned lines, unsigned acked, int *ret_failure)
{
    unsigned n;
    int r;

    for (; lines > 0 && fscanf(w->says, "%u %d", &n, &r) == 2; lines--) {
        if (r == 0)
            acked = n;
        else
            *ret_failure = r;
    }
    return acked;
}

static int end_writer(struct writer *w)
{
    int status;

    fclose(w->says);
    assert_int_equal(waitpid(w->pid, &status, 0), w->pid);
    return status;
}

static void killed_writer_loses_nothing_it_acknowledged(void **state)
{
    struct fixture *f = *state;
    unsigned acked = 0;

    for (unsigned round = 0; round < 12; round++) {
        struct writer w = start_writer(f->path, "");
        int failure = 0;
        unsigned n;

        acked = listen(&w, 3 + round * 5 % 17, acked, &failure);
        kill(w.pid, SIGKILL);
        acked = listen(&w, UINT32_MAX, acked, &failure);
        assert_true(WIFSIGNALED(end_writer(&w)));
        assert_int_equal(failure, 0);
        n = count_steps_in(f->path);
        assert_in_range(n, acked, acked + 1);
        acked = n;
    }
}

#ifndef NDEBUG /* failpoints are not in release builds */
static unsigned run_to_failpoint(const struct fixture *f, const char *failpoints)
{
    struct writer w = start_writer(f->path, failpoints);
    int failure = 0;
    unsigned acked = listen(&w, UINT32_MAX, 0, &failure);
    int status = end_writer(&w);

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 86);
    assert_int_equal(failure, 0);
    return acked;
}

static void end_before_the_commit_leaves_nothing_of_it(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(run_to_failpoint(f, "store.commit.before=exit*5"), 4);
    assert_int_equal(count_steps_in(f->path), 4);
}

static void end_after_the_commit_leaves_all_of_it(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(run_to_failpoint(f, "store.commit.after=exit*5"), 4);
    assert_int_equal(count_steps_in(f->path), 5);
}

/* The writer goes on after the failure; it is killed when it has shown that. */
static int run_past_failpoint(const struct fixture *f, const char *failpoints)
{
    struct writer w = start_writer(f->path, failpoints);
    int failure = 0;
    unsigned acked = listen(&w, 9, 0, &failure);

    kill(w.pid, SIGKILL);
    acked = listen(&w, UINT32_MAX, acked, &failure);
    end_writer(&w);
    assert_in_range(count_steps_in(f->path), acked, acked + 1);
    return failure;
}

static void failed_commit_is_refused_and_the_next_one_works(void **state)
{
    assert_int_equal(run_past_failpoint(*state, "store.commit.before=enospc*5"), -ERR_EXHAUSTED);
}

static void lost_answer_is_an_unknown_outcome(void **state)
{
    assert_int_equal(run_past_failpoint(*state, "store.commit.after=eio*5"), -ERR_UNKNOWN_OUTCOME);
}
#endif

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest disk_tests[] = {
        cmocka_unit_test(disk_full_at_every_operation),
        cmocka_unit_test(torn_write_at_every_operation),
        cmocka_unit_test(unsaid_success_at_every_operation),
        cmocka_unit_test(disk_dies_at_every_operation),
        T(watch_tells_what_is_there_after_doubt),
    };
    const struct CMUnitTest process_tests[] = {
        T(killed_writer_loses_nothing_it_acknowledged),
#ifndef NDEBUG
        T(end_before_the_commit_leaves_nothing_of_it),
        T(end_after_the_commit_leaves_all_of_it),
        T(failed_commit_is_refused_and_the_next_one_works),
        T(lost_answer_is_an_unknown_outcome),
#endif
    };

    if (argc == 2)
        return writer_main(argv[1]);
    return cmocka_run_group_tests_name("store, failing disk", disk_tests, install_disk,
                                       remove_disk) +
           cmocka_run_group_tests_name("store, dying process", process_tests, NULL, NULL);
}
