/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/check/judge.h"

#include <math.h>

#include "common/base/units.h"
#include "coordinator/check/check.h"

/* ---- sentences ------------------------------------------------------------------------------- */

static void replace(char *text, bool (*is_fine)(struct str s, size_t *ret_bad))
{
    struct str rest = str_of(text);
    size_t bad;

    while (!is_fine(rest, &bad)) {
        char *at = text + (rest.p - text) + bad;

        if (*at == '\t')
            *at = ' ';
        else if (*at != '\n')
            *at = '?';
        rest.n -= bad + 1;
        rest.p += bad + 1;
    }
}

void judge_clean(char *text)
{
    replace(text, str_utf8_valid);
    replace(text, str_is_line);
}

/* One line of at most TEXT_SIZE, which does not end in half a character. */
static void write_text(struct check_result *ret, const char *fmt, va_list ap)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(4096);
    size_t n;

    if (!buf_vaddf(&text, fmt, ap))
        buf_addf(&text, "an answer that is too long to be told");
    n = text.len < TEXT_SIZE ? text.len : TEXT_SIZE - 1;
    while (n < text.len && n > 0 && ((unsigned char)text.data[n] & 0xc0) == 0x80)
        n--;
    str_fmt(ret->text, sizeof ret->text, "%.*s", (int)n, buf_text(&text));
    judge_clean(ret->text);
    for (char *c = ret->text; *c; c++)
        if (*c == '\n')
            *c = ' ';
    for (n = strlen(ret->text); n > 0 && ret->text[n - 1] == ' '; n--)
        ret->text[n - 1] = '\0';
}

#define JUDGE(which, value)                                            \
    void judge_##which(struct check_result *ret, const char *fmt, ...) \
    {                                                                  \
        va_list ap;                                                    \
                                                                       \
        ret->outcome = (value);                                        \
        va_start(ap, fmt);                                             \
        write_text(ret, fmt, ap);                                      \
        va_end(ap);                                                    \
    }
JUDGE(passed, CHECK_PASSED)
JUDGE(failed, CHECK_FAILED)
JUDGE(unknown, CHECK_UNKNOWN)

/* ---- values ---------------------------------------------------------------------------------- */

static const char *number_text(const struct plan_check *c, double v, char *dst)
{
    if ((c->kind == PLAN_CHECK_DISK || c->kind == PLAN_CHECK_MEMORY) && v >= 0 && v < 1e18)
        return unit_size_text((uint64_t)v, dst);
    str_fmt(dst, UNIT_TEXT_MAX, "%.6g", v);
    return dst;
}

void judge_value(const struct plan_check *c, double value, const char *found,
                 struct check_result *ret)
{
    char bound[UNIT_TEXT_MAX];

    if (!isfinite(value)) {
        judge_unknown(ret, "%s, which is no number that can be judged", found);
        return;
    }
    ret->has_value = true;
    ret->value = value;
    if (c->has_min && value < c->min)
        judge_failed(ret, "%s; at least %s is asked for", found, number_text(c, c->min, bound));
    else if (c->has_max && value > c->max)
        judge_failed(ret, "%s; at most %s is asked for", found, number_text(c, c->max, bound));
    else
        judge_passed(ret, "%s", found);
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void add_those(const struct check_result *result, unsigned count, enum check_outcome which,
                      struct buf *b)
{
    for (unsigned i = 0; i < count; i++)
        if (result[i].outcome == which)
            buf_addf(b, "%s%s: %s", b->len ? "; " : "", result[i].name.s, result[i].text);
}

enum check_outcome check_verdict(const struct check_result *result, unsigned count, char *ret_text)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(PLAN_CHECKS_MAX * 2 * (TEXT_SIZE + NAME_SIZE));
    enum check_outcome worst = CHECK_PASSED;
    struct check_result shortened;

    for (unsigned i = 0; i < count; i++)
        if (result[i].outcome == CHECK_FAILED || worst == CHECK_PASSED)
            worst = result[i].outcome;
    add_those(result, count, CHECK_FAILED, &text);
    add_those(result, count, CHECK_UNKNOWN, &text);
    judge_passed(&shortened, "%.3000s", buf_text(&text));
    str_fmt(ret_text, TEXT_SIZE, "%s", shortened.text);
    return worst;
}
