/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doc.h"

#include <stdarg.h>

#define LINE_MAX_BYTES (64u << 10)
#define TABLE_MAX      (32u << 20)

static void put(const struct doc *d, const char *before, const char *text, const char *after)
{
    if (d->into)
        buf_addf(d->into, "%s%s%s", before, text, after);
    else
        cli_say("%s%s%s", before, text, after);
}

static void say(const struct doc *d, const char *before, const char *fmt, va_list ap,
                const char *after)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(LINE_MAX_BYTES);

    buf_vaddf(&b, fmt, ap);
    put(d, before, buf_text(&b), after);
}

#define SAY(before, after)              \
    do {                                \
        va_list ap;                     \
        va_start(ap, fmt);              \
        say(d, before, fmt, ap, after); \
        va_end(ap);                     \
    } while (0)

void doc_title(const struct doc *d, const char *fmt, ...)
{
    SAY(d->markdown ? "# " : "", "\n");
}

void doc_section(const struct doc *d, const char *fmt, ...)
{
    SAY(d->markdown ? "\n## " : "\n== ", "\n");
}

void doc_say(const struct doc *d, const char *fmt, ...)
{
    SAY(d->markdown ? "\n" : "", "\n");
}

void doc_item(const struct doc *d, const char *fmt, ...)
{
    SAY("- ", "\n");
}

/* ---- tables ---------------------------------------------------------------------------------- */

static void add_cell(struct buf *b, struct str cell)
{
    cell = str_trim(cell);
    buf_addf(b, " ");
    for (size_t i = 0; i < cell.n; i++)
        buf_addf(b, cell.p[i] == '|' ? "\\|" : "%c", cell.p[i]);
    buf_addf(b, " |");
}

static unsigned count_cells(struct str row)
{
    unsigned n = 1;

    for (size_t i = 0; i < row.n; i++)
        n += row.p[i] == '\t';
    return n;
}

static void add_row(struct buf *b, struct str row, unsigned columns)
{
    struct str cell;

    buf_addf(b, "|");
    for (unsigned i = 0; i < columns; i++) {
        str_cut(row, '\t', &cell, &row);
        add_cell(b, cell);
    }
    buf_addf(b, "\n");
}

static void add_rule(struct buf *b, unsigned columns)
{
    buf_addf(b, "|");
    for (unsigned i = 0; i < columns; i++)
        buf_addf(b, "---|");
    buf_addf(b, "\n");
}

static void put_markdown(const struct doc *d, const char *rows, bool headless)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(TABLE_MAX);
    struct str rest = str_of(rows), row;
    unsigned columns = 0;

    while (rest.n > 0) {
        str_cut(rest, '\n', &row, &rest);
        if (columns == 0 && headless) {
            columns = count_cells(row);
            add_row(&b, STR(""), columns);
            add_rule(&b, columns);
            add_row(&b, row, columns);
        } else if (columns == 0) {
            columns = count_cells(row);
            add_row(&b, row, columns);
            add_rule(&b, columns);
        } else {
            add_row(&b, row, columns);
        }
    }
    put(d, "\n", buf_text(&b), "");
}

void doc_table(const struct doc *d, const char *rows, bool headless)
{
    if (d->markdown)
        put_markdown(d, rows, headless);
    else if (d->into)
        put(d, "", rows, "");
    else
        cli_print_table(rows);
}
