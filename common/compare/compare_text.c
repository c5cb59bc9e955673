/* SPDX-License-Identifier: Apache-2.0 */
/* Text by lines: how they end, and whether the last one does, makes no difference. */
#include "common/compare/judge.h"

/* False when there is no further line. */
static bool take_line(struct str *rest, struct str *ret)
{
    if (rest->n == 0) {
        *ret = (struct str){NULL, 0};
        return false;
    }
    str_cut(*rest, '\n', ret, rest);
    if (ret->n > 0 && ret->p[ret->n - 1] == '\r')
        ret->n--;
    return true;
}

void judge_text(struct judge *j, struct str legacy, struct str new_body)
{
    enum compare_class class = judge_class_of(j, "body");
    char where[DISCREPANCY_PATH_SIZE];

    for (unsigned line = 1;; line++) {
        struct str a, b;
        bool has_a = take_line(&legacy, &a);
        bool has_b = take_line(&new_body, &b);

        if (!has_a && !has_b)
            return;
        if (has_a == has_b && str_eq(a, b))
            continue;
        str_fmt(where, sizeof where, "line %u", line);
        judge_note(j, class, where, false, has_a ? a : STR("(no such line)"),
                   has_b ? b : STR("(no such line)"));
    }
}
