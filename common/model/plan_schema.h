/* SPDX-License-Identifier: Apache-2.0 */
/* The language of plans as tables. Private to common/model. */
#pragma once

#include "common/model/plan_reader.h"

/* The whole document, read into a struct plan that holds the defaults. */
extern const struct plan_section plan_schema;
