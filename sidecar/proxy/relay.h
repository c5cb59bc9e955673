/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies from one buffer to the other side, reframed on the way. Constant memory: a piece is what
 * the buffer holds, and the next is taken when that one has left. Pure but for the buffer. */
#pragma once

#include "sidecar/proxy/conn.h"

/* A request whose body is framed as `received`. `keep_max` > 0: keep that much payload for a second
 * try. */
void upload_init(struct upload *u, struct http1_framing received, size_t keep_max);
/* Nothing has been taken yet: keep at least that much. */
void upload_keep(struct upload *u, size_t keep_max);
/* No second try will come: what of it is sent need not be kept. */
void upload_keep_no_more(struct upload *u);
/* Nothing has been taken yet: its trailers go on, if it has any. */
void upload_pass_trailers(struct upload *u);
void upload_deinit(struct upload *u);
/* Once more from the beginning, to another upstream. */
void upload_restart(struct upload *u);
/* Whether that is possible: every byte that was taken from the client is still here. */
bool upload_can_restart(const struct upload *u);
/* Add the next piece to `g`: of what is kept, then of `in` (may be NULL). False when there is none
 * now, or with u->fault set. `max_body` 0: unlimited. */
bool upload_piece(struct upload *u, struct iobuf *in, uint64_t max_body, struct gather *g);

/* An answer framed as `received`, to a client that speaks HTTP/1.`minor`. */
void download_init(struct download *d, struct http1_framing received, unsigned minor);
/* Nothing has been taken yet: its trailers are kept, and go on if the client can take them. */
void download_pass_trailers(struct download *d);
void download_deinit(struct download *d);
/* Add the next piece to `g`, which may be nothing; false when the framing is broken. */
bool download_piece(struct download *d, struct iobuf *in, struct gather *g);
/* The upstream has finished sending: the same. */
bool download_end(struct download *d, struct gather *g);
/* End it here, with these lines of trailers, where the framing has room for any. */
void download_finish(struct download *d, struct str trailers, struct gather *g);
