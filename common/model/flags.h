/* SPDX-License-Identifier: Apache-2.0 */
/* Feature flags of a migration: small sets of names and values, as stages switch them. Pure. */
#pragma once

#include "common/base/json.h"
#include "common/model/ids.h"

#define FLAGS_MAX  32
#define FLAG_VALUE 64

struct flag {
    char name[NAME_SIZE];   /* a letter, then letters, digits, '_', '-' and '.' */
    char value[FLAG_VALUE]; /* a JSON scalar as text: true, 12.5, "blue" */
};

/* Sorted by name. Unused places are zero, so that sets can be compared as bytes. */
struct flags {
    unsigned count;
    struct flag flag[FLAGS_MAX];
};

/* INVALID for a bad name or a value that is no boolean, number or string; EXHAUSTED when there is
 * no room. A flag that is there gets the new value. */
int flags_set(struct flags *f, struct str name, const struct json *value,
              struct err *err) MUST_CHECK;
/* The same of a value as text. */
int flags_set_text(struct flags *f, const char *name, const char *value,
                   struct err *err) MUST_CHECK;
/* Everything of `from` over what is in `into`. EXHAUSTED when there is no room. */
int flags_merge(struct flags *into, const struct flags *from, struct err *err) MUST_CHECK;
/* NULL: there is none. */
const struct flag *flags_find(const struct flags *f, const char *name);
/* False: there was none. */
bool flags_remove(struct flags *f, const char *name);
/* JSON_BOOL, JSON_NUMBER or JSON_STRING. */
enum json_kind flag_kind(const struct flag *f);
/* A mapping of names to their values. */
struct json *flags_json(const struct flags *f) MUST_CHECK;
bool flags_eq(const struct flags *a, const struct flags *b);
