/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>

#include "cli/cli.h"
#include "common/base/str.h"
#include "common/base/yaml.h"

#define OUTPUT_MAX  (64u << 20)
#define COLUMNS_MAX 16

void cli_say(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    fflush(stdout);
}

void cli_complain(const struct err *err)
{
    fprintf(stderr, "error: %s\n", err->msg);
    if (err->hint[0])
        fprintf(stderr, "hint: %s\n", err->hint);
}

int cli_print_json(const struct cli *c, const struct json *j, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(OUTPUT_MAX);
    bool fits = c->output == OUTPUT_YAML ? yaml_print(j, &b) : json_print(j, true, &b);

    if (!fits)
        return err_set(err, ERR_EXHAUSTED, "the answer is larger than %u MiB", OUTPUT_MAX >> 20);
    cli_say("%s%s", buf_text(&b), c->output == OUTPUT_YAML ? "" : "\n");
    return 0;
}

bool cli_print_message(const struct cli *c, const ProtobufCMessage *m, int *ret_r, struct err *err)
{
    CLEANUP(json_freep) struct json *j = NULL;

    if (c->output == OUTPUT_TABLE || c->output == OUTPUT_MARKDOWN)
        return false;
    j = cli_message_json(m);
    *ret_r = cli_print_json(c, j, err);
    return true;
}

/* ---- tables ---------------------------------------------------------------------------------- */

/* Columns are as wide as their widest cell, counted in characters, not bytes. */
static size_t width_of(struct str s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

static void measure(const char *text, size_t *width)
{
    struct str rest = str_of(text), row, cell;

    while (rest.n > 0) {
        str_cut(rest, '\n', &row, &rest);
        for (unsigned col = 0; row.n > 0 && col < COLUMNS_MAX; col++) {
            str_cut(row, '\t', &cell, &row);
            if (width_of(cell) > width[col])
                width[col] = width_of(cell);
        }
    }
}

static void print_row(struct str row, const size_t *width)
{
    struct str cell;

    for (unsigned col = 0; row.n > 0 && col < COLUMNS_MAX; col++) {
        str_cut(row, '\t', &cell, &row);
        size_t pad = row.n > 0 ? width[col] - width_of(cell) + 2 : 0;
        printf("%.*s%*s", (int)cell.n, cell.p, (int)pad, "");
    }
    printf("\n");
}

void cli_print_table(const char *text)
{
    size_t width[COLUMNS_MAX] = {0};
    struct str rest = str_of(text), row;

    measure(text, width);
    while (rest.n > 0) {
        str_cut(rest, '\n', &row, &rest);
        print_row(row, width);
    }
    fflush(stdout);
}
