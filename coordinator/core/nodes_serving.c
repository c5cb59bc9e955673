/* SPDX-License-Identifier: Apache-2.0 */
/* Which nodes serve a decision, since when, and who does not. */
#include <inttypes.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "coordinator/core/nodes_state.h"
#include "coordinator/core/words.h"

bool node_serves(const struct node *n, uint64_t rev)
{
    return n->presence == CONNECTED && n->serving_rev >= rev;
}

bool node_lags(const struct node *n, uint64_t rev)
{
    return n->presence != GONE && !node_serves(n, rev);
}

const char *node_lag_text(const struct node *n, mono_t now, char *dst)
{
    char ago[WORDS_DURATION_MAX];

    if (n->presence != CONNECTED)
        str_fmt(dst, TEXT_SIZE, "left %s ago", words_duration(mono_sub(now, n->left_at), ago));
    else if (n->serving_rev == 0)
        str_fmt(dst, TEXT_SIZE, "serves nothing of this store yet");
    else
        str_fmt(dst, TEXT_SIZE, "serves revision %" PRIu64, n->serving_rev);
    return dst;
}

unsigned nodes_serving(const struct nodes *n, uint64_t rev)
{
    unsigned count = 0;
    struct node *node, *next;

    HASH_ITER (hh, n->by_name, node, next)
        count += node_serves(node, rev);
    return count;
}

/* How far behind: nodes that left come first, then the oldest revision, then by name. */
static bool is_worse(const struct node *a, const struct node *b)
{
    if (a->presence != b->presence)
        return a->presence == LEFT;
    if (a->serving_rev != b->serving_rev)
        return a->serving_rev < b->serving_rev;
    return strcmp(a->name.s, b->name.s) < 0;
}

/* Keep the LAGGARDS_MAX worst, sorted. */
static void list_laggard(const struct node *list[LAGGARDS_MAX], unsigned *count,
                         const struct node *n)
{
    unsigned at = *count;

    if (at == LAGGARDS_MAX && !is_worse(n, list[at - 1]))
        return;
    if (at == LAGGARDS_MAX)
        at--;
    else
        (*count)++;
    for (; at > 0 && is_worse(n, list[at - 1]); at--)
        list[at] = list[at - 1];
    list[at] = n;
}

static bool is_except(const struct node *n, const struct nodes_except *except)
{
    for (unsigned i = 0; except && i < except->count; i++)
        if (name_eq(&n->name, &except->name[i]))
            return true;
    return false;
}

void nodes_convergence(const struct nodes *n, uint64_t rev, mono_t gone_before,
                       const struct nodes_except *except, struct view_convergence *ret)
{
    const struct node *worst[LAGGARDS_MAX];
    unsigned worst_count = 0;
    struct node *node, *next;

    memset(ret, 0, sizeof *ret);
    HASH_ITER (hh, n->by_name, node, next) {
        if (node->presence == GONE ||
            (node->presence == LEFT && !mono_before(gone_before, node->left_at)))
            continue;
        if (node_serves(node, rev)) {
            ret->nodes++;
            ret->serving++;
            continue;
        }
        if (is_except(node, except))
            continue;
        ret->nodes++;
        ret->lagging++;
        list_laggard(worst, &worst_count, node);
    }
    ret->laggard_count = worst_count;
    for (unsigned i = 0; i < worst_count; i++)
        ret->laggard[i] = worst[i]->name.s;
}

static int by_time(const void *a, const void *b)
{
    const mono_t *left = a, *right = b;

    return left->ns < right->ns ? -1 : left->ns > right->ns;
}

bool node_acked_at(const struct node *n, uint64_t rev, mono_t *ret)
{
    if (!node_serves(n, rev))
        return false;
    for (unsigned i = 0; i < ACKS_KEPT; i++) {
        if (n->ack[i].rev < rev || n->ack[i].rev == 0)
            continue;
        *ret = n->ack[i].at;
        return true;
    }
    return false;
}

unsigned nodes_acks(const struct nodes *n, uint64_t rev, mono_t until, mono_t **ret,
                    const char **ret_last)
{
    mono_t *list = xcalloc(n->known + 1, sizeof *list);
    mono_t last = {INT64_MIN}, at;
    unsigned count = 0;
    struct node *node, *next;

    *ret_last = "";
    HASH_ITER (hh, n->by_name, node, next) {
        if (!node_acked_at(node, rev, &at) || mono_before(until, at))
            continue;
        list[count++] = at;
        if (mono_before(at, last) || (at.ns == last.ns && strcmp(node->name.s, *ret_last) > 0))
            continue;
        last = at;
        *ret_last = node->name.s;
    }
    qsort(list, count, sizeof *list, by_time);
    *ret = list;
    return count;
}

const char *nodes_first_text(const char *const *name, unsigned listed, unsigned total, char *dst)
{
    unsigned shown = listed < 3 ? listed : 3;

    dst[0] = '\0';
    for (unsigned i = 0; i < shown; i++)
        str_join(dst, TEXT_SIZE, ", ", "%s", name[i]);
    if (total > shown)
        str_join(dst, TEXT_SIZE, " ", "and %u more", total - shown);
    return dst;
}

const char *nodes_laggards_text(const struct view_convergence *c, char *dst)
{
    return nodes_first_text(c->laggard, c->laggard_count, c->lagging, dst);
}

const char *nodes_list_text(const struct name *name, unsigned count, char *dst)
{
    const char *first[3];

    for (unsigned i = 0; i < count && i < ARRAY_LEN(first); i++)
        first[i] = name[i].s;
    return nodes_first_text(first, count < ARRAY_LEN(first) ? count : ARRAY_LEN(first), count, dst);
}

const char *nodes_gone_text(const struct nodes *n, mono_t since, char *dst)
{
    const char *name[3];
    unsigned total = 0;
    struct node *node, *next;

    HASH_ITER (hh, n->by_name, node, next) {
        if (node->presence != GONE || mono_before(node->left_at, since))
            continue;
        if (total < ARRAY_LEN(name))
            name[total] = node->name.s;
        total++;
    }
    return nodes_first_text(name, total < ARRAY_LEN(name) ? total : ARRAY_LEN(name), total, dst);
}
