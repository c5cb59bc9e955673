/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/stage_backup.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/atomic_file.h"
#include "coordinator/store/store_mem.h"
#include "tests/lib/wait.h"

static char dir[] = "/tmp/switchyard-backup-XXXXXX";

struct fixture {
    struct loop *loop;
    struct backup_ports ports;
    struct worker *worker;
    unsigned told;
    int r;
    struct err err;
};

static void on_saved(void *ctx, int r, const struct err *err)
{
    struct fixture *f = ctx;

    f->told++;
    f->r = r;
    f->err = *err;
}

static void begin(struct fixture *f)
{
    struct store *store;
    struct err err;

    *f = (struct fixture){.loop = NULL};
    assert_ok(loop_new(clock_system, &f->loop, &err), &err);
    assert_ok(store_mem_new(&store, &err), &err);
    assert_ok(store_thread_new(f->loop, store, &f->ports.store, &err), &err);
    assert_ok(worker_new(f->loop, "test", 4, &f->worker, &err), &err);
}

static void end(struct fixture *f)
{
    store_thread_free(f->ports.store);
    worker_free(f->worker);
    loop_free(f->loop);
}

static void save(struct fixture *f, const char *folder, int64_t second)
{
    wall_t now = {(INT64_C(1700000000) + second) * 1000000000};
    unsigned before = f->told;
    struct err err;

    assert_ok(stage_backup(&f->ports, f->worker, folder, now, "orders-canary", on_saved, f, &err),
              &err);
    assert_int_equal(f->told, before);
    WAIT_FOR(f->loop, f->told > before);
}

static unsigned files(const char *folder)
{
    DIR *d = opendir(folder);
    unsigned count = 0;

    assert_non_null(d);
    for (struct dirent *e = readdir(d); e; e = readdir(d))
        count += e->d_name[0] != '.';
    closedir(d);
    return count;
}

static void the_last_ones_are_kept_and_can_be_read(void **state UNUSED)
{
    CLEANUP(end) struct fixture f;
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(1u << 20);
    char folder[64], first[160], last[160], other[160];
    struct backup backup;
    struct err err;

    str_fmt(folder, sizeof folder, "%s/backups", dir);
    str_fmt(first, sizeof first, "%s/20231114T221320Z-orders-canary.jsonl", folder);
    str_fmt(last, sizeof last, "%s/20231114T221344Z-orders-canary.jsonl", folder);
    str_fmt(other, sizeof other, "%s/by-hand.jsonl", folder);
    begin(&f);
    save(&f, dir, 0);
    assert_ok(f.r, &f.err);
    assert_int_equal(access(first, R_OK), 0);
    assert_ok(file_write(other, STR("mine"), false, &err), &err);
    for (int i = 1; i < 25; i++)
        save(&f, dir, i);
    assert_int_equal(files(folder), STAGE_BACKUPS_KEPT + 1); /* and what is not ours */
    assert_int_not_equal(access(first, R_OK), 0);
    assert_ok(file_read(last, &text, &err), &err);
    assert_ok(backup_read(buf_view(&text), &backup, &err), &err);
    backup_deinit(&backup);
}

static void a_folder_that_cannot_be_written_is_told(void **state UNUSED)
{
    CLEANUP(end) struct fixture f;

    begin(&f);
    save(&f, "/proc/nowhere", 0);
    assert_true(f.r < 0);
    assert_holds(f.err.msg, "/proc/nowhere");
}

static int remove_entry(const char *path, const struct stat *st UNUSED, int flag UNUSED,
                        struct FTW *at UNUSED)
{
    return remove(path);
}

static int make_dir(void **state UNUSED)
{
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state UNUSED)
{
    return nftw(dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_ones_are_kept_and_can_be_read),
        cmocka_unit_test(a_folder_that_cannot_be_written_is_told),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
