/* SPDX-License-Identifier: Apache-2.0 */
/* The control state as a document: what `switchyard backup` writes, checks and puts back. Pure.
 *
 * JSON lines, so that it can be read, grepped and cut at any size:
 *
 *   {"apiVersion":"switchyard/v1","kind":"Backup","createdAt":"...","incarnation":"...",
 *    "revision":4711,"keys":42}
 *   {"key":"/switchyard/v1/plans/orders","revision":17,"value":"..."}      in the revisions' order
 *   {"sha256":"..."}                                 over all lines before, with their ends
 *
 * Values are kept as they stand in the store, text by text. What belongs to one store only (leases,
 * the leader, the coordinators, meta) is not in it, nor what goes by its revisions: the events, and
 * how far webhooks are. */
#pragma once

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/err.h"

#define BACKUP_KEYS_MAX  200000u
#define BACKUP_BYTES_MAX (256u << 20)
/* Of one key and one value: what every store takes. */
#define BACKUP_KEY_MAX   256u
#define BACKUP_VALUE_MAX (1u << 20)

struct backup_kv {
    const char *key;
    struct str value;
    uint64_t rev;
};

struct backup_head {
    wall_t created_at;
    char incarnation[40];
    uint64_t revision;
    unsigned keys;
};

/* Is this key part of a backup? */
bool backup_has(struct str key);

/* Append the document to `dst`; `kv` in any order, and what is no part of a backup is left out, so
 * head->keys is not looked at. EXHAUSTED past the limits or dst's maximum; CORRUPT names a key
 * whose value is no text. */
int backup_write(const struct backup_head *head, const struct backup_kv *kv, unsigned count,
                 struct buf *dst, struct err *err) MUST_CHECK;

/* Read and check a whole document. CORRUPT names the line: cut short, changed, a key twice or out
 * of order; UNSUPPORTED: of a newer version. Free with backup_deinit(). */
struct backup {
    struct backup_head head;
    struct backup_kv *kv; /* in the revisions' order; values are followed by a NUL */
    struct arena arena;   /* owns it all */
};
int backup_read(struct str text, struct backup *ret, struct err *err) MUST_CHECK;
void backup_deinit(struct backup *b);
