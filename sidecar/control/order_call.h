/* SPDX-License-Identifier: Apache-2.0 */
/* An order to one sidecar, from another process: the other side of order_service.h. */
#pragma once

#include "common/rpc/rpc.h"
#include "sidecar.pb-c.h"

/* Give the order and wait for the answer on `l`, which must not be running. *ret is the caller's;
 * free it with order_answer_free(). UNAVAILABLE when nobody listens at `target`. */
int order_call(struct loop *l, const char *target, const Switchyard__V1__OrderRequest *request,
               dur_t deadline, Switchyard__V1__OrderResult **ret, struct err *err) MUST_CHECK;
void order_answer_free(Switchyard__V1__OrderResult *m); /* tolerates NULL */
DEFINE_CLEANUP(Switchyard__V1__OrderResult, order_answer_free)
