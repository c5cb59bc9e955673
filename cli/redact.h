/* SPDX-License-Identifier: Apache-2.0 */
/* Documents without what must stay with their owner: passwords, tokens and their kin, by the name
 * of the field or by their place in a text. Pure. */
#pragma once

#include "common/base/json.h"

/* A copy in which secrets read "(redacted)". */
struct json *redact_json(const struct json *j) MUST_CHECK;
/* The same of one text, appended: user:PASSWORD@ in URLs, password=..., Bearer ... */
void redact_text(struct str text, struct buf *b);
/* Does a field or variable of this name hold a secret? */
bool redact_is_secret(const char *name);
