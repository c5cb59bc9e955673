/* SPDX-License-Identifier: Apache-2.0 */
/* Live debugging: while somebody asks, the requests of one migration, or of one key of it, as lines
 * like the access log's. Shut, it costs a lane one branch. Open, a lane that finds it busy, full or
 * past its rate drops the line and counts it: it never waits. */
#pragma once

#include "common/base/buf.h"
#include "common/model/ids.h"
#include "sidecar/proxy/conn.h"

#define DEBUG_TAP_BYTES   (64u << 10) /* of lines that nobody has fetched */
#define DEBUG_LINES_PER_S 200
#define DEBUG_KEY_SIZE    512
/* It shuts when nobody has asked for this long. */
#define DEBUG_PATIENCE dur_s(5)

struct debug_tap;

struct debug_tap *debug_tap_new(void) MUST_CHECK;
void debug_tap_free(struct debug_tap *t); /* after the lanes; tolerates NULL */

/* Open it for `migration` and `key` ("": every request), or keep it open, and move what has come
 * since the last call into `ret`, whole lines; *ret_lost of them were dropped. REFUSED: it is open
 * for something else. INVALID: the key is too long. Any thread. */
int debug_tap_ask(struct debug_tap *t, const struct name *migration, struct str key, mono_t now,
                  struct buf *ret, uint64_t *ret_lost, struct err *err) MUST_CHECK;

/* Lanes: whether it is worth debug_tap_note(); the request of `c` is over. */
bool debug_tap_is_open(const struct debug_tap *t);
void debug_tap_note(struct debug_tap *t, const struct conn *c);
