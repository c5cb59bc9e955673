/* SPDX-License-Identifier: Apache-2.0 */
/* logfmt on stderr, one line per fact: `time=... level=info event=... key=value ...`.
 *
 * Event names come from log_events.h; renaming one is an interface change. Library code does not
 * log: the place that turns a failure into an action does, once. Any thread; lines are written
 * whole (one write(2)), and the last ones are kept (log_ring.h). Values are quoted and escaped when
 * they need it. */
#pragma once

#include <stdbool.h>

#include "common/base/attrs.h"
#include "common/base/err.h"
#include "common/base/log_events.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_TRACE, LOG_LEVEL_COUNT };

enum log_event {
#define X(id, name, help) LOG_##id,
    LOG_EVENTS(X)
#undef X
        LOG_EVENT_COUNT
};

/* Stable names; the parser takes exactly those of log_level_name(). */
const char *log_event_name(enum log_event ev);
const char *log_level_name(enum log_level l);
bool log_level_parse(const char *name, enum log_level *ret) MUST_CHECK;

/* Default: LOG_INFO. Any thread. */
void log_set_level(enum log_level l);
enum log_level log_get_level(void);
bool log_enabled(enum log_level l);
/* Words that come first on every line of this process, for example "program=sidecar node=n1";
 * copied. */
void log_set_context(const char *fmt, ...) PRINTF(1, 2);

/* `fmt` gives key=%s pairs; LOGQ() is for values that may need quotes:
 *   log_line(LOG_INFO, LOG_STAGE_MOVED, "migration=%s why=%s", name, LOGQ(why)); */
void log_line(enum log_level l, enum log_event ev, const char *fmt, ...) PRINTF(3, 4);
/* Same, and appends error=CODE why="message" hint="...". */
void log_err(enum log_level l, enum log_event ev, const struct err *err, const char *fmt, ...)
    PRINTF(4, 5);

/* Quote a value for a line: returns one of 8 rotating per-thread buffers (256 bytes, truncated). */
const char *log_quote(const char *value);
#define LOGQ(value) log_quote(value)
