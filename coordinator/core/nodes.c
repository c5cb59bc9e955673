/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/nodes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <uthash.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "coordinator/core/words.h"

enum presence { CONNECTED, LEFT, GONE };
enum past { PAST_KNOWN, PAST_ASKED, PAST_MISSING };

#define ACKS_KEPT 4

/* When a node began to serve a revision. */
struct ack {
    uint64_t rev;
    mono_t at;
};

struct tunnels {
    uint32_t open[SYSTEM_COUNT];
};

/* What a node's breaker of one migration saw. */
struct sight {
    int slot;
    struct breaker_seen seen;
};

struct node {
    struct name name;
    struct labels labels;
    enum presence presence;
    mono_t left_at; /* while LEFT or GONE */
    enum past past;
    mono_t asked_at; /* PAST_ASKED */
    uint64_t serving_rev;
    struct ack ack[ACKS_KEPT];                  /* rising; the newest last, empty ones (0) first */
    uint64_t reported_rev;                      /* serving_rev at the time of the latest report */
    uint8_t breaker[CORE_MIGRATIONS_MAX];       /* enum breaker_state by slot */
    uint8_t told_open[CORE_MIGRATIONS_MAX / 8]; /* bits: subscribers know the breaker as open */
    struct sight *sight;                        /* owned; of the breakers that it has */
    unsigned sights;
    struct tunnels *tunnels; /* by slot; NULL: it never had any, as most nodes */
    UT_hash_handle hh;
};

static void free_node(struct node *node)
{
    xfreep(&node->tunnels);
    xfreep(&node->sight);
    xfreep(&node);
}

void nodes_deinit(struct nodes *n)
{
    struct node *node, *next;

    HASH_ITER (hh, n->by_name, node, next) {
        HASH_DEL(n->by_name, node);
        free_node(node);
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
        free_node(node);
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
    node->sights = 0;
    xfreep(&node->tunnels);
}

static void take_ack(struct node *node, uint64_t rev, mono_t now)
{
    struct ack *newest = &node->ack[ACKS_KEPT - 1];

    node->serving_rev = rev;
    if (rev == newest->rev)
        return;
    if (rev < newest->rev)
        memset(node->ack, 0, sizeof node->ack);
    else
        memmove(&node->ack[0], &node->ack[1], sizeof node->ack - sizeof node->ack[0]);
    *newest = (struct ack){.rev = rev, .at = now};
}

static bool same_labels(const struct labels *a, const struct labels *b)
{
    return a->used == b->used && memcmp(a->text, b->text, a->used) == 0;
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

    *ret = (struct node_change){
        .node = node,
        .first = first,
        .was_counted = node->presence != GONE,
        .relabelled = seen->connected && !same_labels(&node->labels, &seen->labels),
        .was_connected = node->presence == CONNECTED,
        .is_connected = seen->connected,
        .old_rev = node->serving_rev};
    if (seen->connected && !ret->was_connected)
        joined(node);
    if (seen->connected) {
        set_presence(n, node, CONNECTED);
        node->labels = seen->labels;
        take_ack(node, seen->serving_rev, now);
    } else if (ret->was_connected) {
        set_presence(n, node, LEFT);
        node->left_at = now;
    }
    ret->is_counted = node->presence != GONE;
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

const struct name *node_name(const struct node *n)
{
    return &n->name;
}

const struct labels *node_labels(const struct node *n)
{
    return &n->labels;
}

bool node_connected(const struct node *n)
{
    return n->presence == CONNECTED;
}

struct node *nodes_next(const struct nodes *all, const struct node *n)
{
    return n ? n->hh.next : all->by_name;
}

const char *nodes_nearest(const struct nodes *n, const char *name)
{
    CLEANUP(xfreep) const char **names = xcalloc(n->known + 1, sizeof *names);
    unsigned count = 0;
    struct node *node, *next;

    HASH_ITER (hh, n->by_name, node, next)
        names[count++] = node->name.s;
    return str_nearest(str_of(name), names);
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

/* "a, b, c and 4 more": the first three of `total`. */
static const char *list_text(const char *const *name, unsigned listed, unsigned total, char *dst)
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
    return list_text(c->laggard, c->laggard_count, c->lagging, dst);
}

const char *nodes_list_text(const struct name *name, unsigned count, char *dst)
{
    const char *first[3];

    for (unsigned i = 0; i < count && i < ARRAY_LEN(first); i++)
        first[i] = name[i].s;
    return list_text(first, count < ARRAY_LEN(first) ? count : ARRAY_LEN(first), count, dst);
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

enum breaker_state node_breaker(const struct node *n, int slot)
{
    return (enum breaker_state)n->breaker[slot];
}

static struct sight *find_sight(const struct node *n, int slot)
{
    for (unsigned i = 0; i < n->sights; i++)
        if (n->sight[i].slot == slot)
            return &n->sight[i];
    return NULL;
}

/* Most nodes have few breakers, and many nodes have none: room is taken for those that there are.
 */
void node_set_breaker_seen(struct node *n, int slot, const struct breaker_seen *seen)
{
    struct sight *s = find_sight(n, slot);

    if (!s) {
        n->sight = xrealloc(n->sight, (n->sights + 1) * sizeof *n->sight);
        s = &n->sight[n->sights++];
    }
    *s = (struct sight){.slot = slot, .seen = *seen};
}

static void forget_sight(struct node *n, int slot)
{
    struct sight *s = find_sight(n, slot);

    if (s)
        *s = n->sight[--n->sights];
}

const struct breaker_seen *node_breaker_seen(const struct node *n, int slot)
{
    static const struct breaker_seen nothing;
    const struct sight *s = find_sight(n, slot);

    return s ? &s->seen : &nothing;
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

static bool is_told_open(const struct node *n, int slot)
{
    return n->told_open[slot / 8] & (1u << slot % 8);
}

static void tell_open(struct node *n, int slot, bool open)
{
    uint8_t bit = (uint8_t)(1u << slot % 8);

    n->told_open[slot / 8] =
        (uint8_t)(open ? n->told_open[slot / 8] | bit : n->told_open[slot / 8] & ~bit);
}

bool node_breaker_is_news(const struct node *n, int slot)
{
    return n->breaker[slot] != BREAKER_HALF_OPEN &&
           (n->breaker[slot] == BREAKER_OPEN) != is_told_open(n, slot);
}

unsigned nodes_breaker_news(const struct nodes *n, int slot, bool open, const char **ret_first)
{
    struct node *node, *next;
    unsigned count = 0;

    HASH_ITER (hh, n->by_name, node, next) {
        if (node->presence != CONNECTED || !node_breaker_is_news(node, slot) ||
            (node->breaker[slot] == BREAKER_OPEN) != open)
            continue;
        if (count++ == 0)
            *ret_first = node->name.s;
    }
    return count;
}

void nodes_breaker_told(struct nodes *n, int slot)
{
    struct node *node, *next;

    HASH_ITER (hh, n->by_name, node, next) {
        if (node_breaker_is_news(node, slot))
            tell_open(node, slot, node->breaker[slot] == BREAKER_OPEN);
    }
}

void node_set_tunnels(struct node *n, int slot, const uint32_t open[SYSTEM_COUNT])
{
    CHECK(slot >= 0 && slot < CORE_MIGRATIONS_MAX);
    if (!n->tunnels && !open[SYSTEM_LEGACY] && !open[SYSTEM_NEW])
        return;
    if (!n->tunnels)
        n->tunnels = xcalloc(CORE_MIGRATIONS_MAX, sizeof *n->tunnels);
    memcpy(n->tunnels[slot].open, open, sizeof n->tunnels[slot].open);
}

void nodes_tunnels(const struct nodes *n, int slot, uint32_t ret[SYSTEM_COUNT])
{
    struct node *node, *next;

    memset(ret, 0, SYSTEM_COUNT * sizeof *ret);
    HASH_ITER (hh, n->by_name, node, next) {
        for (int s = SYSTEM_LEGACY; node->tunnels && s < SYSTEM_COUNT; s++)
            ret[s] += node->presence == CONNECTED ? node->tunnels[slot].open[s] : 0;
    }
}

void nodes_forget_slot(struct nodes *n, int slot)
{
    struct node *node, *next;

    HASH_ITER (hh, n->by_name, node, next) {
        node_set_breaker(node, slot, BREAKER_DISABLED);
        forget_sight(node, slot);
        tell_open(node, slot, false);
        node_set_tunnels(node, slot, (const uint32_t[SYSTEM_COUNT]){0});
    }
}
