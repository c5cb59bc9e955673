/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store/store_changes.h"

#include "common/base/check.h"

_Static_assert(STORE_CHANGES_BYTES_MAX > STORE_TXN_BYTES_MAX, "the log holds one transaction");

static struct store_list *at(struct store_changes *c, size_t i)
{
    return &c->ring[(c->first + i) % STORE_CHANGES_MAX];
}

static size_t bytes_of(const struct store_list *l)
{
    size_t n = 0;

    for (size_t i = 0; i < l->count; i++)
        n += strlen(l->item[i].key) + l->item[i].value_len;
    return n;
}

static void forget_oldest(struct store_changes *c)
{
    struct store_list *oldest = at(c, 0);

    c->known_after = oldest->rev;
    c->bytes -= bytes_of(oldest);
    store_list_deinit(oldest);
    c->first = (c->first + 1) % STORE_CHANGES_MAX;
    c->count--;
}

void store_changes_init(struct store_changes *c, store_rev rev)
{
    memset(c, 0, sizeof *c);
    c->known_after = c->last = rev;
}

void store_changes_deinit(struct store_changes *c)
{
    while (c->count > 0)
        forget_oldest(c);
}

/* The prefix selects one run of the ordered list: no copy is needed to show just that. */
static void tell(const struct store_changes *c, const struct store_list *changes)
{
    struct str prefix = str_of(c->prefix);
    size_t from = 0;
    size_t to;

    while (from < changes->count && !str_starts(str_of(changes->item[from].key), prefix))
        from++;
    for (to = from; to < changes->count && str_starts(str_of(changes->item[to].key), prefix);)
        to++;
    if (to == from)
        return;

    struct store_list view = {
        .item = changes->item + from, .count = to - from, .rev = changes->rev};
    c->fn(c->ctx, &view);
}

void store_changes_add(struct store_changes *c, struct store_list *changes)
{
    CHECK(changes->rev == c->last + 1);
    if (c->count == STORE_CHANGES_MAX)
        forget_oldest(c);
    *at(c, c->count) = *changes;
    *changes = (struct store_list){0};
    c->count++;
    c->last++;
    c->bytes += bytes_of(at(c, c->count - 1));
    while (c->bytes > STORE_CHANGES_BYTES_MAX)
        forget_oldest(c);
    if (c->fn)
        tell(c, at(c, c->count - 1));
}

int store_changes_watch(struct store_changes *c, struct str prefix, store_rev from,
                        store_watch_fn fn, void *ctx)
{
    if (from < c->known_after || from > c->last)
        return STORE_COMPACTED;

    CHECK(str_copy(prefix, c->prefix, sizeof c->prefix));
    c->fn = fn;
    c->ctx = ctx;
    for (size_t i = 0; i < c->count; i++)
        if (at(c, i)->rev > from)
            tell(c, at(c, i));
    return 0;
}
