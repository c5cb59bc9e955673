/* SPDX-License-Identifier: Apache-2.0 */
/* The words in which the tables of the plan's language are written. Private to common/model. */
#pragma once

#include <stddef.h>

#include "common/model/plan_reader.h"

#define MS        INT64_C(1000000)
#define SECOND    (1000 * MS)
#define MINUTE    (60 * SECOND)
#define HOUR      (3600 * SECOND)
#define DAY       (24 * HOUR)
#define COUNT_MAX 1000000000

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define FIELD(word, reader, at, ...)                                    \
    {                                                                   \
        .name = (word), .read = (reader), .offset = (at), ##__VA_ARGS__ \
    }
#define SECTION(table, ...)                                         \
    {                                                               \
        .fields = (table), .count = ARRAY_LEN(table), ##__VA_ARGS__ \
    }
