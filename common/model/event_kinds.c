/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/event_kinds.h"

static const struct {
    const char *name, *help;
} kinds[EVENT_KIND_COUNT] = {
#define X(id, name, help) [EVENT_##id] = {name, help},
    EVENT_KINDS(X)
#undef X
};

const char *event_kind_name(enum event_kind k)
{
    return (unsigned)k < EVENT_KIND_COUNT ? kinds[k].name : "?";
}

const char *event_kind_help(enum event_kind k)
{
    return (unsigned)k < EVENT_KIND_COUNT ? kinds[k].help : "?";
}

bool event_kind_parse(struct str s, enum event_kind *ret)
{
    for (unsigned i = 0; i < EVENT_KIND_COUNT; i++) {
        if (str_eq(s, str_of(kinds[i].name))) {
            *ret = (enum event_kind)i;
            return true;
        }
    }
    return false;
}

int event_place_cmp(const struct event_place *a, const struct event_place *b)
{
    int names;

    if (a->revision != b->revision)
        return a->revision < b->revision ? -1 : 1;
    names = strcmp(a->migration.s, b->migration.s);
    if (names != 0)
        return names;
    return a->sequence == b->sequence ? 0 : a->sequence < b->sequence ? -1 : 1;
}

struct event_place event_place_end(uint64_t revision)
{
    struct event_place end = {.revision = revision, .sequence = UINT64_MAX};

    memset(end.migration.s, 0x7f, sizeof(end.migration.s) - 1); /* names are smaller */
    return end;
}
