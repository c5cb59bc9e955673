/* SPDX-License-Identifier: Apache-2.0 */
/* A document for people, as text on a terminal or as Markdown: titles, sentences, tables. */
#pragma once

#include "cli/cli.h"

struct doc {
    bool markdown;
    struct buf *into; /* NULL: standard output */
};

void doc_title(const struct doc *d, const char *fmt, ...) PRINTF(2, 3);
void doc_section(const struct doc *d, const char *fmt, ...) PRINTF(2, 3);
/* One paragraph, or one item of a list. */
void doc_say(const struct doc *d, const char *fmt, ...) PRINTF(2, 3);
void doc_item(const struct doc *d, const char *fmt, ...) PRINTF(2, 3);
/* Rows of tab-separated cells, each ended by '\n'; the first one is the header, unless
 * `headless`. */
void doc_table(const struct doc *d, const char *rows, bool headless);
