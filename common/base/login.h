/* SPDX-License-Identifier: Apache-2.0 */
/* Who runs this program: the operator that is recorded when nobody is named. */
#pragma once

#include <stddef.h>

/* The login name of the real user, or "uid-1000" when it has none or it does not fit. */
void login_name(char *ret, size_t size);
