/* SPDX-License-Identifier: Apache-2.0 */
/* Two answers to one request: equal, or where they differ and how much that matters.
 *
 * Status, media type and the status of a gRPC call always count, and so does the body: JSON by
 * structure, text by lines, all else, and what does not keep to its media type, by bytes. Other
 * fields count when a rule names them. The order of an object's members is no difference, nor is
 * the spelling of numbers (1.0 and 1), of strings ("\u0041" and "A") and of lines' ends.
 *
 * Bodies in gzip or deflate (Content-Encoding) are unpacked first: how a system packs is no
 * difference. What cannot be unpacked (another coding, a beginning alone, more than unpack.h
 * allows) is compared by bytes where both pack alike; else nothing can be said of it, which is told
 * as a cosmetic difference.
 *
 * Rules: common/model/compare_rule.h. Of those that class a place the one that names it most
 * closely decides: of two that cover
 * "$.a.b", "$.a.b" and "$..b" come before "$.a"; among equals COMPARE_IGNORE first, then
 * COMPARE_COSMETIC. What no rule covers is critical; but where rules name what is critical in a
 * JSON body, the rest of that body is cosmetic. Parameters of the media type are cosmetic.
 *
 * Pure: no clock, no I/O. Memory is bounded by the bodies' sizes, time by those, the number of
 * rules and a logarithm. JSON nested deeper than 64 levels, of more than COMPARE_VALUES_MAX values
 * or with numbers past 10^±999999 is compared as bytes. */
#pragma once

#include "common/base/str.h"
#include "common/model/compare_rule.h"
#include "common/model/stats.h"

#define COMPARE_VALUES_MAX      (1u << 17)
#define COMPARE_DIFFERENCES_MAX 8

/* One side's answer. Everything is borrowed for the call. */
struct compare_answer {
    unsigned status;
    struct str grpc_status; /* how the call went, by name; p is NULL when it was none of gRPC */
    struct str media_type;  /* Content-Type as received, parameters included; may be empty */
    struct str body;
    bool cut;           /* the body is longer than what is here; compared by size and hash */
    uint64_t body_size; /* all of it */
    uint64_t body_hash; /* of all of it, when cut; see compare_hash() */
    size_t keep;        /* of a packed body, unpacked: of a longer one size and hash are compared */
    /* The `nth` value (from 0) of a field, any case; p is NULL when there is none. The function may
     * be NULL: there are no fields. */
    struct str (*header)(const void *head, struct str name, unsigned nth);
    const void *head; /* handed to `header` */
};

enum compare_class { COMPARE_EQUAL, COMPARE_DIFFERS_COSMETIC, COMPARE_DIFFERS_CRITICAL };

/* At one place, or at several that differ in nothing but the numbers of items: "$.list[0].at" and
 * "$.list[1].at" are one difference found twice, told with the first of them. */
struct compare_difference {
    enum compare_class class;
    unsigned count;
    uint64_t place;                         /* a hash of where, with "[*]" for each item */
    char where[DISCREPANCY_PATH_SIZE];      /* as in struct discrepancy */
    char legacy[DISCREPANCY_VALUE_SIZE];    /* one line, cut at a character's end; "(left out)" */
    char new_value[DISCREPANCY_VALUE_SIZE]; /* where the place says that it may be secret */
};

struct compare_verdict {
    enum compare_class class; /* the worst of all differences, kept or not */
    unsigned count;           /* differences found, each item's; */
    unsigned critical;        /* of these; */
    unsigned kept;            /* at most COMPARE_DIFFERENCES_MAX, critical ones first */
    struct compare_difference difference[COMPARE_DIFFERENCES_MAX];
};

/* Where `new_answer` differs from `legacy`; both are answers to one request. Cannot fail: what is
 * not readable as its media type is compared as bytes. */
void compare_answers(const struct compare_rule *rules, unsigned rule_count,
                     const struct compare_answer *legacy, const struct compare_answer *new_answer,
                     struct compare_verdict *ret);

/* What is critical at one of these places is cosmetic after all: it says nothing about new. */
void compare_forgive(struct compare_verdict *v, const uint64_t *place, unsigned count);

/* A text as one line for people, in `dst` of `size` bytes: cut at a character's end, with '?' for
 * what a terminal would obey and what is no character. */
void compare_show(struct str text, char *dst, size_t size);

/* FNV-1a, piece by piece from COMPARE_HASH_START on. */
#define COMPARE_HASH_START UINT64_C(0xcbf29ce484222325)
uint64_t compare_hash(uint64_t hash, struct str piece);
