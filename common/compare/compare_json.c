/* SPDX-License-Identifier: Apache-2.0 */
/* JSON by structure. Members are matched by name and items by position; items of an array whose
 * order does not count by a hash of what the rules leave of them. A hash only says what belongs
 * together: equal is what was looked at. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/compare/judge.h"
#include "common/compare/path.h"
#include "common/compare/tape.h"

#define ABSENT        STR("(absent)")
#define NUMBER_DIGITS 40

struct walk {
    struct judge *judge;
    struct path_rules rules;
    struct tape side[2]; /* legacy's, new's */
    char where[DISCREPANCY_PATH_SIZE];
    size_t where_n;
};

/* One child of each side; NULL: that side lacks it. */
struct pair {
    const struct tape_value *of[2];
};

static void compare_values(struct walk *w, const struct path_place *place, struct pair p);

/* ---- telling --------------------------------------------------------------------------------- */

/* Scalars as they were written, of the rest what it is. */
static struct str describe(const struct tape *t, const struct tape_value *v, char *room,
                           size_t size)
{
    if (!v)
        return ABSENT;
    if (v->kind == JSON_STRING)
        return (struct str){t->text.p + v->at - 1, v->raw_n + 2};
    if (v->kind != JSON_ARRAY && v->kind != JSON_OBJECT)
        return (struct str){t->text.p + v->at, v->raw_n};
    str_fmt(room, size, "%s of %u", v->kind == JSON_ARRAY ? "array" : "object", v->count);
    return str_of(room);
}

static enum compare_class class_of(const struct walk *w, const struct path_place *place)
{
    switch (place->class) {
    case COMPARE_IGNORE:
        return COMPARE_EQUAL;
    case COMPARE_COSMETIC:
        return COMPARE_DIFFERS_COSMETIC;
    case COMPARE_CRITICAL:
        return COMPARE_DIFFERS_CRITICAL;
    case COMPARE_HEADER:
    case COMPARE_UNORDERED:
    case COMPARE_TOLERANCE:
    case COMPARE_RULE_COUNT:
        break;
    }
    return w->rules.names_critical ? COMPARE_DIFFERS_COSMETIC : COMPARE_DIFFERS_CRITICAL;
}

/* A place whose path does not fit may have the name of a secret in the rest. */
static void note(struct walk *w, const struct path_place *place, struct pair p)
{
    bool cut = w->where_n == sizeof w->where - 1;
    char room[2][32];

    judge_note(w->judge, class_of(w, place), w->where, cut,
               describe(&w->side[0], p.of[0], room[0], sizeof room[0]),
               describe(&w->side[1], p.of[1], room[1], sizeof room[1]));
}

/* ---- going down ------------------------------------------------------------------------------ */

static void add_where(struct walk *w, struct str text)
{
    size_t room = sizeof w->where - 1 - w->where_n;
    size_t n = text.n < room ? text.n : room;

    memcpy(w->where + w->where_n, text.p, n);
    w->where_n += n;
    w->where[w->where_n] = '\0';
}

static void leave(struct walk *w, size_t where_n)
{
    w->where_n = where_n;
    w->where[where_n] = '\0';
}

static void compare_or_note(struct walk *w, const struct path_place *place, struct pair p)
{
    if (p.of[0] && p.of[1])
        compare_values(w, place, p);
    else
        note(w, place, p);
}

static void compare_member(struct walk *w, const struct path_place *from, struct pair p)
{
    unsigned side = p.of[0] ? 0 : 1;
    struct str key = tape_key(&w->side[side], p.of[side]);
    size_t where_n = w->where_n;
    struct path_place place;

    path_enter(&w->rules, from, key, 0, &place);
    add_where(w, STR("."));
    add_where(w, key);
    compare_or_note(w, &place, p);
    leave(w, where_n);
}

static void compare_item(struct walk *w, const struct path_place *from, uint64_t index,
                         struct pair p)
{
    size_t where_n = w->where_n;
    struct path_place place;
    char number[24];

    path_enter(&w->rules, from, (struct str){NULL, 0}, index, &place);
    str_fmt(number, sizeof number, "[%llu]", (unsigned long long)index);
    add_where(w, str_of(number));
    compare_or_note(w, &place, p);
    leave(w, where_n);
}

/* ---- children -------------------------------------------------------------------------------- */

struct children {
    const struct tape *tape;
    const struct tape_value *at; /* NULL behind the last */
    uint32_t left;
};

static struct children children_of(const struct tape *t, const struct tape_value *parent)
{
    return (struct children){t, parent->count ? parent + 1 : NULL, parent->count};
}

static void children_next(struct children *c)
{
    c->at = --c->left > 0 ? c->tape->value + c->at->end : NULL;
}

/* What children are matched by. */
struct entry {
    const struct tape_value *value;
    struct str key;     /* of members */
    uint64_t hash;      /* of items, */
    long double number; /* and a second try among equal hashes */
    uint32_t index;     /* in the order of the text */
    bool taken;
};

static int by_index(const void *x, const void *y)
{
    const struct entry *a = x, *b = y;

    return (a->index > b->index) - (a->index < b->index);
}

static int order_keys(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int r = n ? memcmp(a.p, b.p, n) : 0;

    return r ? r : (a.n > b.n) - (a.n < b.n);
}

/* Members of one name keep their order. */
static int by_key(const void *x, const void *y)
{
    const struct entry *a = x, *b = y;
    int r = order_keys(a->key, b->key);

    return r ? r : by_index(x, y);
}

static int by_hash(const void *x, const void *y)
{
    const struct entry *a = x, *b = y;

    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    if (a->number < b->number || a->number > b->number)
        return a->number < b->number ? -1 : 1;
    return by_index(x, y);
}

static struct entry *list_members(struct children c, uint32_t *ret_count)
{
    struct entry *list = xcalloc(c.left + 1u, sizeof *list);

    for (*ret_count = 0; c.at; children_next(&c), (*ret_count)++)
        list[*ret_count] =
            (struct entry){.value = c.at, .key = tape_key(c.tape, c.at), .index = *ret_count};
    if (*ret_count > 1)
        qsort(list, *ret_count, sizeof *list, by_key);
    return list;
}

/* The rest of two objects whose members come in different orders, or differ. */
static void compare_sorted(struct walk *w, const struct path_place *place, struct children a,
                           struct children b)
{
    uint32_t na, nb, i = 0, k = 0;
    struct entry *la = list_members(a, &na);
    struct entry *lb = list_members(b, &nb);

    while (i < na || k < nb) {
        int order = i == na ? 1 : k == nb ? -1 : order_keys(la[i].key, lb[k].key);

        compare_member(
            w, place,
            (struct pair){{order <= 0 ? la[i].value : NULL, order >= 0 ? lb[k].value : NULL}});
        i += order <= 0;
        k += order >= 0;
    }
    xfreep(&la);
    xfreep(&lb);
}

static void compare_objects(struct walk *w, const struct path_place *place, struct pair p)
{
    struct children a = children_of(&w->side[0], p.of[0]);
    struct children b = children_of(&w->side[1], p.of[1]);

    for (; a.at && b.at && str_eq(tape_key(a.tape, a.at), tape_key(b.tape, b.at));
         children_next(&a), children_next(&b))
        compare_member(w, place, (struct pair){{a.at, b.at}});
    if (a.at || b.at)
        compare_sorted(w, place, a, b);
}

static void compare_in_order(struct walk *w, const struct path_place *place, struct pair p)
{
    struct children a = children_of(&w->side[0], p.of[0]);
    struct children b = children_of(&w->side[1], p.of[1]);

    for (uint64_t i = 0; a.at || b.at; i++) {
        compare_item(w, place, i, (struct pair){{a.at, b.at}});
        if (a.at)
            children_next(&a);
        if (b.at)
            children_next(&b);
    }
}

/* ---- arrays without order -------------------------------------------------------------------- */

static uint64_t mix(uint64_t h)
{
    h ^= h >> 33;
    h *= UINT64_C(0xff51afd7ed558ccd);
    h ^= h >> 33;
    h *= UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ h >> 33;
}

static uint64_t hash_of(struct walk *w, const struct tape *t, struct tape_value *v,
                        const struct path_place *place);

static uint64_t hash_children(struct walk *w, const struct tape *t, const struct tape_value *v,
                              const struct path_place *place)
{
    bool ordered = v->kind == JSON_ARRAY && !place->unordered;
    uint64_t sum = 0, index = 0;

    for (struct children c = children_of(t, v); c.at; children_next(&c), index++) {
        struct str key = v->kind == JSON_OBJECT ? tape_key(t, c.at) : (struct str){NULL, 0};
        struct path_place below;
        uint64_t h;

        path_enter(&w->rules, place, key, index, &below);
        if (below.class == COMPARE_IGNORE)
            continue;
        h = hash_of(w, t, &t->value[c.at - t->value], &below);
        sum = (ordered ? sum * 31 : sum) + mix(h ^ compare_hash(COMPARE_HASH_START, key));
    }
    return sum;
}

/* Kept with the value: arrays within arrays cost no more than one. Never 0. */
static uint64_t hash_of(struct walk *w, const struct tape *t, struct tape_value *v,
                        const struct path_place *place)
{
    uint64_t h = (uint64_t)v->kind;

    if (v->hash)
        return v->hash;
    if (v->kind == JSON_ARRAY || v->kind == JSON_OBJECT)
        h = mix(h + hash_children(w, t, v, place));
    else if (v->kind != JSON_NUMBER || place->tolerance == 0)
        h = mix(compare_hash(COMPARE_HASH_START, tape_bytes(t, v)) + h + (uint64_t)v->exponent);
    v->hash = h | 1;
    return v->hash;
}

/* As near as it comes: of a long number more digits change nothing. Infinite when it is too large.
 */
static long double number_of(const struct tape *t, const struct tape_value *v)
{
    const uint32_t n = v->n < NUMBER_DIGITS ? v->n : NUMBER_DIGITS;
    char text[NUMBER_DIGITS + 24];

    if (v->kind != JSON_NUMBER || n == 0)
        return 0;
    str_fmt(text, sizeof text, "%.*se%lld", (int)n, t->bytes + v->at,
            (long long)v->exponent + (v->n - n));
    return strtold(text, NULL);
}

static struct entry *list_items(struct walk *w, const struct tape *t, const struct tape_value *v,
                                const struct path_place *place)
{
    struct entry *list = xcalloc(v->count + 1u, sizeof *list);
    uint32_t n = 0;

    for (struct children c = children_of(t, v); c.at; children_next(&c), n++) {
        struct path_place below;

        path_enter(&w->rules, place, (struct str){NULL, 0}, n, &below);
        list[n] = (struct entry){.value = c.at,
                                 .hash = hash_of(w, t, &t->value[c.at - t->value], &below),
                                 .number = number_of(t, c.at),
                                 .index = n};
    }
    qsort(list, n, sizeof *list, by_hash);
    return list;
}

static void compare_alike(struct walk *w, const struct path_place *place, struct entry *a,
                          uint32_t na, struct entry *b, uint32_t nb)
{
    for (uint32_t i = 0, k = 0; i < na && k < nb;) {
        if (a[i].hash == b[k].hash) {
            compare_item(w, place, a[i].index, (struct pair){{a[i].value, b[k].value}});
            a[i++].taken = b[k++].taken = true;
        } else if (a[i].hash < b[k].hash) {
            i++;
        } else {
            k++;
        }
    }
}

/* What is alike belongs together; the rest in its order. */
static void compare_unordered(struct walk *w, const struct path_place *place, struct pair p)
{
    uint32_t na = p.of[0]->count, nb = p.of[1]->count;
    struct entry *a = list_items(w, &w->side[0], p.of[0], place);
    struct entry *b = list_items(w, &w->side[1], p.of[1], place);

    compare_alike(w, place, a, na, b, nb);
    qsort(a, na, sizeof *a, by_index);
    qsort(b, nb, sizeof *b, by_index);
    for (uint32_t i = 0, k = 0;;) {
        for (; i < na && a[i].taken; i++)
            ;
        for (; k < nb && b[k].taken; k++)
            ;
        if (i == na && k == nb)
            break;
        compare_item(w, place, i < na ? i : k,
                     (struct pair){{i < na ? a[i].value : NULL, k < nb ? b[k].value : NULL}});
        i += i < na;
        k += k < nb;
    }
    xfreep(&a);
    xfreep(&b);
}

/* ---- values ---------------------------------------------------------------------------------- */

/* Decimals that are just so far apart may be a little further as binary numbers: 1.01 and 1.00. */
static bool is_within(long double a, long double b, long double tolerance)
{
    const long double rounding =
        tolerance * DBL_EPSILON + fmaxl(fabsl(a), fabsl(b)) * (2 * LDBL_EPSILON);

    return isfinite(a) && isfinite(b) && fabsl(a - b) <= tolerance + rounding;
}

static bool is_same_scalar(const struct walk *w, const struct path_place *place, struct pair p)
{
    const struct tape *a = &w->side[0], *b = &w->side[1];

    if (str_eq(tape_bytes(a, p.of[0]), tape_bytes(b, p.of[1])) &&
        p.of[0]->exponent == p.of[1]->exponent)
        return true;
    return p.of[0]->kind == JSON_NUMBER && place->tolerance > 0 &&
           is_within(number_of(a, p.of[0]), number_of(b, p.of[1]), place->tolerance);
}

static void compare_values(struct walk *w, const struct path_place *place, struct pair p)
{
    if (p.of[0]->kind != p.of[1]->kind)
        note(w, place, p);
    else if (p.of[0]->kind == JSON_OBJECT)
        compare_objects(w, place, p);
    else if (p.of[0]->kind == JSON_ARRAY && place->unordered)
        compare_unordered(w, place, p);
    else if (p.of[0]->kind == JSON_ARRAY)
        compare_in_order(w, place, p);
    else if (!is_same_scalar(w, place, p))
        note(w, place, p);
}

static void compare_tapes(struct walk *w)
{
    struct path_place root;

    path_rules_init(&w->rules, w->judge->rule, w->judge->rule_count);
    path_root(&w->rules, &root);
    add_where(w, STR("$"));
    compare_values(w, &root, (struct pair){{w->side[0].value, w->side[1].value}});
}

bool judge_json(struct judge *j, struct str legacy, struct str new_body)
{
    struct walk w = {.judge = j};
    bool fine = tape_init(&w.side[0], legacy, COMPARE_VALUES_MAX);

    fine = fine && tape_init(&w.side[1], new_body, COMPARE_VALUES_MAX);
    if (fine)
        compare_tapes(&w);
    tape_deinit(&w.side[0]);
    tape_deinit(&w.side[1]);
    return fine;
}
