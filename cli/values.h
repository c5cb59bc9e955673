/* SPDX-License-Identifier: Apache-2.0 */
/* Values of options that several commands take. Pure. *ret stays as it is when the option was not
 * given. */
#pragma once

#include "cli/commands.h"
#include "common/base/clock.h"

/* INVALID: it is not a number from 1 to `max`. */
int value_count(const struct args *a, enum cli_option o, uint64_t max, uint64_t *ret,
                struct err *err) MUST_CHECK;
/* --window; INVALID: it is not within `least` seconds and 24 h. */
int value_window(const struct args *a, unsigned least, uint32_t *ret_s, struct err *err) MUST_CHECK;
