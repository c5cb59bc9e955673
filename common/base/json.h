/* SPDX-License-Identifier: Apache-2.0 */
/* JSON trees. json.c is the only file that includes cJSON; `struct json` is its node, opaque here.
 * A tree has one owner: the root. Children are borrowed from it. Not thread safe; pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

struct json;

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* Parse one whole document (nothing may follow but white space). Depth is limited to 64, invalid
 * UTF-8 and duplicate keys are refused. INVALID with line and column in the message. */
int json_parse(struct str text, struct json **ret, struct err *err) MUST_CHECK;
/* A whole text that is a number, as JSON writes them. */
bool json_parse_number(struct str text, double *ret) MUST_CHECK;
/* Tolerates NULL. */
void json_free(struct json *j);
DEFINE_CLEANUP(struct json, json_free)
struct json *json_dup(const struct json *j) MUST_CHECK;
/* A member whose key already stands before it in its object, or NULL. */
const struct json *json_find_duplicate(const struct json *root);

/* Text appended to `b`; compact is one line, pretty has two spaces of indent; no newline at the
 * end. Whole numbers print without point or exponent, others as the shortest text that reads back
 * the same; bytes that are no UTF-8 print as U+FFFD. False past b's maximum, `b` then being as
 * before. */
bool json_print(const struct json *j, bool pretty, struct buf *b) MUST_CHECK;
/* Its parts, for other printers: a string in quotes (which is YAML too), and a number. */
bool json_print_string(const char *s, struct buf *b) MUST_CHECK;
bool json_print_number(double n, struct buf *b) MUST_CHECK;

enum json_kind json_kind(const struct json *j);
/* For messages: "a string", "a list", "a mapping", ... */
const char *json_kind_name(enum json_kind k);

/* Object access; NULL when absent or `j` is no object. Keys are case-sensitive. */
struct json *json_get(const struct json *j, const char *key);
/* The name under which `j` stands in its object; NULL for array items and roots. */
const char *json_key(const struct json *j);
/* First child and next sibling, for arrays and objects. */
struct json *json_first(const struct json *j);
struct json *json_next(const struct json *j);
size_t json_count(const struct json *j);
#define JSON_FOREACH(item, parent) \
    for (struct json *item = json_first(parent); item; item = json_next(item))

/* Values; `fallback` when absent (NULL) or of another kind. Strings are borrowed. */
const char *json_string(const struct json *j, const char *fallback);
double json_number(const struct json *j, double fallback);
bool json_bool(const struct json *j, bool fallback);
/* Integers up to 2^53 are exact in numbers; larger ones are written as decimal strings (as in
 * proto's JSON mapping), and both forms are read. */
uint64_t json_u64(const struct json *j, uint64_t fallback);
int64_t json_i64(const struct json *j, int64_t fallback);

/* Shorthands on objects. */
const char *json_get_string(const struct json *j, const char *key, const char *fallback);
double json_get_number(const struct json *j, const char *key, double fallback);
bool json_get_bool(const struct json *j, const char *key, bool fallback);
uint64_t json_get_u64(const struct json *j, const char *key, uint64_t fallback);
int64_t json_get_i64(const struct json *j, const char *key, int64_t fallback);

/* Building. Adding moves `value` into the parent. json_set() replaces a member of the same name. */
struct json *json_object(void) MUST_CHECK;
struct json *json_array(void) MUST_CHECK;
struct json *json_from_string(const char *s) MUST_CHECK;
struct json *json_from_str(struct str s) MUST_CHECK;
struct json *json_from_number(double n) MUST_CHECK;
struct json *json_from_bool(bool b) MUST_CHECK;
struct json *json_null(void) MUST_CHECK;
void json_set(struct json *object, const char *key, struct json *value);
void json_set_string(struct json *object, const char *key, const char *s); /* NULL becomes null */
void json_set_number(struct json *object, const char *key, double n);
void json_set_bool(struct json *object, const char *key, bool b);
void json_set_u64(struct json *object, const char *key, uint64_t n); /* string past 2^53 */
void json_set_i64(struct json *object, const char *key, int64_t n);
/* json_set() for a key that is known to be absent, in constant time. */
void json_add(struct json *object, const char *key, struct json *value);
void json_append(struct json *array, struct json *value);
void json_remove(struct json *object, const char *key);
/* Out of its object, for the caller to keep or free; NULL when it is not there. It stays where it
 * is in memory. */
struct json *json_take(struct json *object, const char *key) MUST_CHECK;
