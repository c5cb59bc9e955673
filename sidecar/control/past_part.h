/* SPDX-License-Identifier: Apache-2.0 */
/* A Past message in the making: filled up to its limits, sent, made anew. */
#pragma once

#include "fleet.pb-c.h"
#include "sidecar/agent/past.h"

#define PAST_PART_BYTES_MAX (256u << 10)

struct past_part;

/* `id` of who asked, copied. */
struct past_part *past_part_new(const char *id) MUST_CHECK;
struct past_part *past_part_free(struct past_part *p); /* tolerates NULL; returns NULL */
static inline void past_part_freep(struct past_part **p)
{
    *p = past_part_free(*p);
}

/* Items in the order in which past_read() gives them. False: it is full, the item belongs into the
 * next part. */
bool past_part_add(struct past_part *p, const struct past_item *item, mono_t now) MUST_CHECK;
/* Borrowed. `more`: another part follows. */
const Switchyard__V1__Past *past_part_message(struct past_part *p, bool more);
