/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP/1.1 message that somebody of ours writes, taken apart: its head, then its payload, kept
 * until the stream takes it as DATA, then trailers. Pure. */
#pragma once

#include "common/http1/http1_body.h"
#include "common/http1/http1_parse.h"
#include "sidecar/h2/h2_queue.h"

/* How much payload of a stream waits to be sent. */
enum { H2_OUTBOX_MAX = 32768 };

enum h2_outbox_state {
    H2_OUTBOX_HEAD, /* one comes, or the final one after interim ones */
    H2_OUTBOX_BODY,
    H2_OUTBOX_ENDED, /* all of the message is here */
    H2_OUTBOX_BAD    /* it cannot be read: the stream is to be reset */
};

struct h2_outbox {
    enum h2_outbox_state state;
    enum http1_kind kind;
    uint32_t head_max;
    struct buf head; /* a part of one */
    struct http1_body body;
    struct h2_queue payload;
    struct buf trailers; /* their lines */
};

void h2_outbox_init(struct h2_outbox *out, enum http1_kind kind, uint32_t head_max);
void h2_outbox_deinit(struct h2_outbox *out);

/* In state HEAD: take from `in` up to the end of a head. DONE: *ret is it, in the memory of `in` or
 * of the outbox, `headers` (HTTP1_HEADERS_WRITTEN_MAX of them) being its fields, until the next
 * call; then h2_outbox_begin_body() unless it is an interim one. REFUSED sets state BAD. */
enum http1_result h2_outbox_take_head(struct h2_outbox *out, struct str in, size_t *ret_used,
                                      struct http1_header *headers, struct http1_head *ret);
void h2_outbox_begin_body(struct h2_outbox *out, struct http1_framing framing);

/* In state BODY: take from `in` what there is room for. Returns how much that was. */
size_t h2_outbox_take_body(struct h2_outbox *out, struct str in);

/* The writer has closed: the end of a body that only that ends. */
void h2_outbox_close(struct h2_outbox *out);

/* Whether any payload would be taken. */
bool h2_outbox_has_room(const struct h2_outbox *out);
