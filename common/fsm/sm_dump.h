/* SPDX-License-Identifier: Apache-2.0 */
/* A machine's tables for people and tools. The markdown form is what docs/fsm/ holds. Pure. */
#pragma once

#include "common/base/buf.h"
#include "common/fsm/sm.h"

/*   X(NAME, word) */
#define SM_FORMATS(X)     \
    X(TEXT, "text")       \
    X(DOT, "dot")         \
    X(MERMAID, "mermaid") \
    X(JSON, "json")       \
    X(MARKDOWN, "markdown")

enum sm_format {
#define X(name, word) SM_##name,
    SM_FORMATS(X)
#undef X
        SM_FORMAT_COUNT
};

/* INVALID with the list of formats for an unknown word. */
int sm_format_parse(struct str word, enum sm_format *ret, struct err *err) MUST_CHECK;

/* Append the dump of `m`. False past b's maximum; then the content of `b` is incomplete. */
bool sm_dump(const struct sm_machine *m, enum sm_format format, struct buf *b) MUST_CHECK;

/* The latest moves of a running machine, newest first, one a line. */
bool sm_dump_history(const struct sm *sm, struct buf *b) MUST_CHECK;
