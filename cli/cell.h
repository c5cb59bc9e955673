/* SPDX-License-Identifier: Apache-2.0 */
/* A cell of a table, as cli_print_table() takes them: it ends with a tab or, the last of a row, a
 * line's end. */
#pragma once

#include "common/base/buf.h"

/* A text that systems or users chose: what a terminal or the table would obey becomes '?'. */
static inline void cell_add(struct buf *b, const char *text, char end)
{
    for (; *text; text++)
        buf_addf(b, "%c", (unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text);
    buf_addf(b, "%c", end);
}
