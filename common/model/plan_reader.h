/* SPDX-License-Identifier: Apache-2.0 */
/* How a plan's document is read: sections are tables of fields, each field knows how its value is
 * read and where it goes. Private to common/model.
 *
 * A reader does not stop at a problem: it keeps the one that stands first in the document and
 * counts the rest, so that the message is about the place where the author looks first. owner:
 * plan_parse.c's stack. */
#pragma once

#include "common/base/yaml.h"
#include "common/model/plan.h"

struct plan_reader {
    const char *source;         /* names the document in messages */
    const struct yaml_doc *doc; /* for line numbers; NULL: a stored document */
    bool lenient;               /* unknown fields are ignored */
    bool partial;               /* an overlay: what is required may be missing, null takes out */
    struct plan *plan;          /* being filled */
    char path[160];             /* of the value being read: "spec.stages[1].weight" */
    size_t path_len;
    unsigned problems;   /* found so far */
    unsigned first_line; /* of the one in `first` */
    struct err first;
};

struct plan_field;

/* Read `value` into `dst`, or report a problem. */
typedef void (*plan_read_fn)(struct plan_reader *r, const struct json *value,
                             const struct plan_field *f, void *dst);

struct plan_field {
    const char *name;
    plan_read_fn read;
    size_t offset;                      /* of its place in the section's struct */
    int64_t min, max;                   /* of quantities, in the unit that is kept */
    const struct plan_section *section; /* of mappings */
    const char *const *words;           /* of choices; ends with NULL */
    bool required;
    /* For docs/reference/plan.md: what it is for, what is taken when it is absent, and what may be
     * written where `read` is no plan_value_*. */
    const char *help, *preset, *form;
};

#define PLAN_SECTION_FIELDS_MAX 24

struct plan_section {
    const struct plan_field *fields;
    unsigned count; /* at most PLAN_SECTION_FIELDS_MAX */
    const char *const
        *later; /* known to people, enforced by nobody yet; ends with NULL; may be NULL */
};

/* Report a problem of the value at the path; `at` gives the line. */
void plan_reader_problem(struct plan_reader *r, const struct json *at, const char *fmt, ...)
    PRINTF(3, 4);
/* The same of a member of the mapping at the path; of the mapping itself where it is missing. */
void plan_reader_problem_of(struct plan_reader *r, const struct json *node, const char *member,
                            const char *fmt, ...) PRINTF(4, 5);
/* "expected ..., not a list", or not the value */
void plan_reader_wrong_kind(struct plan_reader *r, const struct json *at, const char *expected);

/* Append to the path; hand the result to leave(). */
size_t plan_reader_enter(struct plan_reader *r, const char *fmt, ...) PRINTF(2, 3) MUST_CHECK;
size_t plan_reader_enter_key(struct plan_reader *r, const struct json *member) MUST_CHECK;
void plan_reader_leave(struct plan_reader *r, size_t mark);

/* Every member of a mapping by the section's table. */
void plan_reader_section(struct plan_reader *r, const struct json *node,
                         const struct plan_section *section, void *dst);

/* The items of a list, with the path at each. Fewer than `min` or more than `max` are a problem; at
 * most `max` are visited. `what` in the plural. Returns how many were visited. */
typedef void (*plan_item_fn)(struct plan_reader *r, const struct json *item, unsigned index,
                             void *dst);
unsigned plan_reader_list(struct plan_reader *r, const struct json *node, const char *what,
                          unsigned min, unsigned max, plan_item_fn read, void *dst);

/* 0, or INVALID with the first problem and the number of the others. */
int plan_reader_result(const struct plan_reader *r, struct err *err) MUST_CHECK;
