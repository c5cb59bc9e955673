/* SPDX-License-Identifier: Apache-2.0 */
/* Two bodies out of any bytes, cut at the first NUL, under rules of every kind: a body equals
 * itself, both orders find the same number of differences when order counts, and what is shown is
 * fit to be. The first byte chooses the media type. */
#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/compare/compare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct compare_rule rules[] = {
    {COMPARE_IGNORE, "$..at", 0},       {COMPARE_COSMETIC, "$.c", 0},
    {COMPARE_CRITICAL, "$.c[*].x", 0},  {COMPARE_UNORDERED, "$.u", 0},
    {COMPARE_UNORDERED, "$.u[*].u", 0}, {COMPARE_TOLERANCE, "$..p", 0.5},
    {COMPARE_TOLERANCE, "$.u[*]", 0.5}, {COMPARE_IGNORE, "$[3]", 0},
};

static void check_shown(const struct compare_verdict *v)
{
    size_t bad;

    CHECK((v->class == COMPARE_EQUAL) == (v->count == 0));
    CHECK(v->kept <= v->count && v->kept <= COMPARE_DIFFERENCES_MAX);
    for (unsigned i = 0; i < v->kept; i++) {
        const struct compare_difference *d = &v->difference[i];

        CHECK(d->class != COMPARE_EQUAL && d->count > 0 &&
              (i == 0 || d->class <= v->difference[i - 1].class));
        CHECK(str_is_line(str_of(d->where), &bad) && strlen(d->where) < sizeof d->where);
        CHECK(str_is_line(str_of(d->legacy), &bad) && strlen(d->legacy) < sizeof d->legacy);
        CHECK(str_is_line(str_of(d->new_value), &bad));
    }
}

static void check_pair(const struct compare_answer *a, const struct compare_answer *b,
                       unsigned rule_count)
{
    struct compare_verdict one, other;

    compare_answers(rules, rule_count, a, b, &one);
    check_shown(&one);
    compare_answers(rules, rule_count, b, a, &other);
    check_shown(&other);
    CHECK(one.class == other.class && one.count == other.count && one.critical == other.critical);
    compare_answers(rules, rule_count, a, a, &one);
    CHECK(one.class == COMPARE_EQUAL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const types[] = {"application/json", "text/plain", "image/png",
                                        "application/a+json; charset=x"};
    const uint8_t *end;
    struct compare_answer a, b;

    if (size < 2)
        return 0;
    /* Memory of the exact size, so that reading past the end is seen. */
    end = memchr(data + 1, 0, size - 1);
    a = b = (struct compare_answer){.status = 200, .media_type = str_of(types[data[0] & 3])};
    a.body.n = end ? (size_t)(end - data - 1) : size - 1;
    b.body.n = end ? size - 2 - a.body.n : 0;
    CLEANUP(xfreep) char *first = xmemdup(data, a.body.n + 1);
    CLEANUP(xfreep) char *second = xmemdup(data + size - b.body.n - 1, b.body.n + 1);
    a.body.p = first + 1;
    b.body.p = second + 1;
    check_pair(&a, &b, ARRAY_LEN(rules));
    check_pair(&a, &b, 0);
    return 0;
}
