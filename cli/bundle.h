/* SPDX-License-Identifier: Apache-2.0 */
/* What support is given: documents about a system, collected one by one. What cannot be had is
 * named in the bundle, and the rest is there all the same. */
#pragma once

#include "cli/fleet_list.h"

struct bundle {
    struct cli *cli; /* borrowed */
    struct buf tar;
    wall_t made;
    struct json *missing; /* owned: [{"what", "why"}] */
    bool silent;          /* no coordinator answers; none is asked any more */
    unsigned files;
};

void bundle_init(struct bundle *b, struct cli *cli);
void bundle_deinit(struct bundle *b);

/* A tree, without its secrets. Takes `j`; NULL is nothing. */
void bundle_add_json(struct bundle *b, const char *path, struct json *j);
void bundle_add_text(struct bundle *b, const char *path, const char *text);
void bundle_miss(struct bundle *b, const char *what, const char *why);
/* Ask, and add the answer. *ret_reply, when it is not NULL, is the caller's. */
void bundle_ask(struct bundle *b, const char *path, const char *method,
                const ProtobufCMessage *request, ProtobufCMessage **ret_reply);
/* The events of all migrations that are kept (bundle_events.c). */
void bundle_add_events(struct bundle *b, const char *path);
/* The last log lines, without secrets: of a node that is asked itself, or (`node` NULL) of the
 * coordinator that answers; of the nodes that can be asked from here, 16 at most (bundle_logs.c).
 */
void bundle_add_log(struct bundle *b, const char *path, const struct fleet_entry *node);
void bundle_add_node_logs(struct bundle *b, const Switchyard__V1__Nodes *nodes);
/* All of it as a gzipped archive. EXHAUSTED when that is too large. */
int bundle_pack(struct bundle *b, struct buf *ret, struct err *err) MUST_CHECK;
