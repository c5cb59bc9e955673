/* SPDX-License-Identifier: Apache-2.0 */
#include "common/compare/judge.h"

#define LEFT_OUT "(left out)"
#define CUT_MARK "..."

/* ---- secrets --------------------------------------------------------------------------------- */

/* A name may write words apart: "api-key", "api_key". */
static bool is_secret_name(struct str name)
{
    static const struct str words[] = {
        STR("authorization"), STR("passw"),   STR("passphrase"), STR("secret"),  STR("token"),
        STR("cookie"),        STR("session"), STR("credential"), STR("apikey"),  STR("api-key"),
        STR("api_key"),       STR("private"), STR("signature"),  STR("cardnum"), STR("card_num"),
        STR("cvv"),           STR("cvc"),     STR("iban"),       STR("ssn"),     STR("jwt"),
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (str_icontains(name, words[i]))
            return true;
    }
    return false;
}

/* "eyJ" begins every JSON Web Token. */
static bool is_secret_text(struct str text)
{
    return is_secret_name(text) || str_icontains(text, STR("bearer ")) ||
           str_icontains(text, STR("basic ")) || str_icontains(text, STR("eyJ"));
}

/* ---- showing --------------------------------------------------------------------------------- */

static void make_line(char *text, size_t n)
{
    size_t bad;

    for (size_t at = 0; !str_is_line((struct str){text + at, n - at}, &bad); at += bad + 1)
        text[at + bad] = '?';
}

/* What will be seen of it. */
static struct str cut(struct str text, size_t size)
{
    size_t n = size - sizeof CUT_MARK;

    if (text.n < size)
        return text;
    while (n > 0 && ((unsigned char)text.p[n] & 0xc0) == 0x80)
        n--;
    return (struct str){text.p, n};
}

void compare_show(struct str text, char *dst, size_t size)
{
    struct str seen = cut(text, size);

    if (seen.n > 0)
        memcpy(dst, seen.p, seen.n);
    dst[seen.n] = '\0';
    make_line(dst, seen.n);
    if (seen.n < text.n)
        memcpy(dst + seen.n, CUT_MARK, sizeof CUT_MARK);
}

/* ---- keeping --------------------------------------------------------------------------------- */

/* Items of one list are one place: "$.a[7].b" counts as "$.a[*].b". */
static uint64_t hash_place(const char *where)
{
    uint64_t hash = COMPARE_HASH_START;

    for (const char *p = where; *p; p++) {
        hash = compare_hash(hash, (struct str){p, 1});
        if (*p == '[')
            p += strspn(p + 1, "0123456789");
    }
    return hash;
}

static struct compare_difference *find_place(struct compare_verdict *v, enum compare_class class,
                                             uint64_t place)
{
    for (unsigned i = 0; i < v->kept; i++) {
        if (v->difference[i].class == class && v->difference[i].place == place)
            return &v->difference[i];
    }
    return NULL;
}

/* The place for one more: behind the others, or that of a cosmetic one, which gives way. */
static struct compare_difference *find_room(struct compare_verdict *v, enum compare_class class)
{
    unsigned i = v->kept;

    if (class == COMPARE_DIFFERS_CRITICAL) {
        for (i = 0; i < v->kept && v->difference[i].class == class; i++)
            ;
    }
    if (i == COMPARE_DIFFERENCES_MAX)
        return NULL;
    if (v->kept < COMPARE_DIFFERENCES_MAX)
        v->kept++;
    memmove(&v->difference[i + 1], &v->difference[i], (v->kept - i - 1) * sizeof v->difference[0]);
    return &v->difference[i];
}

static bool is_secret(const char *where, struct str legacy, struct str new_value)
{
    return is_secret_name(str_of(where)) || is_secret_text(cut(legacy, DISCREPANCY_VALUE_SIZE)) ||
           is_secret_text(cut(new_value, DISCREPANCY_VALUE_SIZE));
}

void judge_note(struct judge *j, enum compare_class class, const char *where, bool secret,
                struct str legacy, struct str new_value)
{
    struct compare_verdict *v = j->verdict;
    uint64_t place = hash_place(where);
    struct compare_difference *d;

    if (class == COMPARE_EQUAL)
        return;
    v->count++;
    v->critical += class == COMPARE_DIFFERS_CRITICAL;
    if (class > v->class)
        v->class = class;
    d = find_place(v, class, place);
    if (d) {
        d->count++;
        return;
    }
    d = find_room(v, class);
    if (!d)
        return;
    secret = secret || is_secret(where, legacy, new_value);
    d->class = class;
    d->count = 1;
    d->place = place;
    compare_show(str_of(where), d->where, sizeof d->where);
    compare_show(secret ? STR(LEFT_OUT) : legacy, d->legacy, sizeof d->legacy);
    compare_show(secret ? STR(LEFT_OUT) : new_value, d->new_value, sizeof d->new_value);
}

static bool is_among(uint64_t place, const uint64_t *list, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (list[i] == place)
            return true;
    }
    return false;
}

/* Among equals they keep their order. */
static void put_critical_first(struct compare_verdict *v)
{
    unsigned critical = 0;

    for (unsigned i = 0; i < v->kept; i++) {
        const struct compare_difference d = v->difference[i];

        if (d.class != COMPARE_DIFFERS_CRITICAL)
            continue;
        memmove(&v->difference[critical + 1], &v->difference[critical], (i - critical) * sizeof d);
        v->difference[critical++] = d;
    }
}

void compare_forgive(struct compare_verdict *v, const uint64_t *place, unsigned count)
{
    for (unsigned i = 0; i < v->kept; i++) {
        struct compare_difference *d = &v->difference[i];

        if (d->class != COMPARE_DIFFERS_CRITICAL || !is_among(d->place, place, count))
            continue;
        d->class = COMPARE_DIFFERS_COSMETIC;
        v->critical -= d->count;
    }
    put_critical_first(v);
    if (v->class == COMPARE_DIFFERS_CRITICAL && v->critical == 0)
        v->class = COMPARE_DIFFERS_COSMETIC;
}

/* ---- classes --------------------------------------------------------------------------------- */

static enum compare_class class_of(enum compare_rule_kind kind)
{
    return kind == COMPARE_IGNORE     ? COMPARE_EQUAL
           : kind == COMPARE_COSMETIC ? COMPARE_DIFFERS_COSMETIC
                                      : COMPARE_DIFFERS_CRITICAL;
}

/* A class is the smaller the earlier it comes among equals. */
enum compare_class judge_class_of(const struct judge *j, const char *place)
{
    enum compare_class best = COMPARE_DIFFERS_CRITICAL;

    for (unsigned i = 0; i < j->rule_count; i++) {
        enum compare_class own = class_of(j->rule[i].kind);

        if (own < best && str_ieq(str_of(j->rule[i].path), str_of(place)))
            best = own;
    }
    return best;
}
