/* SPDX-License-Identifier: Apache-2.0 */
/* The watch on etcd: a thread of its own, with connections of its own.
 *
 * etcd's stream is a hint: 3.4 may send an event twice, late, or never. The thread keeps the keys
 * and revisions that it has told, passes on what rises, drops what it told already, and reads
 * everything again, telling the difference, when an event is too late to be put in order, when the
 * stream has broken or its start was compacted, and every now and then.
 *
 * A stream that is silent may hang: its member is frozen, or cut off from the others. So after a
 * second of silence the thread asks the member for something that takes the others' consent, and
 * goes elsewhere when that is not answered. */
#pragma once

#include "coordinator/store/etcd_client.h"

struct etcd_watch;

struct etcd_watch_config {
    const struct store_etcd_config *etcd; /* borrowed until etcd_watch_free(), as the next */
    struct etcd_failing *failing;
    struct str prefix;
    store_rev from;
    void (*on_news)(void *ctx); /* from the thread, when there is something to deliver */
    void *on_news_ctx;
    store_watch_fn fn; /* from etcd_watch_deliver() only */
    void *ctx;
};

/* 0, ETCD_COMPACTED, or <0: etcd cannot be asked. */
int etcd_watch_new(const struct etcd_watch_config *config, struct etcd_watch **ret,
                   struct err *err) MUST_CHECK;
/* Ends the thread. Tolerates NULL. */
void etcd_watch_free(struct etcd_watch *w);
DEFINE_CLEANUP(struct etcd_watch, etcd_watch_free)

/* Tell what has arrived, waiting up to `wait` for the first. One thread at a time. */
void etcd_watch_deliver(struct etcd_watch *w, dur_t wait);
