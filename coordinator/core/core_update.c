/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/core_update.h"

#include <stdio.h>

#include "common/base/check.h"
#include "coordinator/core/staging.h"

void core_update_init(struct core_update *u)
{
    memset(u, 0, sizeof *u);
    arena_init(&u->arena, CORE_UPDATE_MAX);
}

void core_update_deinit(struct core_update *u)
{
    arena_deinit(&u->arena);
    memset(u, 0, sizeof *u);
}

void core_update_reset(struct core_update *u)
{
    struct arena arena = u->arena;

    arena_reset(&arena);
    memset(u, 0, sizeof *u);
    u->arena = arena;
}

const char *update_fmt(struct core_update *u, const char *fmt, ...)
{
    char text[2 * TEXT_SIZE];
    char *copy;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    copy = arena_strdup(&u->arena, str_of(text));
    CHECK(copy);
    return copy;
}

void update_publish(struct core_update *u, const struct name *migration, bool removed)
{
    struct core_publish *p = arena_new(&u->arena, struct core_publish);

    CHECK(p);
    *p = (struct core_publish){.migration = *migration, .removed = removed, .next = u->publish};
    u->publish = p;
}

void update_tell(struct core_update *u, enum log_level level, enum log_event event,
                 const char *text)
{
    struct core_tell **end = &u->tell;
    struct core_tell *t = arena_new(&u->arena, struct core_tell);

    CHECK(t);
    *t = (struct core_tell){.level = level, .event = event, .text = text};
    while (*end)
        end = &(*end)->next;
    *end = t;
}
