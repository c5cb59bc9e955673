/* SPDX-License-Identifier: Apache-2.0 */
/* Live debugging: while somebody asks, the requests and connections of one migration, or of one key
 * of it, as lines like the access log's. Shut, it costs a lane one branch. Open, a lane that finds
 * it busy, full or past its rate drops the line and counts it: it never waits. */
#pragma once

#include "common/base/buf.h"
#include "common/model/ids.h"
#include "sidecar/proxy/access_log.h"
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

/* ---- lanes ----------------------------------------------------------------------------------- */

/* Whether it is worth the others. */
bool debug_tap_is_open(const struct debug_tap *t);
/* The request of `c` is over. */
void debug_tap_note(struct debug_tap *t, const struct conn *c);

/* What stays of a connection's request while its bytes pass unseen. Zeroed: nothing, nobody asked
 * when it began. */
struct debug_mark {
    uint64_t asked; /* which question it was wanted by */
    char *origin;   /* owned; as access_end.origin */
};

/* The connection of `c` stands, and its request is about to end. One that is split as a whole has a
 * line, whose `end` is null. */
void debug_tap_note_begin(struct debug_tap *t, const struct conn *c, struct debug_mark *ret);
/* Nothing came of the connection of `c`, which has its request yet. `end` needs no origin. */
void debug_tap_note_failed(struct debug_tap *t, const struct conn *c, struct access_end end);
/* A connection of `migration` is over. Those of before the question have `end.origin`, and nobody
 * knows their keys any more. */
void debug_tap_note_end(struct debug_tap *t, const struct name *migration,
                        const struct debug_mark *mark, struct access_end end, mono_t now);
