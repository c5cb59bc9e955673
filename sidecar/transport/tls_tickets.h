/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of session tickets, which all threads share: a client may come back to another one. They
 * live in memory only and change with time, so that a stolen key opens no older sessions. */
#pragma once

#include <openssl/ssl.h>

#include "common/base/clock.h"

struct tls_tickets;

struct tls_tickets *tls_tickets_new(wall_t now);
void tls_tickets_free(struct tls_tickets *k); /* tolerates NULL */

/* A new key if it is time for one. Any thread. */
void tls_tickets_rotate(struct tls_tickets *k, wall_t now);

/* Let the servers of `ctx` resume with `k`, which outlives it. */
void tls_tickets_use(struct tls_tickets *k, SSL_CTX *ctx);
