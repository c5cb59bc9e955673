/* SPDX-License-Identifier: Apache-2.0 */
/* What a rule of the comparison may say: paths of JSON, and names of other places. Pure. */
#pragma once

#include "common/model/ruleset.h"

#define COMPARE_PATH_PARTS_MAX 31

struct compare_path_part {
    enum {
        COMPARE_PART_NAME,     /* ".name" */
        COMPARE_PART_ANY_NAME, /* ".*" */
        COMPARE_PART_DEEP,     /* "..name": a member of this name, however far below */
        COMPARE_PART_ITEM,     /* "[3]" */
        COMPARE_PART_ANY_ITEM  /* "[*]" */
    } kind;
    struct str name; /* of NAME and DEEP; borrowed from the text */
    uint64_t item;
};

struct compare_path {
    struct compare_path_part part[COMPARE_PATH_PARTS_MAX]; /* behind the "$" */
    unsigned count;
};

/* NULL, or what is wrong with it; static. */
const char *compare_path_parse(struct str text, struct compare_path *ret);

/* Is it a rule that can be obeyed? INVALID says what is wrong with it. What is ignored, critical or
 * cosmetic is a path, "status", "grpc-status", "body" or "header NAME"; of COMPARE_HEADER the name
 * of a field; of the others a path. */
int compare_rule_check(const struct compare_rule *rule, struct err *err) MUST_CHECK;
