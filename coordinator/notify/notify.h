/* SPDX-License-Identifier: Apache-2.0 */
/* Webhooks: every event is posted to each address, in order, at least once, for as long as it
 * takes. Only the coordinator that leads posts. How far each webhook is, is stored at most every
 * 10 s, and when it stops; another one goes on from there, so that what was posted since comes
 * again, under the same id.
 *
 * The body is the event as JSON. With a secret, X-Switchyard-Signature is "sha256=" and the HMAC of
 * the timestamp's text, a point and the body. A webhook has a thread for its blocking call and
 * nothing else. owner: the loop. */
#pragma once

#include "common/base/rng.h"
#include "common/loop/loop.h"
#include "common/model/event_kinds.h"

#define NOTIFY_HOOKS_MAX  8u
#define NOTIFY_ID_SIZE    17 /* of the address's hash, in hex */
#define NOTIFY_STATE_MAX  (64u << 10)
#define NOTIFY_SECRET_MAX 1024u

struct notify_config {
    const char *url[NOTIFY_HOOKS_MAX]; /* borrowed */
    unsigned count;
    struct str secret;          /* borrowed; empty: nothing is signed */
    uint64_t kinds;             /* bits of enum event_kind; 0: all */
    dur_t timeout;              /* of one post; 0: 10 s */
    dur_t retry_min, retry_max; /* between two of them; 0: 1 s, 60 s */
    dur_t save_every;           /* 0: 10 s */
};

/* Is it an address that can be posted to? INVALID. */
int notify_check_url(const char *url, struct err *err) MUST_CHECK;

struct notify_event {
    struct event_place at;
    const struct event *event; /* borrowed during the call */
    uint64_t oldest;           /* sequence of the oldest that is kept of its migration */
};

typedef void (*notify_saved_fn)(void *ctx, bool ok);

/* What it stands on; called on the loop. */
struct notify_host {
    void *ctx;
    /* The first event after `after`, if there is one. */
    bool (*next)(void *ctx, const struct event_place *after, struct notify_event *ret);
    /* Everything up to this revision was there when it was looked at. */
    uint64_t (*now)(void *ctx);
    const char *(*incarnation)(void *ctx); /* of the store that revisions count in */
    /* Store how far webhook `id` is, as long as this coordinator leads. Each call fails now, or
     * `fn` is called later. */
    int (*save)(void *ctx, const char *id, struct str state, notify_saved_fn fn, void *fn_ctx,
                struct err *err);
};

/* How a webhook is. */
struct notify_status {
    char shown[160]; /* its address, without what may be secret */
    bool known;      /* otherwise nothing was stored of it yet */
    unsigned behind; /* events that wait; at most NOTIFY_BEHIND_MAX are counted */
    wall_t failing;  /* since when; unset: the last post was taken, or none was needed */
    char why[TEXT_SIZE];
};
#define NOTIFY_BEHIND_MAX 1000u

struct notify;

/* `config` is copied, its texts are borrowed. */
int notify_new(const struct notify_config *config, const struct notify_host *host, struct loop *l,
               struct notify **ret, struct err *err) MUST_CHECK;
/* What is stored of a webhook, read now; before notify_lead(), and again at any time. */
void notify_stored(struct notify *n, const char *id, struct str state);
/* This coordinator leads, and what is stored was given; or it does not. */
void notify_lead(struct notify *n, bool leads);
/* There may be more to tell. */
void notify_look(struct notify *n);
unsigned notify_status(const struct notify *n, struct notify_status ret[NOTIFY_HOOKS_MAX]);
/* Nothing more is posted; how far it came is stored. */
void notify_stop(struct notify *n);
/* Tolerates NULL. Gives up the posts under way. */
void notify_free(struct notify *n);
DEFINE_CLEANUP(struct notify, notify_free)
