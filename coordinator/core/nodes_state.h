/* SPDX-License-Identifier: Apache-2.0 */
/* A node as the files nodes*.c know it. */
#pragma once

#include <uthash.h>

#include "coordinator/core/nodes.h"

enum presence { CONNECTED, LEFT, GONE };
enum past { PAST_KNOWN, PAST_ASKED, PAST_MISSING };

#define ACKS_KEPT 4

/* When a node began to serve a revision. */
struct ack {
    uint64_t rev;
    mono_t at;
};

/* What a node's breaker of one migration saw. */
struct sight {
    int slot;
    struct breaker_seen seen;
};

struct node {
    struct name name;
    struct labels labels;
    enum presence presence;
    mono_t left_at; /* while LEFT or GONE */
    enum past past;
    mono_t asked_at; /* PAST_ASKED */
    uint64_t serving_rev;
    struct ack ack[ACKS_KEPT];                  /* rising; the newest last, empty ones (0) first */
    uint64_t reported_rev;                      /* serving_rev at the time of the latest report */
    uint8_t breaker[CORE_MIGRATIONS_MAX];       /* enum breaker_state by slot */
    uint8_t told_open[CORE_MIGRATIONS_MAX / 8]; /* bits: subscribers know the breaker as open */
    struct sight *sight;                        /* owned; of the breakers that it has */
    unsigned sights;
    struct underway *underway; /* by slot; NULL: it never had any, as most nodes */
    UT_hash_handle hh;
};

void nodes_set_past(struct nodes *n, struct node *node, enum past to);
/* "a, b, c and 4 more": of `total` the first three of those `listed`; `dst` has TEXT_SIZE bytes. */
const char *nodes_first_text(const char *const *name, unsigned listed, unsigned total, char *dst);
