/* SPDX-License-Identifier: Apache-2.0 */
/* Two answers to one request: equal, or where they differ and how much that matters.
 *
 * Status and media type always count, and so does the body: JSON by structure, text by lines, all
 * else by bytes. Other fields count when a rule names them. What no rule classes: the status, the
 * media type, a part that one side lacks and a value of another type are critical, another value is
 * critical too, another order of fields in an object is no difference at all. The most specific
 * rule (the longest path) that covers a place decides; among equals COMPARE_IGNORE first, then
 * COMPARE_COSMETIC.
 *
 * Pure: no clock, no I/O. Memory and time are bounded by the bodies' sizes: nesting past
 * COMPARE_DEPTH_MAX is compared as bytes. */
#pragma once

#include "common/base/str.h"
#include "common/model/ruleset.h"
#include "common/model/stats.h"

#define COMPARE_DEPTH_MAX       64
#define COMPARE_DIFFERENCES_MAX 8

/* One side's answer. Everything is borrowed for the call. */
struct compare_answer {
    unsigned status;
    struct str media_type; /* Content-Type as received, parameters included; may be empty */
    struct str body;
    bool cut;           /* the body is longer than what is here: `body_hash` is of all of it */
    uint64_t body_size; /* all of it */
    uint64_t body_hash; /* of all of it; see compare_hash() */
    /* The `nth` value (from 0) of a field, any case; p is NULL when there is none. */
    struct str (*header)(const void *head, struct str name, unsigned nth);
    const void *head; /* handed to `header` */
};

enum compare_class { COMPARE_EQUAL, COMPARE_DIFFERS_COSMETIC, COMPARE_DIFFERS_CRITICAL };

struct compare_difference {
    enum compare_class class;
    char where[DISCREPANCY_PATH_SIZE];      /* as in struct discrepancy */
    char legacy[DISCREPANCY_VALUE_SIZE];    /* cut at a character's end; "(left out)" where the */
    char new_value[DISCREPANCY_VALUE_SIZE]; /* place's name says that it may be secret */
};

struct compare_verdict {
    enum compare_class class; /* the worst of all differences, kept or not */
    unsigned count;           /* differences found; at most COMPARE_DIFFERENCES_MAX are kept, */
    unsigned kept;            /* critical ones first */
    struct compare_difference difference[COMPARE_DIFFERENCES_MAX];
};

void compare_answers(const struct compare_rule *rules, unsigned rule_count,
                     const struct compare_answer *legacy, const struct compare_answer *new_answer,
                     struct compare_verdict *ret);

/* Is it a rule that can be obeyed? INVALID says what is wrong with it. */
int compare_rule_check(const struct compare_rule *rule, struct err *err) MUST_CHECK;

/* FNV-1a, piece by piece from COMPARE_HASH_START on. */
#define COMPARE_HASH_START UINT64_C(0xcbf29ce484222325)
uint64_t compare_hash(uint64_t hash, struct str piece);
