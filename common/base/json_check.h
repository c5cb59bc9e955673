/* SPDX-License-Identifier: Apache-2.0 */
/* Strict RFC 8259 grammar check of a text, ahead of cJSON, which is lenient (it takes "01", control
 * characters in strings and any depth). For json.c and common/compare. Pure, no recursion, no
 * allocation. */
#pragma once

#include "common/base/str.h"

#define JSON_MAX_DEPTH 64

/* NULL when `text` is one document; otherwise what is wrong, with *ret_at the offset of it. */
const char *json_check(struct str text, size_t *ret_at);

/* Offset of the `nth` value (0: the root) in document order of a checked text; of its key when
 * `key`. */
size_t json_locate(struct str text, size_t nth, bool key);
