/* SPDX-License-Identifier: Apache-2.0 */
/* Texts that are promises, kept in tests/golden. A test program writes them anew with --update. */
#pragma once

#include <string.h>

#include "tests/lib/unit.h"

#include "common/base/atomic_file.h"

#define GOLDEN_MAX (256u << 10)

static bool golden_update;

static inline void golden_init(int argc, char **argv)
{
    golden_update = argc > 1 && strcmp(argv[1], "--update") == 0;
}

static inline void golden_compare(const char *now, const char *path)
{
    CLEANUP(buf_deinitp) struct buf golden = BUF_INIT(GOLDEN_MAX);
    struct err err;

    if (golden_update)
        assert_ok(file_write(path, str_of(now), true, &err), &err);
    assert_ok(file_read(path, &golden, &err), &err);
    assert_string_equal(now, buf_text(&golden));
}
