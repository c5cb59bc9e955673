/* SPDX-License-Identifier: Apache-2.0 */
/* Which requests for another protocol pass, and whether an answer may switch to it (RFC 9110 7.8).
 * Pure. */
#pragma once

#include "common/http1/http1.h"

/* Whether `request` asks for protocols that may run through a tunnel. One that asks for HTTP itself
 * ("h2c", "HTTP/2.0") or for TLS is answered as if it had not asked: requests inside such a tunnel
 * would go past every rule here. So is HTTP/1.0, which knows no Upgrade. */
bool upgrade_passes(const struct http1_head *request);

/* Whether `answer`, a 101, names a protocol that `request` asked for. */
bool upgrade_agrees(const struct http1_head *request, const struct http1_head *answer);

/* Whether `answer`, a 101 that agrees, switches to WebSocket (RFC 6455 4.2.2). */
bool upgrade_is_websocket(const struct http1_head *answer);
