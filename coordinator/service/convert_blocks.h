/* SPDX-License-Identifier: Apache-2.0 */
/* What the replies of convert.h are built from. Everything lives in the reply's arena, which is
 * large enough for all that a coordinator holds. */
#pragma once

#include "coordinator/service/convert.h"
#include "operator.pb-c.h"

/* The arena holds it: a coordinator knows no more than fits. */
void *block_alloc(struct arena *a, size_t size);

/* A message of type Switchyard__V1__<Type>, initialised. */
#define NEW(a, Type, type)                                                                      \
    ({                                                                                          \
        Switchyard__V1__##Type *new_message = block_alloc((a), sizeof(Switchyard__V1__##Type)); \
        switchyard__v1__##type##__init(new_message);                                            \
        new_message;                                                                            \
    })

/* Room for `n` messages of a repeated field. */
#define NEW_LIST(a, n, Type) \
    ((Switchyard__V1__##Type **)block_alloc((a), ((n) + 1) * sizeof(void *)))

char *block_text(struct arena *a, const char *s);
/* RFC 3339; "" for a time that is not set. */
char *block_time(struct arena *a, wall_t t);
/* 0 of nothing. */
double block_percent(uint64_t part, uint64_t whole);
Switchyard__V1__Label **block_labels(struct arena *a, const struct labels *l);
Switchyard__V1__Convergence *block_convergence(struct arena *a, const struct view_convergence *c);
Switchyard__V1__Check *block_check(struct arena *a, const struct view_check *c);
Switchyard__V1__CheckResult *block_check_result(struct arena *a, const struct check_result *r);

/* ---- breakers -------------------------------------------------------------------------------- */

Switchyard__V1__FleetBreaker *block_fleet_breaker(struct arena *a, const struct view_breaker *v);
Switchyard__V1__NodeBreaker *block_node_breaker(struct arena *a, const struct view_breaker *v,
                                                const struct view_node_breaker *n);
