/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/core/history.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "coordinator/core/moves.h"

static void item_free(struct history_item *i)
{
    json_free(i->extra);
    free(i);
}

void history_deinit(struct history *h)
{
    for (unsigned i = 0; i < h->count; i++)
        item_free(h->item[i]);
    h->count = 0;
}

void history_copy(const struct history *from, struct history *to)
{
    for (unsigned i = 0; i < from->count; i++) {
        struct history_item *item = xnew(struct history_item);

        *item = *from->item[i];
        item->extra = item->extra ? json_dup(item->extra) : NULL;
        item->seen = false;
        to->item[to->count++] = item;
    }
}

int history_add(struct history *h, struct history_item *item, struct err *err)
{
    unsigned at;

    if (history_find(h, item->entry.sequence)) {
        int r = err_set(err, ERR_EXISTS, "history entry %" PRIu64 " is there already",
                        item->entry.sequence);
        item_free(item);
        return r;
    }
    if (h->count == CORE_HISTORY_KEPT && item->entry.sequence < h->item[0]->entry.sequence) {
        item_free(item);
        return 0;
    }
    if (h->count == CORE_HISTORY_KEPT) {
        item_free(h->item[0]);
        memmove(&h->item[0], &h->item[1], (CORE_HISTORY_KEPT - 1) * sizeof h->item[0]);
        h->count--;
    }
    for (at = h->count; at > 0 && h->item[at - 1]->entry.sequence > item->entry.sequence; at--)
        h->item[at] = h->item[at - 1];
    h->item[at] = item;
    h->count++;
    return 0;
}

struct history_item *history_find(const struct history *h, uint64_t sequence)
{
    for (unsigned i = 0; i < h->count; i++)
        if (h->item[i]->entry.sequence == sequence)
            return h->item[i];
    return NULL;
}

void history_remove(struct history *h, uint64_t sequence)
{
    for (unsigned i = 0; i < h->count; i++) {
        if (h->item[i]->entry.sequence != sequence)
            continue;
        item_free(h->item[i]);
        h->count--;
        memmove(&h->item[i], &h->item[i + 1], (h->count - i) * sizeof h->item[0]);
        return;
    }
}

uint64_t history_last_sequence(const struct history *h)
{
    return h->count ? h->item[h->count - 1]->entry.sequence : 0;
}

bool history_has_request(const struct history *h, const char *request)
{
    for (unsigned i = 0; request && request[0] && i < h->count; i++)
        if (strcmp(h->item[i]->entry.request, request) == 0)
            return true;
    return false;
}

bool history_is_fall(const struct history_entry *e)
{
    return strcmp(e->event, core_command_name(CMD_ROLLBACK)) == 0 ||
           strcmp(e->event, core_command_name(CMD_EMERGENCY)) == 0 ||
           strcmp(e->event, MOVES_ADOPTED) == 0 || strcmp(e->event, "trigger") == 0;
}

struct history_item *history_newest_fall(const struct history *h)
{
    for (unsigned i = h->count; i-- > 0;)
        if (history_is_fall(&h->item[i]->entry))
            return h->item[i];
    return NULL;
}

const struct history_item *history_oldest_if_full(const struct history *h)
{
    return h->count == CORE_HISTORY_KEPT ? h->item[0] : NULL;
}
