/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store/store_list.h"

#include <stdlib.h>

#include "common/base/mem.h"

static int compare(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;

    return c ? c : (a.n > b.n) - (a.n < b.n);
}

static struct str key_of(const struct store_list *l, size_t i)
{
    return str_of(l->item[i].key);
}

size_t store_list_lower(const struct store_list *l, struct str key)
{
    size_t low = 0;
    size_t high = l->count;

    if (high > 0 && compare(key_of(l, high - 1), key) < 0)
        return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(key_of(l, middle), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct store_kv *store_list_find(const struct store_list *l, struct str key)
{
    size_t i = store_list_lower(l, key);

    return i < l->count && str_eq(key_of(l, i), key) ? &l->item[i] : NULL;
}

static char *copy_text(struct str s)
{
    char *copy = xalloc(s.n + 1);

    if (s.n > 0)
        memcpy(copy, s.p, s.n);
    return copy;
}

/* Open a gap at `i`. There is always room up to the next power of two of the count. */
static struct store_kv *insert_at(struct store_list *l, size_t i)
{
    if ((l->count & (l->count - 1)) == 0)
        l->item = xrealloc(l->item, (l->count ? 2 * l->count : 1) * sizeof *l->item);
    memmove(&l->item[i + 1], &l->item[i], (l->count - i) * sizeof *l->item);
    l->count++;
    l->item[i] = (struct store_kv){0};
    return &l->item[i];
}

static void set_value(struct store_kv *kv, const struct str *value, store_rev rev)
{
    free(kv->value);
    kv->value = value ? copy_text(*value) : NULL;
    kv->value_len = value ? value->n : 0;
    kv->rev = rev;
}

void store_list_put(struct store_list *l, struct str key, const struct str *value, store_rev rev)
{
    size_t i = store_list_lower(l, key);
    struct store_kv *kv;

    if (i < l->count && str_eq(key_of(l, i), key)) {
        kv = &l->item[i];
    } else {
        kv = insert_at(l, i);
        kv->key = copy_text(key);
    }
    set_value(kv, value, rev);
}

void store_list_append(struct store_list *l, struct str key, const struct str *value, store_rev rev)
{
    struct store_kv *kv = insert_at(l, l->count);

    kv->key = copy_text(key);
    set_value(kv, value, rev);
}

static void free_item(struct store_kv *kv)
{
    free(kv->key);
    free(kv->value);
}

bool store_list_remove(struct store_list *l, struct str key)
{
    struct store_kv *kv = store_list_find(l, key);

    if (!kv)
        return false;
    free_item(kv);
    l->count--;
    memmove(kv, kv + 1, (size_t)(&l->item[l->count] - kv) * sizeof *kv);
    return true;
}

void store_list_drop(struct store_list *l, struct str prefix)
{
    size_t kept = 0;

    for (size_t i = 0; i < l->count; i++) {
        if (str_starts(key_of(l, i), prefix))
            free_item(&l->item[i]);
        else
            l->item[kept++] = l->item[i];
    }
    l->count = kept;
}

void store_list_deinit(struct store_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        free_item(&l->item[i]);
    free(l->item);
    *l = (struct store_list){0};
}
