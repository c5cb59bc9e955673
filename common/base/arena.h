/* SPDX-License-Identifier: Apache-2.0 */
/* Bump arena with mark and release: everything of one request, connection or step lives and dies
 * together. It never grows past its maximum: arena_alloc() then returns NULL, which is a normal,
 * tested path. */
#pragma once

#include "common/base/str.h"

struct arena_block;

struct arena {
    struct arena_block *top; /* owned list, newest first */
    size_t used;             /* bytes handed out */
    size_t max;
};

struct arena_mark {
    struct arena_block *block;
    size_t block_used;
    size_t used;
};

void arena_init(struct arena *a, size_t max);
void arena_deinit(struct arena *a);

/* Zeroed, aligned for any type; NULL past the maximum. */
void *arena_alloc(struct arena *a, size_t size) MUST_CHECK;
#define arena_new(a, type) ((type *)arena_alloc((a), sizeof(type)))
char *arena_strdup(struct arena *a, struct str s) MUST_CHECK;
char *arena_fmt(struct arena *a, const char *fmt, ...) PRINTF(2, 3) MUST_CHECK;

struct arena_mark arena_mark(const struct arena *a);
void arena_release(struct arena *a, struct arena_mark mark);
/* Release everything but keep the newest block for reuse. */
void arena_reset(struct arena *a);
