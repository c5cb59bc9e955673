/* SPDX-License-Identifier: Apache-2.0 */
/* The certificates of the node's TLS door: follows their files, tells the log what became of each
 * change, and shows them. owner: control loop. */
#pragma once

#include "common/base/metrics.h"
#include "common/loop/loop.h"
#include "sidecar/transport/tls_server.h"

struct certificates;
struct json;

/* Errors as tls_server_new(). */
int certificates_new(const struct tls_server_config *config, struct loop *l,
                     struct certificates **ret, struct err *err) MUST_CHECK;
void certificates_free(struct certificates *c); /* tolerates NULL */

/* For the proxy; lives as long as `c`. */
struct tls_server *certificates_server(struct certificates *c);
/* Read them anew, changed or not. For a signal. */
void certificates_reload(struct certificates *c);

/* {"certificates": [{"file", "names", "expires"}], "handshakes", "resumed", "failed", "warning"}
 * for /status; null when `c` is NULL. Field names are a promise. */
struct json *certificates_page(const struct certificates *c) MUST_CHECK;
/* Nothing when `s` is NULL. */
void certificates_metrics(struct metrics *m, struct tls_server *s);
