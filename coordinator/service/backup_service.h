/* SPDX-License-Identifier: Apache-2.0 */
/* Operator.Backup and Operator.Restore: the control state out to a caller as a document
 * (common/model/backup.h), and back. Any coordinator makes a backup; the one that leads puts one
 * back.
 *
 *   Backup   host load ─► worker: document ─► parts of at most 1 MiB, as fast as they are taken
 *   Restore  parts ─► worker: document and records checked as a whole ─► host restore ─► result
 *
 * What takes long runs on a worker thread, so that commands are not held up. A caller that stands
 * still is cut off, and there are few at a time. owner: the core's loop. */
#pragma once

#include "common/loop/worker.h"
#include "common/model/backup.h"
#include "common/rpc/rpc.h"

/* All that the store holds. Its user calls release() once, on any thread. */
struct backup_source {
    const struct backup_kv *kv; /* any order; more than what belongs into a backup */
    unsigned count;
    uint64_t revision;
    void *held;
    void (*release)(void *held);
};

/* `r`: 0 with the source, which goes over to the function, or <0 with *err. */
typedef void (*backup_loaded_fn)(void *ctx, int r, const struct backup_source *source,
                                 const struct err *err);
/* `r`: 0 with the store's revision after it, or <0 with *err. */
typedef void (*backup_restored_fn)(void *ctx, int r, uint64_t revision, const struct err *err);

/* What it stands on; all of it is called on the loop. Each call fails now (<0), or its function is
 * called once, later. */
struct backup_host {
    void *ctx;
    const char *(*incarnation)(void *ctx); /* of the store */
    int (*load)(void *ctx, backup_loaded_fn fn, void *fn_ctx, struct err *err);
    /* Can a restore begin here? Otherwise says who leads, or what the store holds already. Asked
     * before a document is taken. */
    int (*may_restore)(void *ctx, struct err *err);
    /* Write these, oldest first, into a store without plans; see driver_restore(). `kv` is borrowed
     * until `fn`. */
    int (*restore)(void *ctx, const struct backup_kv *kv, unsigned count, backup_restored_fn fn,
                   void *fn_ctx, struct err *err);
};

struct backup_service {
    /* private */
    struct backup_host host;
    struct loop *loop;
    struct worker *worker; /* owned */
    unsigned backups;      /* on their way */
    unsigned restores;
};

int backup_service_init(struct backup_service *b, const struct backup_host *host, struct loop *l,
                        struct err *err) MUST_CHECK;
/* After the streams have ended and the host's functions were called. */
void backup_service_deinit(struct backup_service *b);

/* The two methods' open functions and events; see struct rpc_method. EXHAUSTED when too many are
 * on their way. */
int backup_service_backup(struct backup_service *b, struct rpc_stream *s, void **ret_ctx,
                          struct err *err) MUST_CHECK;
extern const struct rpc_stream_events backup_events;
int backup_service_restore(struct backup_service *b, struct rpc_stream *s, void **ret_ctx,
                           struct err *err) MUST_CHECK;
extern const struct rpc_stream_events restore_events;
