/* SPDX-License-Identifier: Apache-2.0 */
/* What a plain (unquoted) YAML scalar means, and which strings may stand unquoted. Private to
 * yaml.c and yaml_print.c: reading and writing must agree. Pure. */
#pragma once

#include "common/base/json.h"

/* YAML 1.2 core schema: null, true/false, integers (also 0x and 0o), floats; all else is a string.
 * False for a number that JSON cannot hold (.inf, .nan, 1e999). */
bool yaml_scalar_resolve(struct str text, struct json **ret) MUST_CHECK;

/* `s` reads back as the same string unquoted, here and in readers of YAML 1.1 ("no", "1_000",
 * "12:30"). */
bool yaml_scalar_may_be_plain(struct str s);
