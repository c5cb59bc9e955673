/* SPDX-License-Identifier: Apache-2.0 */
/* What every back end does the same way. */
#pragma once

#include "coordinator/store/store.h"

/* A new random incarnation. */
void store_backend_incarnation(char ret_text[STORE_INCARNATION_SIZE]);
/* Whether the contract allows the key, or it is under STORE_META: what stands in a back end may
 * have been put there by hand. */
bool store_backend_key_valid(struct str key) MUST_CHECK;
/* Answer a get: append the value of `key`, or EXHAUSTED when the caller's buffer is too small. */
int store_backend_answer(struct str key, struct str value, struct buf *b,
                         struct err *err) MUST_CHECK;
