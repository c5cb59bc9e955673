/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/driver/journal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <uthash.h>

#include "common/base/atomic_file.h"
#include "common/base/mem.h"

#define KIND "journal"

/* Nodes are numbered, so that who told of what is a bit. */
struct journal_node {
    struct name name;
    unsigned nr;
    UT_hash_handle hh;
};

struct journal_entry {
    struct emergency order;
    bool stored;
    uint64_t told[(CORE_NODES_MAX + 63) / 64]; /* bits, by the node's number */
    UT_hash_handle hh;                         /* by order.migration */
};

static struct journal_entry *find(const struct journal *j, const char *migration)
{
    struct journal_entry *e;

    HASH_FIND_STR(j->entries, migration, e);
    return e;
}

/* Orders are given to migrations that the core knows, of which there are few: nobody can make this
 * grow. */
static void put(struct journal *j, const struct emergency *order)
{
    struct journal_entry *e = find(j, order->migration.s);

    if (e && order->epoch <= e->order.epoch)
        return;
    if (e) {
        HASH_DEL(j->entries, e);
        free(e);
    }
    e = xnew(struct journal_entry);
    e->order = *order;
    HASH_ADD_STR(j->entries, order.migration.s, e);
}

void journal_deinit(struct journal *j)
{
    struct journal_entry *e, *next_entry;
    struct journal_node *n, *next_node;

    HASH_ITER (hh, j->entries, e, next_entry) {
        HASH_DEL(j->entries, e);
        free(e);
    }
    HASH_ITER (hh, j->nodes, n, next_node) {
        HASH_DEL(j->nodes, n);
        free(n);
    }
}

/* ---- the file: one order a line -------------------------------------------------------------- */

static bool write_line(const struct emergency *o, struct buf *b)
{
    CLEANUP(json_freep) struct json *j = json_object();
    char text[WALL_TEXT_MAX];

    json_set_string(j, "migration", o->migration.s);
    json_set_u64(j, "epoch", o->epoch);
    json_set_string(j, "operator", o->operator_name);
    json_set_string(j, "reason", o->reason);
    json_set_string(j, "orderedAt", wall_text(o->ordered_at, text));
    json_set_string(j, "request", o->request);
    return json_print(j, false, b) && buf_add(b, "\n", 1);
}

static int write_file(const struct journal *j, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(JOURNAL_BYTES_MAX);
    struct journal_entry *e, *next;

    if (!j->path)
        return 0;
    HASH_ITER (hh, j->entries, e, next)
        if (!e->stored && !write_line(&e->order, &b))
            return err_set(err, ERR_EXHAUSTED, "the journal %s would pass %u bytes", j->path,
                           JOURNAL_BYTES_MAX);
    return atomic_file_write(j->path, KIND, buf_view(&b), err);
}

static bool read_text(const struct json *line, const char *key, char *dst, size_t size)
{
    const char *value = json_get_string(line, key, NULL);

    return value && str_copy(str_of(value), dst, size);
}

static int read_order(const struct json *line, struct emergency *ret, struct err *err)
{
    const char *migration = json_get_string(line, "migration", "");
    const char *at = json_get_string(line, "orderedAt", "");

    *ret = (struct emergency){.epoch = json_get_u64(line, "epoch", 0), .active = true};
    if (ret->epoch == 0 || !wall_parse(str_of(at), &ret->ordered_at) ||
        !read_text(line, "operator", ret->operator_name, sizeof(ret->operator_name)) ||
        !read_text(line, "reason", ret->reason, sizeof(ret->reason)) ||
        !str_copy(str_of(json_get_string(line, "request", "")), ret->request, sizeof(ret->request)))
        return err_set(err, ERR_CORRUPT, "a field is missing or is not what it should be");
    return name_parse(str_of(migration), "migration's name", &ret->migration, err);
}

static int read_line(struct journal *j, struct str text, struct err *err)
{
    CLEANUP(json_freep) struct json *line = NULL;
    struct emergency order;
    int r = json_parse(text, &line, err);

    if (r == 0)
        r = read_order(line, &order, err);
    if (r == 0)
        put(j, &order);
    return r;
}

static int read_lines(struct journal *j, struct str text, struct err *err)
{
    struct str line;
    unsigned nr = 0;
    struct err inner;

    while (text.n > 0) {
        nr++;
        str_cut(text, '\n', &line, &text);
        if (read_line(j, line, &inner) < 0)
            return err_set(err, ERR_CORRUPT, "line %u: %s", nr, inner.msg);
    }
    return 0;
}

int journal_open(struct journal *j, const char *path, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(JOURNAL_BYTES_MAX);
    int r;

    *j = (struct journal){.path = path};
    if (!path)
        return 0;
    r = atomic_file_read(path, KIND, &b, err);
    if (r == -ERR_NOT_FOUND)
        return 0;
    if (r == 0)
        r = read_lines(j, buf_view(&b), err);
    if (r < 0) {
        err_ctx(err, "the journal of emergency orders, %s", path);
        err_hint(err, "move it away: nodes that serve the orders tell of them as well");
    }
    return r;
}

/* ---- orders ---------------------------------------------------------------------------------- */

int journal_add(struct journal *j, const struct emergency *order, unsigned count, struct err *err)
{
    int r;

    for (unsigned i = 0; i < count; i++)
        put(j, &order[i]);
    r = write_file(j, err);
    return r < 0 ? err_ctx(err, "keep the order in the journal") : 0;
}

int journal_stored(struct journal *j, const char *migration, uint64_t epoch, struct err *err)
{
    struct journal_entry *e = find(j, migration);
    int r;

    if (!e || e->stored || e->order.epoch > epoch)
        return 0;
    e->stored = true;
    r = write_file(j, err);
    return r < 0 ? err_ctx(err, "take a stored order out of the journal") : 0;
}

const struct emergency *journal_next(const struct journal *j)
{
    for (const struct journal_entry *e = j->entries; e; e = e->hh.next)
        if (!e->stored)
            return &e->order;
    return NULL;
}

const struct emergency *journal_order(const struct journal *j, const char *migration)
{
    const struct journal_entry *e = find(j, migration);

    return e ? &e->order : NULL;
}

unsigned journal_unstored(const struct journal *j)
{
    unsigned n = 0;

    for (const struct journal_entry *e = j->entries; e; e = e->hh.next)
        n += !e->stored;
    return n;
}

void journal_each(const struct journal *j, void (*fn)(void *ctx, const struct emergency *order),
                  void *ctx)
{
    for (const struct journal_entry *e = j->entries; e; e = e->hh.next)
        if (!e->stored)
            fn(ctx, &e->order);
}

uint64_t journal_epoch(const struct journal *j)
{
    uint64_t highest = 0;

    for (const struct journal_entry *e = j->entries; e; e = e->hh.next)
        if (e->order.epoch > highest)
            highest = e->order.epoch;
    return highest;
}

/* ---- who serves them ------------------------------------------------------------------------- */

static struct journal_node *number(struct journal *j, const struct name *node)
{
    struct journal_node *n;

    HASH_FIND_STR(j->nodes, node->s, n);
    if (n || j->node_count == CORE_NODES_MAX)
        return n;
    n = xnew(struct journal_node);
    n->name = *node;
    n->nr = j->node_count++;
    HASH_ADD_STR(j->nodes, name.s, n);
    return n;
}

void journal_told(struct journal *j, const struct name *node, const struct emergency *order)
{
    struct journal_entry *e = find(j, order->migration.s);
    struct journal_node *n;

    if (!e || order->epoch < e->order.epoch)
        return;
    n = number(j, node);
    if (n)
        e->told[n->nr / 64] |= UINT64_C(1) << n->nr % 64;
}

static bool has_told(const struct journal_entry *e, const struct journal_node *n)
{
    return n && e->told[n->nr / 64] & UINT64_C(1) << n->nr % 64;
}

bool journal_serves(const struct journal *j, const char *node, const char *migration,
                    uint64_t epoch)
{
    struct journal_node *n;
    const struct journal_entry *e;

    HASH_FIND_STR(j->nodes, node, n);
    if (migration[0]) {
        e = find(j, migration);
        return e && e->order.epoch >= epoch && has_told(e, n);
    }
    for (e = j->entries; e; e = e->hh.next)
        if (e->order.epoch == epoch && !has_told(e, n))
            return false;
    return n != NULL;
}
