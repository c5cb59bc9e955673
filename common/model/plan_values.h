/* SPDX-License-Identifier: Apache-2.0 */
/* The values that a plan's fields have: each reader checks kind, unit and range, and writes what
 * the struct keeps. All are plan_read_fn; the comment says what `dst` is and what min and max
 * count. Private to common/model. */
#pragma once

#include "common/model/plan_reader.h"

void plan_value_section(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                        void *dst);
/* One of the field's words, nothing is kept. */
void plan_value_word(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                     void *dst);
void plan_value_bool(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                     void *dst);
/* uint32_t */
void plan_value_count(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                      void *dst);
/* dur_t; in nanoseconds */
void plan_value_duration(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                         void *dst);
/* uint32_t milliseconds; limits in nanoseconds */
void plan_value_millis(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                       void *dst);
/* uint32_t ppm, over 0 */
void plan_value_ratio(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                      void *dst);
/* uint32_t basis points */
void plan_value_weight(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                       void *dst);
/* uint32_t thousandths, over 1.0 */
void plan_value_factor(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                       void *dst);
/* uint32_t thousandths of a number over 0, at most max */
void plan_value_thousandths(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                            void *dst);
/* uint32_t ppm, from 50 % to 99.9999 % */
void plan_value_confidence(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                           void *dst);
/* bool: `manual` is true, `none` is false */
void plan_value_approval(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                         void *dst);
/* const char *, one line of 1 to TEXT_SIZE - 1 bytes, borrowed from the document */
void plan_value_line(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                     void *dst);
/* uint32_t bytes, at most max */
void plan_value_size(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                     void *dst);
/* struct route_key */
void plan_value_key(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                    void *dst);

/* The text of a string value; false after reporting anything else as "expected `what`". */
bool plan_value_text(struct plan_reader *r, const struct json *v, const char *what,
                     struct str *ret) MUST_CHECK;
/* The index of a string among `words`; -1 after reporting that it is none of them. */
int plan_value_choice(struct plan_reader *r, const struct json *v, const char *const *words);
