/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of rings of periods: time is cut into periods of one length, counted from where
 * the monotonic clock began, and the last `size` of them are kept. Pure. */
#pragma once

#include "common/base/clock.h"

/* Rounded down: the past may lie before the machine's clock began. */
static inline int64_t period_number(mono_t at, int64_t period_ns)
{
    return at.ns / period_ns - (at.ns % period_ns < 0);
}

/* Where in the ring it stands, from 0. */
static inline int64_t period_place(int64_t number, int64_t size)
{
    int64_t at = number % size;

    return at < 0 ? at + size : at;
}
