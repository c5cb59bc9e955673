/* SPDX-License-Identifier: Apache-2.0 */
/* Committed transactions per second, as the coordinator makes them: one compare and one put of a
 * record of 2 KiB, and how long it takes to load 10,000 of them. SQLite's figure is that of the
 * disk's fsync: "bench_store [FOLDER]" puts the file there (default: the working directory). */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "coordinator/store/store.h"

#define RECORD_SIZE 2048
#define KEYS        10000u

static void need(int r, const struct err *err)
{
    if (r == 0)
        return;
    fprintf(stderr, "bench_store: %s\n", r < 0 ? err->msg : "conflict");
    exit(1);
}

static double seconds_since(mono_t start)
{
    return (double)mono_sub(clock_system->mono(clock_system), start).ns / 1e9;
}

/* The `i`-th record, which nobody else writes: its revision is known. */
static store_rev write_record(struct store *s, unsigned i, store_rev rev)
{
    static char record[RECORD_SIZE];
    char key[64];
    struct err err;

    snprintf(key, sizeof key, STORE_ROOT "bench/%06u", i);
    struct store_op op[] = {
        {.kind = STORE_COMPARE, .key = str_of(key), .rev = rev},
        {.kind = STORE_PUT, .key = str_of(key), .value = {record, sizeof record}},
    };
    struct store_txn txn = {.op = op, .count = ARRAY_LEN(op)};

    need(store_txn(s, &txn, &rev, &err), &err);
    return rev;
}

static void bench(struct store *s, unsigned txns)
{
    struct store_list l = {0};
    struct err err;
    mono_t start = clock_system->mono(clock_system);

    for (unsigned i = 0; i < txns; i++)
        write_record(s, i % KEYS, i < KEYS ? 0 : i - KEYS + 1);
    printf("%-8s %8.0f txn/s", s->ops->name, txns / seconds_since(start));

    for (unsigned i = txns; i < KEYS; i++)
        write_record(s, i, 0);
    start = clock_system->mono(clock_system);
    need(store_list(s, STR(STORE_ROOT), &l, &err), &err);
    printf("   load of %zu records %6.1f ms\n", l.count, seconds_since(start) * 1e3);
    store_list_deinit(&l);
}

int main(int argc, char **argv)
{
    struct store *s = NULL;
    struct err err;
    char path[256];

    need(store_mem_new(&s, &err), &err);
    bench(s, 100000);
    store_free(s);

    if (!str_fmt(path, sizeof path, "%s/bench_store.%d.db", argc > 1 ? argv[1] : ".",
                 (int)getpid()))
        return 1;
    need(store_sqlite_open(path, &s, &err), &err);
    bench(s, 5000);
    store_free(s);
    unlink(path);
    return 0;
}
