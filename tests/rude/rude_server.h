/* SPDX-License-Identifier: Apache-2.0 */
/* A TCP server on loopback that treats every client as badly as it is told, on a thread of its own.
 * It waits for a client's first bytes before it says anything. */
#pragma once

#include "common/base/attrs.h"

enum rude_manner {
    RUDE_ANSWER, /* send the text after each request, and stay */
    RUDE_SAY,    /* send the text, and close */
    RUDE_SILENT, /* take the connection, read, and never say a word */
    RUDE_RESET,  /* send the text, and reset the connection */
    RUDE_FLOOD,  /* send the text, then 'x' without an end, as fast as it is taken */
    RUDE_DRIP,   /* send the text, then an 'x' each few milliseconds, without an end */
    RUDE_LOOP    /* send the text again and again, without an end */
};

struct rude_server;

/* `text` is borrowed; NULL: nothing. Ends the program when it cannot. */
struct rude_server *rude_start(enum rude_manner manner, const char *text);
void rude_stop(struct rude_server *s);
DEFINE_CLEANUP(struct rude_server, rude_stop)

unsigned rude_port(const struct rude_server *s);
/* "http://127.0.0.1:PORT/path", in one of a few buffers that are used again. */
const char *rude_url(const struct rude_server *s, const char *path);
unsigned rude_connections(struct rude_server *s); /* taken so far */
/* What the clients sent, in order, the first 4 KiB of it; into `dst` of 4 KiB. */
const char *rude_heard(struct rude_server *s, char *dst);
/* From now on. */
void rude_become(struct rude_server *s, enum rude_manner manner, const char *text);

/* A loopback port where nobody listens. */
unsigned rude_no_port(void);
