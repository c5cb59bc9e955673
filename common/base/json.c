/* SPDX-License-Identifier: Apache-2.0 */
/* `struct json` is a cJSON under another name: the casts between the two stand at the top and
 * nowhere else. */
#include "common/base/json.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <uthash.h>

#include "common/base/check.h"
#include "common/base/json_check.h"
#include "common/base/mem.h"

#define EXACT_MAX (UINT64_C(1) << 53) /* integers up to here are exact in a double */

static const cJSON *c(const struct json *j)
{
    return (const cJSON *)j;
}

static cJSON *cmut(struct json *j)
{
    return (cJSON *)j;
}

static struct json *j_of(cJSON *node)
{
    return (struct json *)node;
}

/* Nodes are small: out of memory ends the process, as in mem.h. */
static struct json *made(cJSON *node)
{
    if (!node)
        check_die("out of memory: could not allocate a JSON node");
    return j_of(node);
}

/* Position as people count: from 1. */
static int fail_at(struct err *err, struct str text, size_t at, const char *why)
{
    size_t line = 1;
    size_t column = 1;

    for (size_t i = 0; i < at && i < text.n; i++) {
        bool end = text.p[i] == '\n';
        bool inside = ((unsigned char)text.p[i] & 0xc0) == 0x80; /* of a UTF-8 character */
        line += end;
        column = end ? 1 : column + !inside;
    }
    return err_set(err, ERR_INVALID, "%zu:%zu: %s", line, column, why);
}

/* Walk a tree in document order without recursion; `depth` of containers is bounded by the
 * stack. */
struct walk {
    const cJSON *at;
    const cJSON *above[JSON_MAX_DEPTH + 1];
    unsigned depth;
    size_t index; /* of `at` in document order */
};

static bool walk_next(struct walk *w)
{
    w->index++;
    if (w->at->child && w->depth < JSON_MAX_DEPTH) {
        w->above[w->depth++] = w->at;
        w->at = w->at->child;
        return true;
    }
    while (w->depth > 0 && !w->at->next)
        w->at = w->above[--w->depth];
    if (w->depth == 0)
        return false;
    w->at = w->at->next;
    return true;
}

struct seen {
    UT_hash_handle hh;
    const char *key; /* borrowed from the tree */
};

/* The first member of one object that repeats a key. Hashed: a peer chooses the number of keys. */
static const cJSON *duplicate_in(const cJSON *object)
{
    struct seen *all = NULL;
    const cJSON *duplicate = NULL;

    for (const cJSON *item = object->child; item && !duplicate; item = item->next) {
        struct seen *found = NULL;
        HASH_FIND_STR(all, item->string, found);
        if (found) {
            duplicate = item;
            break;
        }
        found = xnew(struct seen);
        found->key = item->string;
        HASH_ADD_KEYPTR(hh, all, found->key, strlen(found->key), found);
    }

    struct seen *entry, *next;
    HASH_ITER (hh, all, entry, next) {
        HASH_DEL(all, entry);
        free(entry);
    }
    return duplicate;
}

const struct json *json_find_duplicate(const struct json *root)
{
    struct walk w = {.at = c(root)};

    do {
        const cJSON *duplicate = cJSON_IsObject(w.at) ? duplicate_in(w.at) : NULL;
        if (duplicate)
            return (const struct json *)duplicate;
    } while (walk_next(&w));
    return NULL;
}

/* What a grammar does not see. *ret_fault is the node. */
static const char *find_fault(const struct json *root, const struct json **ret_fault)
{
    struct walk w = {.at = c(root)};

    do {
        *ret_fault = (const struct json *)w.at;
        if (cJSON_IsNumber(w.at) && !isfinite(w.at->valuedouble))
            return "a number is too large";
    } while (walk_next(&w));
    *ret_fault = json_find_duplicate(root);
    return *ret_fault ? "the same key stands twice" : NULL;
}

static size_t index_of(const struct json *root, const struct json *node)
{
    struct walk w = {.at = c(root)};

    while (w.at != c(node) && walk_next(&w))
        ;
    return w.index;
}

int json_parse(struct str text, struct json **ret, struct err *err)
{
    CLEANUP(json_freep) struct json *j = NULL;
    const struct json *fault = NULL;
    const char *end = NULL;
    size_t at = 0;

    const char *why = json_check(text, &at);
    if (why)
        return fail_at(err, text, at, why);

    /* The grammar holds; what cJSON may still refuse is half of a surrogate pair. */
    j = j_of(cJSON_ParseWithLengthOpts(text.p, text.n, &end, false));
    if (!j)
        return fail_at(err, text, end ? (size_t)(end - text.p) : 0,
                       "half of a surrogate pair in a string");

    why = find_fault(j, &fault);
    if (why) {
        at = json_locate(text, index_of(j, fault), json_key(fault) != NULL);
        return fail_at(err, text, at, why);
    }
    *ret = steal(j);
    return 0;
}

bool json_parse_number(struct str text, double *ret)
{
    CLEANUP(json_freep) struct json *j = NULL;

    if (json_parse(text, &j, NULL) < 0 || json_kind(j) != JSON_NUMBER)
        return false;
    *ret = json_number(j, 0);
    return true;
}

void json_free(struct json *j)
{
    cJSON_Delete(cmut(j));
}

struct json *json_dup(const struct json *j)
{
    return made(cJSON_Duplicate(c(j), true));
}

enum json_kind json_kind(const struct json *j)
{
    if (cJSON_IsBool(c(j)))
        return JSON_BOOL;
    if (cJSON_IsNumber(c(j)))
        return JSON_NUMBER;
    if (cJSON_IsString(c(j)))
        return JSON_STRING;
    if (cJSON_IsArray(c(j)))
        return JSON_ARRAY;
    return cJSON_IsObject(c(j)) ? JSON_OBJECT : JSON_NULL;
}

const char *json_kind_name(enum json_kind k)
{
    switch (k) {
    case JSON_NULL:
        return "nothing";
    case JSON_BOOL:
        return "true or false";
    case JSON_NUMBER:
        return "a number";
    case JSON_STRING:
        return "a string";
    case JSON_ARRAY:
        return "a list";
    case JSON_OBJECT:
        return "a mapping";
    }
    return "nothing";
}

struct json *json_get(const struct json *j, const char *key)
{
    return cJSON_IsObject(c(j)) ? j_of(cJSON_GetObjectItemCaseSensitive(c(j), key)) : NULL;
}

const char *json_key(const struct json *j)
{
    return c(j)->string;
}

struct json *json_first(const struct json *j)
{
    return j ? j_of(c(j)->child) : NULL;
}

struct json *json_next(const struct json *j)
{
    return j_of(c(j)->next);
}

size_t json_count(const struct json *j)
{
    size_t n = 0;

    JSON_FOREACH (item, j)
        n++;
    return n;
}

const char *json_string(const struct json *j, const char *fallback)
{
    return cJSON_IsString(c(j)) ? c(j)->valuestring : fallback;
}

double json_number(const struct json *j, double fallback)
{
    return cJSON_IsNumber(c(j)) ? c(j)->valuedouble : fallback;
}

bool json_bool(const struct json *j, bool fallback)
{
    return cJSON_IsBool(c(j)) ? cJSON_IsTrue(c(j)) : fallback;
}

/* A whole number that a double holds exactly. */
static bool exact(const struct json *j, double *ret)
{
    double n = cJSON_IsNumber(c(j)) ? c(j)->valuedouble : NAN;

    if (!(fabs(n) <= (double)EXACT_MAX) || n != trunc(n))
        return false;
    *ret = n;
    return true;
}

uint64_t json_u64(const struct json *j, uint64_t fallback)
{
    uint64_t value;
    double n;

    if (exact(j, &n))
        return n >= 0 ? (uint64_t)n : fallback;
    return str_to_u64(str_of(json_string(j, NULL)), UINT64_MAX, &value) ? value : fallback;
}

int64_t json_i64(const struct json *j, int64_t fallback)
{
    struct str s = str_of(json_string(j, NULL));
    uint64_t value;
    double n;

    if (exact(j, &n))
        return (int64_t)n;
    if (!str_starts(s, STR("-")))
        return str_to_u64(s, INT64_MAX, &value) ? (int64_t)value : fallback;
    s = (struct str){s.p + 1, s.n - 1};
    /* INT64_MIN has no positive twin: negate one less, then step. */
    if (!str_to_u64(s, (uint64_t)INT64_MAX + 1, &value))
        return fallback;
    return value == 0 ? 0 : -(int64_t)(value - 1) - 1;
}

const char *json_get_string(const struct json *j, const char *key, const char *fallback)
{
    return json_string(json_get(j, key), fallback);
}

double json_get_number(const struct json *j, const char *key, double fallback)
{
    return json_number(json_get(j, key), fallback);
}

bool json_get_bool(const struct json *j, const char *key, bool fallback)
{
    return json_bool(json_get(j, key), fallback);
}

uint64_t json_get_u64(const struct json *j, const char *key, uint64_t fallback)
{
    return json_u64(json_get(j, key), fallback);
}

int64_t json_get_i64(const struct json *j, const char *key, int64_t fallback)
{
    return json_i64(json_get(j, key), fallback);
}

struct json *json_object(void)
{
    return made(cJSON_CreateObject());
}

struct json *json_array(void)
{
    return made(cJSON_CreateArray());
}

struct json *json_from_string(const char *s)
{
    return made(cJSON_CreateString(s));
}

struct json *json_from_str(struct str s)
{
    CLEANUP(xfreep) char *z = xalloc(s.n + 1);

    if (s.n > 0)
        memcpy(z, s.p, s.n);
    return json_from_string(z);
}

struct json *json_from_number(double n)
{
    return made(cJSON_CreateNumber(n));
}

struct json *json_from_bool(bool b)
{
    return made(cJSON_CreateBool(b));
}

struct json *json_null(void)
{
    return made(cJSON_CreateNull());
}

void json_add(struct json *object, const char *key, struct json *value)
{
    CHECK(cJSON_IsObject(cmut(object)) && value);
    CHECK(cJSON_AddItemToObject(cmut(object), key, cmut(value)));
}

void json_set(struct json *object, const char *key, struct json *value)
{
    if (json_get(object, key))
        CHECK(cJSON_ReplaceItemInObjectCaseSensitive(cmut(object), key, cmut(value)));
    else
        json_add(object, key, value);
}

void json_set_string(struct json *object, const char *key, const char *s)
{
    json_set(object, key, s ? json_from_string(s) : json_null());
}

void json_set_number(struct json *object, const char *key, double n)
{
    json_set(object, key, json_from_number(n));
}

void json_set_bool(struct json *object, const char *key, bool b)
{
    json_set(object, key, json_from_bool(b));
}

void json_set_u64(struct json *object, const char *key, uint64_t n)
{
    char text[24];

    if (n <= EXACT_MAX) {
        json_set_number(object, key, (double)n);
        return;
    }
    str_fmt(text, sizeof text, "%llu", (unsigned long long)n);
    json_set_string(object, key, text);
}

void json_set_i64(struct json *object, const char *key, int64_t n)
{
    char text[24];

    if (n >= -(int64_t)EXACT_MAX && n <= (int64_t)EXACT_MAX) {
        json_set_number(object, key, (double)n);
        return;
    }
    str_fmt(text, sizeof text, "%lld", (long long)n);
    json_set_string(object, key, text);
}

void json_append(struct json *array, struct json *value)
{
    CHECK(cJSON_IsArray(cmut(array)) && value);
    CHECK(cJSON_AddItemToArray(cmut(array), cmut(value)));
}

void json_remove(struct json *object, const char *key)
{
    cJSON_DeleteItemFromObjectCaseSensitive(cmut(object), key);
}

struct json *json_take(struct json *object, const char *key)
{
    return j_of(cJSON_DetachItemFromObjectCaseSensitive(cmut(object), key));
}
