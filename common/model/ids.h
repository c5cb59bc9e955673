/* SPDX-License-Identifier: Apache-2.0 */
/* Names and the small words every program shares. */
#pragma once

#include "common/base/str.h"

#define NAME_SIZE     64  /* with the NUL */
#define TEXT_SIZE     256 /* reasons, sentences */
#define LABELS_MAX    16
#define LABEL_SIZE    64
#define LABELS_SIZE   508 /* keys and values together, each with its NUL */
#define ENDPOINT_SIZE 256

/* Names of plans, stages and nodes: a-z 0-9 and '-', starting and ending alphanumeric, 1..63 bytes
 * (as DNS labels, RFC 1123, so that they can stand in host names, file names and store keys). Nodes
 * may hold '.' and '_' as well. */
struct name {
    char s[NAME_SIZE];
};

/* INVALID with the rule that is broken; `what` names the thing in the message: "stage name". */
int name_parse(struct str s, const char *what, struct name *ret, struct err *err) MUST_CHECK;
int name_parse_node(struct str s, struct name *ret, struct err *err) MUST_CHECK;
static inline bool name_eq(const struct name *a, const struct name *b)
{
    return strcmp(a->s, b->s) == 0;
}

/* Text from outside, quoted for a message: control characters become '?', long text ends in "...".
 * `dst` has SHOW_SIZE bytes; returns dst. */
#define SHOW_SIZE 72
char *ids_show(struct str s, char *dst);

/* Packed, because coordinators keep those of thousands of nodes. */
struct labels {
    /* private */
    char text[LABELS_SIZE]; /* key, value, key, ... sorted by key */
    uint16_t used;
    uint16_t count; /* for all to read */
};

/* "cluster=eu-1,zone=a". INVALID for bad or repeated keys, EXHAUSTED past LABELS_MAX or
 * LABELS_SIZE. */
int labels_parse(struct str s, struct labels *ret, struct err *err) MUST_CHECK;
int labels_add(struct labels *l, struct str key, struct str value, struct err *err) MUST_CHECK;
const char *labels_get(const struct labels *l, const char *key); /* NULL when absent */

/* One of them; borrowed. */
struct label {
    const char *key, *value;
};
/* The next one, sorted by key; the first for a zeroed `label`. False at the end. */
bool labels_next(const struct labels *l, struct label *label);

enum system { SYSTEM_NONE, SYSTEM_LEGACY, SYSTEM_NEW, SYSTEM_COUNT };

const char *system_name(enum system s); /* "none", "legacy", "new" */
bool system_parse(struct str s, enum system *ret) MUST_CHECK;
