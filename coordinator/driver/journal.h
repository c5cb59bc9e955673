/* SPDX-License-Identifier: Apache-2.0 */
/* Emergency orders that were given while the store did not answer: nodes serve them, the store is
 * to learn of them. In a file, so that the next process of this coordinator knows them, too; in
 * memory also which nodes have told of them. Those that the store has learned of stay in memory,
 * because somebody may still wait for the nodes. owner: the driver. */
#pragma once

#include "coordinator/core/core_view.h"

#define JOURNAL_BYTES_MAX (1u << 20)

struct journal_entry;
struct journal_node;

struct journal {
    /* private */
    const char *path;              /* borrowed; NULL: in memory only */
    struct journal_entry *entries; /* the newest order of each migration, by its name */
    struct journal_node *nodes;    /* that told of any, by name */
    unsigned node_count;
};

/* Reads the file, if there is one. CORRUPT says which line, and what to do. */
int journal_open(struct journal *j, const char *path, struct err *err) MUST_CHECK;
void journal_deinit(struct journal *j);

/* Keep these; each replaces an older one of its migration. When the file cannot be written they are
 * kept all the same, in memory. */
int journal_add(struct journal *j, const struct emergency *order, unsigned count,
                struct err *err) MUST_CHECK;
/* The store knows an order of `migration` with this epoch or a later one. */
int journal_stored(struct journal *j, const char *migration, uint64_t epoch,
                   struct err *err) MUST_CHECK;

/* The order that the store should learn of next, NULL: it knows all. Borrowed. */
const struct emergency *journal_next(const struct journal *j);
/* The newest of `migration`, stored or not; NULL. Borrowed. */
const struct emergency *journal_order(const struct journal *j, const char *migration);
/* How many it does not know. */
unsigned journal_unstored(const struct journal *j);
/* Each order that it does not know. */
void journal_each(const struct journal *j, void (*fn)(void *ctx, const struct emergency *order),
                  void *ctx);
/* The highest epoch of all that were kept. */
uint64_t journal_epoch(const struct journal *j);

/* `node` serves `order`. */
void journal_told(struct journal *j, const struct name *node, const struct emergency *order);
/* Has `node` told of an order of `migration` ("": of each that has this epoch here) with `epoch` or
 * a later one? */
bool journal_serves(const struct journal *j, const char *node, const char *migration,
                    uint64_t epoch);
