/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and answers of etcd's v3 JSON gateway: keys and values in base64, 64-bit numbers as
 * strings, what is zero left out. Pure; strict about what it knows, deaf to fields it does not.
 *
 * Our keys live under a name space in etcd's own (struct etcd_space), which is added on the way out
 * and taken off on the way in. Keys of others, and keys that the store's contract does not allow,
 * are passed over. */
#pragma once

#include "coordinator/store/store.h"

/* Requests fit in buffers of this size. */
#define ETCD_REQUEST_MAX (4u << 20)
#define ETCD_TOKEN_MAX   1024u
#define ETCD_SPACE_MAX   64u

/* In front of every key: "" or "/team-a". Borrowed. */
struct etcd_space {
    struct str prefix;
};

/* ---- requests: appended to `b`; false past its maximum --------------------------------------- */

struct etcd_range {
    struct str key;
    bool prefix; /* all keys that start with `key`, not just `key` */
    const struct buf
        *after;     /* resume behind this key, as an answer gave it; NULL: from the start */
    store_rev rev;  /* as it was then; 0: now */
    unsigned limit; /* 0: all */
    bool keys_only;
};

/* A read. */
bool etcd_json_range(const struct etcd_space *s, const struct etcd_range *r,
                     struct buf *b) MUST_CHECK;

/* What a transaction may do besides the store's own: reads in either branch, keys bound to a
 * lease. */
struct etcd_txn {
    const struct store_op *op; /* compares, then writes; a compare with a value compares that */
    size_t count;
    const struct etcd_range *on_success; /* read after the writes; NULL: nothing */
    size_t on_success_count;
    const struct etcd_range *on_failure;
    size_t on_failure_count;
    int64_t lease; /* of the keys that are put; 0: none */
};

bool etcd_json_txn(const struct etcd_space *s, const struct etcd_txn *t, struct buf *b) MUST_CHECK;
/* Every change under the prefix with revision `from` or later. */
bool etcd_json_watch(const struct etcd_space *s, struct str prefix, store_rev from,
                     struct buf *b) MUST_CHECK;
bool etcd_json_authenticate(const char *name, const char *password, struct buf *b) MUST_CHECK;
bool etcd_json_lease_grant(int64_t seconds, struct buf *b) MUST_CHECK;
/* Keep it, or revoke it. */
bool etcd_json_lease(int64_t lease, struct buf *b) MUST_CHECK;

/* ---- answers --------------------------------------------------------------------------------- */

/* What a unary call brought; fields it does not have are zero. */
struct etcd_answer {
    store_rev rev;         /* of the store when it answered */
    bool succeeded;        /* txn: the compares held */
    bool more;             /* a range was cut off by its limit */
    struct buf last;       /* owned; last key of a range as etcd has it, for etcd_range.after */
    struct store_list kvs; /* owned; of all ranges, without those passed over */
    int64_t lease;
    uint64_t ttl; /* seconds that a lease has left; 0: it has ended */
    char token[ETCD_TOKEN_MAX + 1];
};

void etcd_answer_init(struct etcd_answer *a);
void etcd_answer_deinit(struct etcd_answer *a);

/* CORRUPT when it is no JSON, or not what etcd writes; `ret` is initialised and then holds part. */
int etcd_json_read(const struct etcd_space *s, struct str body, struct etcd_answer *ret,
                   struct err *err) MUST_CHECK;

/* A refusal: gRPC status and message. False when the body is not one. */
#define ETCD_REASON_MAX 256u
struct etcd_refusal {
    unsigned code;
    char reason[ETCD_REASON_MAX]; /* cut off when longer */
};
bool etcd_json_read_refusal(struct str body, struct etcd_refusal *ret) MUST_CHECK;

/* One line of a watch's stream. */
struct etcd_watch_line {
    bool created;
    bool canceled;
    store_rev compacted;      /* canceled because changes before this are forgotten; 0: not so */
    store_rev rev;            /* of the store */
    struct store_list events; /* owned; as they came, each with its revision; value NULL: deleted */
    struct etcd_refusal refusal; /* the stream's end; code 0: none */
};

void etcd_watch_line_deinit(struct etcd_watch_line *l);
/* As etcd_json_read(). `ret` starts zeroed. */
int etcd_json_read_watch(const struct etcd_space *s, struct str line, struct etcd_watch_line *ret,
                         struct err *err) MUST_CHECK;
