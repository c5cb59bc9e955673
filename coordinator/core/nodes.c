/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/nodes.h"

#include <stdlib.h>
#include <uthash.h>

#include "common/base/check.h"
#include "common/base/mem.h"

enum presence { CONNECTED, LEFT, GONE };
enum past { PAST_KNOWN, PAST_ASKED, PAST_MISSING };

struct node {
    struct name name;
    enum presence presence;
    mono_t left_at; /* while LEFT or GONE */
    enum past past;
    mono_t asked_at; /* PAST_ASKED */
    uint64_t serving_rev;
    uint64_t reported_rev;                /* serving_rev at the time of the latest report */
    uint8_t breaker[CORE_MIGRATIONS_MAX]; /* enum breaker_state by slot */
    UT_hash_handle hh;
};

void nodes_deinit(struct nodes *n)
{
    struct node *node, *next;

    HASH_ITER (hh, n->by_name, node, next) {
        HASH_DEL(n->by_name, node);
        free(node);
    }
    *n = (struct nodes){.by_name = NULL};
}

struct node *nodes_find(const struct nodes *n, const char *name)
{
    struct node *found;

    HASH_FIND_STR(n->by_name, name, found);
    return found;
}

static void set_past(struct nodes *n, struct node *node, enum past to)
{
    n->asked -= node->past == PAST_ASKED;
    n->silent -= node->past == PAST_MISSING;
    n->asked += to == PAST_ASKED;
    n->silent += to == PAST_MISSING;
    node->past = to;
}

/* Room for a new node at the cost of one that is gone. */
static bool forget_a_gone_node(struct nodes *n)
{
    struct node *node, *next;

    HASH_ITER (hh, n->by_name, node, next) {
        if (node->presence != GONE)
            continue;
        set_past(n, node, PAST_KNOWN);
        HASH_DEL(n->by_name, node);
        free(node);
        n->known--;
        return true;
    }
    return false;
}

static struct node *add(struct nodes *n, const struct name *name)
{
    struct node *node;

    if (n->known >= CORE_NODES_MAX && !forget_a_gone_node(n))
        return NULL;
    node = xnew(struct node);
    node->name = *name;
    node->presence = GONE;
    HASH_ADD_STR(n->by_name, name.s, node);
    n->known++;
    return node;
}

static void set_presence(struct nodes *n, struct node *node, enum presence to)
{
    if (node->presence == to)
        return;
    n->connected -= node->presence == CONNECTED;
    n->left -= node->presence == LEFT;
    n->connected += to == CONNECTED;
    n->left += to == LEFT;
    node->presence = to;
}

/* A node that comes back may have lost what it served, and its counters begin anew. */
static void joined(struct node *node)
{
    node->reported_rev = 0;
    memset(node->breaker, BREAKER_DISABLED, sizeof node->breaker);
}

bool nodes_update(struct nodes *n, const struct core_node *seen, mono_t now,
                  struct node_change *ret)
{
    struct node *node = nodes_find(n, seen->name.s);
    bool first = !node;

    if (!node && !seen->connected) {
        *ret = (struct node_change){.node = NULL};
        return true;
    }
    if (!node)
        node = add(n, &seen->name);
    if (!node)
        return false;

    *ret = (struct node_change){.node = node,
                                .first = first,
                                .was_connected = node->presence == CONNECTED,
                                .is_connected = seen->connected,
                                .old_rev = node->serving_rev};
    if (seen->connected && !ret->was_connected)
        joined(node);
    if (seen->connected) {
        set_presence(n, node, CONNECTED);
        node->serving_rev = seen->serving_rev;
    } else if (ret->was_connected) {
        set_presence(n, node, LEFT);
        node->left_at = now;
    }
    ret->new_rev = node->serving_rev;
    (void)nodes_saw_epoch(n, seen->newest_epoch_seen);
    return true;
}

bool nodes_saw_epoch(struct nodes *n, uint64_t epoch)
{
    if (epoch > NODES_EPOCH_MAX)
        return false;
    if (epoch > n->newest_epoch)
        n->newest_epoch = epoch;
    return true;
}

unsigned nodes_expire(struct nodes *n, dur_t grace, mono_t now)
{
    unsigned expired = 0;
    struct node *node, *next;

    if (n->left == 0)
        return 0;
    HASH_ITER (hh, n->by_name, node, next) {
        if (node->presence != LEFT || mono_sub(now, node->left_at).ns < grace.ns)
            continue;
        set_presence(n, node, GONE);
        expired++;
    }
    return expired;
}

unsigned nodes_serving(const struct nodes *n, uint64_t rev)
{
    unsigned count = 0;
    struct node *node, *next;

    HASH_ITER (hh, n->by_name, node, next)
        count += node->presence == CONNECTED && node->serving_rev >= rev;
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

void nodes_convergence(const struct nodes *n, uint64_t rev, mono_t gone_before,
                       struct view_convergence *ret)
{
    const struct node *worst[LAGGARDS_MAX];
    unsigned worst_count = 0;
    struct node *node, *next;

    memset(ret, 0, sizeof *ret);
    HASH_ITER (hh, n->by_name, node, next) {
        if (node->presence == GONE ||
            (node->presence == LEFT && !mono_before(gone_before, node->left_at)))
            continue;
        ret->nodes++;
        if (node->presence == CONNECTED && node->serving_rev >= rev) {
            ret->serving++;
            continue;
        }
        ret->lagging++;
        list_laggard(worst, &worst_count, node);
    }
    ret->laggard_count = worst_count;
    for (unsigned i = 0; i < worst_count; i++)
        ret->laggard[i] = worst[i]->name.s;
}

/* "a, b, c and 4 more": the first three of `total`. */
static const char *list_text(const char *const *name, unsigned listed, unsigned total, char *dst)
{
    size_t at = 0;
    unsigned shown = listed < 3 ? listed : 3;

    dst[0] = '\0';
    for (unsigned i = 0; i < shown; i++) {
        str_fmt(dst + at, TEXT_SIZE - at, "%s%s", i ? ", " : "", name[i]);
        at = strlen(dst);
    }
    if (total > shown)
        str_fmt(dst + at, TEXT_SIZE - at, " and %u more", total - shown);
    return dst;
}

const char *nodes_laggards_text(const struct view_convergence *c, char *dst)
{
    return list_text(c->laggard, c->laggard_count, c->lagging, dst);
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
    return list_text(name, total < ARRAY_LEN(name) ? total : ARRAY_LEN(name), total, dst);
}

/* ---- the past -------------------------------------------------------------------------------- */

const struct name *node_name(const struct node *n)
{
    return &n->name;
}

void nodes_ask(struct nodes *n, struct node *node, mono_t now)
{
    set_past(n, node, PAST_ASKED);
    node->asked_at = now;
}

bool node_is_asked(const struct node *n)
{
    return n->past == PAST_ASKED;
}

void nodes_told(struct nodes *n, struct node *node)
{
    set_past(n, node, PAST_KNOWN);
}

void nodes_stop_waiting(struct nodes *n, dur_t patience, mono_t now)
{
    struct node *node, *next;

    if (n->asked == 0)
        return;
    HASH_ITER (hh, n->by_name, node, next) {
        if (node->past == PAST_ASKED && mono_sub(now, node->asked_at).ns >= patience.ns)
            set_past(n, node, PAST_MISSING);
    }
}

const char *nodes_asked_text(const struct nodes *n, char *dst)
{
    const char *name[1];
    unsigned total = 0;
    struct node *node, *next;

    dst[0] = '\0';
    if (n->asked == 0)
        return dst;
    HASH_ITER (hh, n->by_name, node, next) {
        if (node->past != PAST_ASKED || node->presence != CONNECTED)
            continue;
        if (total == 0 || strcmp(node->name.s, name[0]) < 0)
            name[0] = node->name.s;
        total++;
    }
    return list_text(name, total ? 1 : 0, total, dst);
}

/* ---- per node and migration ------------------------------------------------------------------ */

uint64_t node_reported_rev(const struct node *n)
{
    return n->reported_rev;
}

void node_reported(struct node *n)
{
    n->reported_rev = n->serving_rev;
}

void node_set_breaker(struct node *n, int slot, enum breaker_state s)
{
    CHECK(slot >= 0 && slot < CORE_MIGRATIONS_MAX);
    n->breaker[slot] = (uint8_t)s;
}

enum breaker_state nodes_breaker(const struct nodes *n, int slot, unsigned *ret_open)
{
    enum breaker_state worst = BREAKER_DISABLED;
    struct node *node, *next;

    *ret_open = 0;
    HASH_ITER (hh, n->by_name, node, next) {
        enum breaker_state s = (enum breaker_state)node->breaker[slot];

        if (node->presence != CONNECTED)
            continue;
        /* The enum rises from disabled to open. */
        worst = s > worst ? s : worst;
        *ret_open += s == BREAKER_OPEN;
    }
    return worst;
}

void nodes_forget_slot(struct nodes *n, int slot)
{
    struct node *node, *next;

    HASH_ITER (hh, n->by_name, node, next)
        node_set_breaker(node, slot, BREAKER_DISABLED);
}
