/* SPDX-License-Identifier: Apache-2.0 */
/* Quantities as people write them in plans and options, parsed and printed. Pure.
 *
 * duration  "250ms" "10s" "5m" "2h" "7d", also with a fraction ("1.5s"); a bare number is refused
 * ratio     "1%" "0.1%" (always with %), 0..100, kept as parts per million
 * weight    "25" or "12.5" or with %, 0..100, kept as basis points (1/100 of a percent, 0..10000)
 * size      "512" "64KiB" "10MiB" "1GiB" (also KB MB GB = powers of 1000) */
#pragma once

#include <stdint.h>

#include "common/base/clock.h"
#include "common/base/str.h"

/* The whole of `s` has to be the quantity. INVALID says what was read and which forms there are
 * instead. */
int unit_parse_duration(struct str s, dur_t *ret, struct err *err) MUST_CHECK;
int unit_parse_ratio(struct str s, uint32_t *ret_ppm, struct err *err) MUST_CHECK;
int unit_parse_weight(struct str s, uint32_t *ret_bp, struct err *err) MUST_CHECK;
int unit_parse_size(struct str s, uint64_t *ret_bytes, struct err *err) MUST_CHECK;

#define UNIT_TEXT_MAX 32

/* Shortest exact form: "1500ms" prints as "1.5s". `dst` has UNIT_TEXT_MAX bytes; returns dst. */
const char *unit_duration_text(dur_t d, char *dst);
const char *unit_ratio_text(uint32_t ppm, char *dst);
const char *unit_weight_text(uint32_t bp, char *dst); /* without % */
const char *unit_size_text(uint64_t bytes, char *dst);

/* Weight as a JSON number (percent) and back. */
static inline double weight_percent(uint32_t bp)
{
    return (double)bp / 100.0;
}
