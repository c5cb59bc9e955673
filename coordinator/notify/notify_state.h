/* SPDX-License-Identifier: Apache-2.0 */
/* Webhooks from inside.
 *
 *   notify.c        which event is next for whom, when it is tried again, what is stored
 *   notify_post.c   one post: body, headers, signature, the answer
 *   notify_text.c   how far a webhook is, as stored */
#pragma once

#include "common/base/backoff.h"
#include "common/base/buf.h"
#include "common/loop/timer.h"
#include "common/loop/worker.h"
#include "common/model/event_tally.h"
#include "coordinator/notify/notify.h"
#include "coordinator/web/web.h"

#define BODY_MAX    (16u << 10)
#define HEADERS     8
#define HEADER_SIZE 256

/* One post; on the worker's thread while hook.posting. */
struct notify_post {
    struct worker_job job;
    struct web *web;
    const char *url;
    dur_t timeout;
    struct buf body;
    char header[HEADERS][HEADER_SIZE];
    const char *headers[HEADERS + 1];
    struct err err; /* ERR_NONE: it was taken */
};

/* How far it is: all that is stored. */
struct notify_progress {
    struct event_place at;      /* the last event that was taken, or left out */
    char incarnation[40];       /* of the store that at.revision counts in */
    struct event_tally *passed; /* owned */
    wall_t failing;             /* since when; unset: it is not */
    char why[TEXT_SIZE];
};

struct hook {
    struct notify *notify;
    const char *url;
    char shown[WEB_SHOW_SIZE];
    char id[NOTIFY_ID_SIZE];
    struct worker *worker; /* owned */
    struct web *web;       /* owned; the worker's while posting */
    struct notify_post post;
    struct notify_progress progress;
    bool known;   /* there is a progress: read, or begun */
    bool posting; /* the worker has `post`, which is about `next`: */
    struct event_place next;
    uint64_t next_oldest;
    bool waiting; /* for `again` */
    bool dirty, saving;
    struct backoff backoff;
    struct timer again, save;
};

struct notify {
    struct notify_config config;
    struct notify_host host;
    struct loop *loop;
    struct rng rng;
    bool leads, stopping;
    struct hook hook[NOTIFY_HOOKS_MAX];
};

/* ---- notify_post.c --------------------------------------------------------------------------- */

/* Body and headers of `e`; the worker may have it then. */
void notify_post_make(struct notify_post *p, const struct notify_event *e, uint64_t lost,
                      struct str secret, wall_t now);
/* Blocks; on the worker's thread. */
void notify_post_run(struct worker_job *j);

/* ---- notify_text.c --------------------------------------------------------------------------- */

/* False past the buffer's maximum. */
bool notify_write(const struct hook *h, wall_t now, struct buf *b) MUST_CHECK;
/* False: it is none, and *ret is as before. */
bool notify_read(struct str text, struct notify_progress *ret) MUST_CHECK;
