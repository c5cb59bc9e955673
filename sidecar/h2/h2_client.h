/* SPDX-License-Identifier: Apache-2.0 */
/* Streams to one system: a few HTTP/2 connections, made when they are needed and closed when they
 * have been idle. A connection that is full, or says goodbye, gets no new streams. owner: the
 * loop's thread. */
#pragma once

#include "sidecar/h2/h2_session.h"

/* Past this many connections, streams wait for their turn on one of them. */
enum { H2_CLIENT_LINKS_MAX = 8 };

struct h2_client;

/* Begin to connect `t`, wanting LOOP_WRITE. False: it failed at once, and `t` is closed. */
typedef bool (*h2_dial_fn)(void *ctx, struct transport *t, transport_fn fn);

/* `config` with is_server false. */
struct h2_client *h2_client_new(struct loop *loop, const struct h2_config *config, h2_dial_fn dial,
                                void *ctx) MUST_CHECK;
/* Streams that are open hear of a broken connection. Tolerates NULL. */
void h2_client_free(struct h2_client *c);

/* A new stream, to `t`, as h2_session_open(). *ret_reused: its connection is not new. False: there
 * is no connection, and none can be made. */
bool h2_client_open(struct h2_client *c, struct transport *t, unsigned events, transport_fn fn,
                    bool *ret_reused) MUST_CHECK;
/* Connections that stand or are being made. */
unsigned h2_client_links(const struct h2_client *c);
