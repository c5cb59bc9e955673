/* SPDX-License-Identifier: Apache-2.0 */
/* What the rows of the breaker's table ask breaker_fsm.c to do. */
#pragma once

#include "sidecar/proxy/breaker_fsm.h"

enum { BREAKER_FX_ERA = 1u << 0, BREAKER_FX_FORGET = 1u << 1 };
