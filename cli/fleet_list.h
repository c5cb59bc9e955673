/* SPDX-License-Identifier: Apache-2.0 */
/* Where the sidecars take orders themselves, for the day when no coordinator can be asked. The CLI
 * keeps what the coordinators last said in switchyard/fleets in $XDG_CACHE_HOME or ~/.cache, a file
 * for each set of endpoints that it asked. */
#pragma once

#include "cli/cli.h"

#define FLEET_LIST_MAX 20000

struct fleet_entry {
    char name[NAME_SIZE];        /* empty: only the address was given */
    char address[ENDPOINT_SIZE]; /* "host:port" or "unix:/path" */
};

struct fleet_list {
    struct fleet_entry *item; /* owned */
    unsigned count;
};

void fleet_list_deinit(struct fleet_list *l);

void fleet_list_add(struct fleet_list *l, const char *name, const char *address);
/* NULL: not in the list. */
const struct fleet_entry *fleet_list_find(const struct fleet_list *l, const char *name);

/* What `switchyard get nodes -o json` printed into `path`; nodes without an address are left out.
 * INVALID names what is wrong. */
int fleet_list_read(const char *path, struct fleet_list *ret, struct err *err) MUST_CHECK;

/* ---- what is kept (fleet_cache.c) ------------------------------------------------------------ */

/* The last known fleet of the coordinators that this command would ask. NOT_FOUND, and what is
 * known instead. */
int fleet_list_known(const struct cli *c, struct fleet_list *ret, struct err *err) MUST_CHECK;
/* Keep what a coordinator just said. Fails in silence, as the next one. */
void fleet_list_keep(const struct cli *c, const Switchyard__V1__Nodes *nodes);
/* After a coordinator answered something: ask for its nodes and keep them, at most once a minute.
 */
void fleet_list_refresh(struct cli *c);
