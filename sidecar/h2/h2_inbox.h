/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer said on a stream, to be read as an HTTP/1.1 message: text of heads, then payload, in
 * chunks where the head says so, then trailers. Payload is kept as it came and becomes chunks only
 * as it is read, so many small DATA frames cost no more memory than their payload. Pure. */
#pragma once

#include "sidecar/h2/h2_queue.h"

struct h2_inbox {
    struct h2_queue text; /* goes out before anything else */
    struct h2_queue payload;
    struct buf trailers;
    size_t chunk_left; /* payload of the chunk that was begun */
    bool chunked;
    bool ended;    /* nothing more comes */
    bool finished; /* the end is in `text`, or read */
};

/* `payload_max`: more the peer may not send before it is read. */
void h2_inbox_init(struct h2_inbox *in, size_t head_max, size_t payload_max);
void h2_inbox_deinit(struct h2_inbox *in);

/* A head, or the final one after interim ones. False: it does not fit. */
bool h2_inbox_add_head(struct h2_inbox *in, struct str text, bool chunked) MUST_CHECK;
bool h2_inbox_add_payload(struct h2_inbox *in, struct str payload) MUST_CHECK;
/* Their lines; dropped where there are no chunks to put them behind. */
bool h2_inbox_add_trailers(struct h2_inbox *in, struct str lines) MUST_CHECK;
void h2_inbox_end(struct h2_inbox *in);

/* Up to `size` bytes into `dst`; *ret_payload of them are payload, as the peer counts. */
size_t h2_inbox_read(struct h2_inbox *in, char *dst, size_t size, size_t *ret_payload);
/* Whether there is something to be read. */
bool h2_inbox_has(const struct h2_inbox *in);
