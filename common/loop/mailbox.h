/* SPDX-License-Identifier: Apache-2.0 */
/* The only way from one thread to another's loop. A message is moved, not shared: the poster gives
 * it up.
 *
 * Messages of one poster arrive in order. Posting to a closed mailbox, or past its limit, returns
 * false and the message stays the poster's. Many posts cost one wake-up. */
#pragma once

#include "common/loop/loop.h"

struct mailbox;

/* Embed as the first thing a message is found by (container_of). */
struct mail {
    struct mail *next;
};

typedef void (*mailbox_fn)(void *ctx, struct mail *m);

/* Deliver to `fn(ctx, mail)` on `l`'s thread. At most `max` undelivered messages. Owner thread of
 * `l`, or before it runs. */
int mailbox_new(struct loop *l, unsigned max, mailbox_fn fn, void *ctx, struct mailbox **ret,
                struct err *err) MUST_CHECK;
/* Owner thread. Undelivered messages are given to `drop` (may be NULL when none can be there).
 * After the return no post succeeds; posters may still hold the pointer until mailbox_unref(). */
void mailbox_close(struct mailbox *m, mailbox_fn drop);
struct mailbox *mailbox_ref(struct mailbox *m); /* any thread */
void mailbox_unref(struct mailbox *m);          /* any thread; tolerates NULL */
DEFINE_CLEANUP(struct mailbox, mailbox_unref)

/* Any thread. The message may be delivered, and the mailbox freed for it, before this returns. */
bool mailbox_post(struct mailbox *m, struct mail *mail) MUST_CHECK;
