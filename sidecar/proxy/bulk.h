/* SPDX-License-Identifier: Apache-2.0 */
/* The rest of a large answer, from the upstream's socket to the client's through a pipe: about half
 * the CPU of going by way of a buffer. Only where nobody has to see the bytes. */
#pragma once

#include "sidecar/proxy/conn.h"

/* In place of step_relay() from when the answer goes through a pipe. Whether it does; takes the
 * pipe when it begins to. */
bool bulk_applies(struct conn *c);
enum verdict bulk_relay(struct conn *c);
