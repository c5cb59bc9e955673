/* SPDX-License-Identifier: Apache-2.0 */
/* The newest entries of one migration's history, as stored. Pure. owner: its migration. */
#pragma once

#include "coordinator/core/core.h"

struct history_item {
    struct history_entry entry;
    struct json *extra; /* owned, may be NULL: fields of a newer version */
    uint64_t rev;       /* of its key */
    bool seen;          /* while everything that is stored is read: it still is */
};

struct history {
    struct history_item *item[CORE_HISTORY_KEPT]; /* owned; rising sequence */
    unsigned count;
};

void history_deinit(struct history *h);
/* `to` is empty. */
void history_copy(const struct history *from, struct history *to);
/* Takes over `item` and sorts it in; when full, the oldest goes. EXISTS for a sequence that is
 * there. */
int history_add(struct history *h, struct history_item *item, struct err *err) MUST_CHECK;
struct history_item *history_find(const struct history *h, uint64_t sequence);
/* Did the command with this id leave an entry that is kept? NULL and "" are nobody's. */
bool history_has_request(const struct history *h, const char *request);
/* Is it a rollback's, by whomever? */
bool history_is_fall(const struct history_entry *e);
/* The newest entry of a rollback, by whomever; NULL: none is kept. */
struct history_item *history_newest_fall(const struct history *h);
/* Forget the entry, if it is there. */
void history_remove(struct history *h, uint64_t sequence);
/* The newest sequence; 0: no entry. */
uint64_t history_last_sequence(const struct history *h);
/* What must go when one is added; NULL while there is room. */
const struct history_item *history_oldest_if_full(const struct history *h);
