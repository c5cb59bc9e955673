/* SPDX-License-Identifier: Apache-2.0 */
#include "common/compare/judge.h"

#define LEFT_OUT "(left out)"
#define CUT_MARK "..."

static bool contains(struct str s, struct str word)
{
    for (size_t i = 0; i + word.n <= s.n; i++) {
        if (str_ieq((struct str){s.p + i, word.n}, word))
            return true;
    }
    return false;
}

/* A name may write words apart: "api-key", "api_key". */
bool judge_is_secret_name(struct str name)
{
    static const struct str words[] = {
        STR("authorization"), STR("passw"),   STR("passphrase"), STR("secret"),  STR("token"),
        STR("cookie"),        STR("session"), STR("credential"), STR("apikey"),  STR("api-key"),
        STR("api_key"),       STR("private"), STR("signature"),  STR("cardnum"), STR("card_num"),
        STR("cvv"),           STR("cvc"),     STR("iban"),       STR("ssn"),     STR("jwt"),
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (contains(name, words[i]))
            return true;
    }
    return false;
}

/* "eyJ" begins every JSON Web Token. */
bool judge_is_secret_text(struct str text)
{
    return judge_is_secret_name(text) || contains(text, STR("bearer ")) ||
           contains(text, STR("basic ")) || contains(text, STR("eyJ"));
}

/* Bytes that a terminal would obey, or that are no characters, become '?'. */
static void make_line(char *text, size_t n)
{
    size_t bad;

    for (size_t at = 0; !str_is_line((struct str){text + at, n - at}, &bad); at += bad + 1)
        text[at + bad] = '?';
}

/* What will be seen of it. */
static struct str cut_value(struct str value)
{
    size_t n = DISCREPANCY_VALUE_SIZE - sizeof CUT_MARK;

    if (value.n < DISCREPANCY_VALUE_SIZE)
        return value;
    while (n > 0 && ((unsigned char)value.p[n] & 0xc0) == 0x80)
        n--;
    return (struct str){value.p, n};
}

static void show(struct str value, bool secret, char dst[DISCREPANCY_VALUE_SIZE])
{
    struct str seen = secret ? STR(LEFT_OUT) : cut_value(value);

    if (seen.n > 0)
        memcpy(dst, seen.p, seen.n);
    dst[seen.n] = '\0';
    make_line(dst, seen.n);
    if (!secret && seen.n < value.n)
        memcpy(dst + seen.n, CUT_MARK, sizeof CUT_MARK);
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

void judge_note(struct judge *j, enum compare_class class, const char *where, bool secret,
                struct str legacy, struct str new_value)
{
    struct compare_verdict *v = j->verdict;
    struct compare_difference *d;

    if (class == COMPARE_EQUAL)
        return;
    v->count++;
    if (class > v->class)
        v->class = class;
    d = find_room(v, class);
    if (!d)
        return;
    secret = secret || judge_is_secret_name(str_of(where)) || judge_is_secret_text(legacy) ||
             judge_is_secret_text(new_value);
    d->class = class;
    str_fmt(d->where, sizeof d->where, "%s", where);
    make_line(d->where, strlen(d->where));
    show(legacy, secret, d->legacy);
    show(new_value, secret, d->new_value);
}

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
