/* SPDX-License-Identifier: Apache-2.0 */
/* One breaker for all lanes of the process: "5 errors in 300 s" means 5 on this node, not 5 on each
 * of its threads. While it is closed, which is always but in trouble, a request only reads one
 * atomic word; the table behind it is stepped under a lock by errors, probes and the end of
 * `open_for`. Any thread. */
#pragma once

#include "sidecar/proxy/breaker_fsm.h"

struct breaker;

/* With one reference; `config->errors` > 0. */
struct breaker *breaker_new(const struct route_breaker *config, mono_t now) MUST_CHECK;
struct breaker *breaker_ref(struct breaker *b);
void breaker_unref(struct breaker *b); /* tolerates NULL */
void breaker_configure(struct breaker *b, const struct route_breaker *config);

/* BREAKER_DISABLED for NULL. */
enum breaker_state breaker_look(struct breaker *b, mono_t now, wall_t wall);
/* Take a slot of a half-open one. Each is returned by one breaker_report(). */
bool breaker_take_probe(struct breaker *b) MUST_CHECK;
/* Tolerates NULL. */
void breaker_report(struct breaker *b, enum breaker_outcome outcome, bool probe, mono_t now,
                    wall_t wall);
