/* SPDX-License-Identifier: Apache-2.0 */
/* Two bodies out of any bytes under rules of every kind: a body equals itself, both orders find the
 * same number of differences when order counts, and what is shown is fit to be. The first byte
 * chooses the media type and how the bodies claim to be packed. */
#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/compare/compare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define KEEP 4096

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

/* `head` is the coding itself. */
static struct str coding_of(const void *head, struct str name, unsigned nth)
{
    return nth == 0 && str_ieq(name, STR("Content-Encoding")) ? str_of(head)
                                                              : (struct str){NULL, 0};
}

/* Where the second body begins: behind the first NUL; packed ones hold those, so the byte in front
 * of them says how long the first is. */
static size_t find_second(const uint8_t *data, size_t size, bool packed)
{
    const uint8_t *end = memchr(data + 1, 0, size - 1);

    if (packed)
        return data[1] < size - 2 ? 2u + data[1] : size;
    return end ? (size_t)(end - data) + 1 : size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const codings[][2] = {
        {NULL, NULL}, {"deflate", NULL}, {"deflate", "deflate"}, {"gzip", "br"}};
    static const char *const types[] = {"application/json", "text/plain", "image/png",
                                        "application/a+json; charset=x"};
    struct compare_answer a, b;
    unsigned coding;
    size_t first, second;

    if (size < 2)
        return 0;
    coding = data[0] >> 6;
    first = coding > 0 ? 2 : 1;
    second = find_second(data, size, coding > 0);
    a = b = (struct compare_answer){
        .status = 200, .media_type = str_of(types[data[0] & 3]), .header = coding_of, .keep = KEEP};
    a.head = codings[coding][0];
    b.head = codings[coding][1];
    a.body.n = second - first - (coding == 0 && data[second - 1] == 0);
    b.body.n = size - second;
    /* Memory of the exact size, so that reading past the end is seen. */
    CLEANUP(xfreep) char *one = xmemdup(data + first - 1, a.body.n + 1);
    CLEANUP(xfreep) char *two = xmemdup(data + second - 1, b.body.n + 1);
    a.body.p = one + 1;
    b.body.p = two + 1;
    check_pair(&a, &b, ARRAY_LEN(rules));
    check_pair(&a, &b, 0);
    return 0;
}
