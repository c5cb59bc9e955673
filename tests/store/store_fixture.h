/* SPDX-License-Identifier: Apache-2.0 */
/* What the store's tests share: short forms of operations, a folder that goes away again. */
#pragma once

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/attrs.h"
#include "coordinator/store/store.h"

#define K(name) STR(STORE_ROOT name)

#define PUT(k, v)                                    \
    (struct store_op)                                \
    {                                                \
        .kind = STORE_PUT, .key = (k), .value = (v), \
    }
#define DELETE(k)                        \
    (struct store_op)                    \
    {                                    \
        .kind = STORE_DELETE, .key = (k) \
    }
#define COMPARE(k, r)                                 \
    (struct store_op)                                 \
    {                                                 \
        .kind = STORE_COMPARE, .key = (k), .rev = (r) \
    }
#define TXN(...)                                                                    \
    (struct store_txn)                                                              \
    {                                                                               \
        .op = (struct store_op[]){__VA_ARGS__},                                     \
        .count = sizeof((struct store_op[]){__VA_ARGS__}) / sizeof(struct store_op) \
    }

/* Show the explanation of what should have worked. */
static inline UNUSED void assert_ok(int r, const struct err *err)
{
    if (r != 0)
        fail_msg("%d: %s (%s)", r, r < 0 ? err->msg : "outcome", r < 0 ? err->hint : "");
}

/* Commit what must succeed; yields the revision. */
static inline UNUSED store_rev commit(struct store *s, struct store_txn txn)
{
    struct err err;
    store_rev rev = 0;

    assert_ok(store_txn(s, &txn, &rev, &err), &err);
    return rev;
}

/* The key's value is `want` exactly. Yields its revision. */
static inline UNUSED store_rev assert_value(struct store *s, struct str key, struct str want)
{
    CLEANUP(buf_deinitp) struct buf got = BUF_INIT(STORE_VALUE_MAX);
    struct err err;
    store_rev rev = 0;

    assert_ok(store_get(s, key, &got, &rev, &err), &err);
    assert_int_equal(got.len, want.n);
    assert_memory_equal(buf_text(&got), want.n ? want.p : "", want.n);
    return rev;
}

static inline UNUSED void assert_absent(struct store *s, struct str key)
{
    CLEANUP(buf_deinitp) struct buf got = BUF_INIT(STORE_VALUE_MAX);

    assert_int_equal(store_get(s, key, &got, NULL, NULL), STORE_NOT_FOUND);
    assert_int_equal(got.len, 0);
}

static inline UNUSED store_rev revision(struct store *s)
{
    return commit(s, (struct store_txn){0});
}

#define DIR_SIZE 256

static inline UNUSED void make_dir(char dir[DIR_SIZE])
{
    const char *tmp = getenv("TMPDIR");

    snprintf(dir, DIR_SIZE, "%s/switchyard-store-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(dir));
}

static inline int remove_entry(const char *path, const struct stat *st UNUSED, int flag UNUSED,
                               struct FTW *at UNUSED)
{
    return remove(path);
}

static inline UNUSED void remove_dir(const char *dir)
{
    nftw(dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}
