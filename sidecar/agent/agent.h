/* SPDX-License-Identifier: Apache-2.0 */
/* The sidecar's mind: which rule set the node accepts, keeps, serves and acknowledges. Pure.
 *
 *   update ─► accepted ─► written (fsynced) ─► published to the loops ─► serving ─► acknowledged
 *
 * Every arrow but the first is a job of the shell; a newer set overtakes an older one that waits.
 * agent_next() names the job that is due now.
 *
 * Emergency orders go before everything else. They are taken from every update, also from one whose
 * routes are refused: the node then stays on the routes it has, under the new orders. A set that
 * adds an active order does not wait for the disk nor for a set that is being published, because
 * legacy now is worth more than a file. A set that cannot be written is refused, unless it carries
 * such an order.
 *
 * Orders may also enter beside the coordinator, by agent_order(): from an operator's CLI, or on the
 * node itself. They go the same way, survive restarts the same way, and are told to the
 * coordinator. So are those that a coordinator pushed without a set, by agent_pushed_order().
 *
 * A set comes for all nodes: its routes are resolved for this one (route_for_node()) when it is
 * taken; the bytes and the checksum stay those that came, so that what is kept and compared is what
 * the coordinator sent.
 *
 * Rule sets are counted references; the agent holds one for each place it needs. owner: control
 * loop. */
#pragma once

#include "sidecar/agent/epoch.h"

struct agent;

/* An update as decoded by the shell; everything is borrowed. */
struct agent_route {
    struct route route;
    struct str rule;
};

struct agent_update {
    struct position to;
    bool full;
    uint64_t base_revision; /* partial updates */
    const struct agent_route *upsert;
    unsigned upsert_count;
    const struct name *remove;
    unsigned remove_count;
    const struct emergency *emergency;
    unsigned emergency_count;
    struct sha256 checksum;
    const char *flaw; /* why the routes cannot be used; NULL: they can */
};

/* Positive outcomes of agent_take(). */
enum agent_outcome {
    AGENT_KNOWN = 1, /* already accepted: acknowledge again when served */
    AGENT_GAP,       /* applies on a revision this node does not have: ask for a full set */
};

/* What the shell should do now. One write is out at a time; a set may be published while another
 * is, and overtakes it. */
enum agent_job {
    AGENT_IDLE,
    AGENT_WRITE,   /* agent_write_started() gives the set to keep on disk; then agent_written() or
                      agent_write_failed() */
    AGENT_PUBLISH, /* hand agent_publishable() to the proxy; then agent_serving() */
    AGENT_ACK,     /* tell the coordinator agent_position_serving(), then agent_acked() */
    AGENT_NACK,    /* tell it what is wrong with a set, then agent_nacked() */
    AGENT_TELL,    /* tell it agent_untold(), an order that is served here, then agent_told() */
};

/* The node's name and labels, which tell what of a route is its own. Copied. */
struct agent *agent_new(const struct name *node, const struct labels *labels);
struct agent *agent_free(struct agent *a); /* tolerates NULL; returns NULL */
static inline void agent_freep(struct agent **a)
{
    *a = agent_free(*a);
}

/* Take what the disk had; before any update. It is published without being written again. The agent
 * takes its own reference. */
void agent_restore(struct agent *a, struct ruleset *set, const struct epochs *epochs);

/* Judge an update. Its orders hold whatever comes of the rest. 0: accepted; AGENT_KNOWN; AGENT_GAP;
 * <0: refused with the reason, which is also queued as a Nack; the routes served stay. CORRUPT when
 * the checksum of the result differs, INVALID for a flaw. */
int agent_take(struct agent *a, const struct agent_update *u, struct err *err) MUST_CHECK;

/* "Legacy, now", beside the coordinator: for one migration of the accepted set, or with an empty
 * name for each. `order` gives the words and the time; the epoch is one above the highest known of
 * the migration. 0: taken; AGENT_KNOWN: it stands already, in the same words. NOT_FOUND names what
 * there is, REFUSED: nothing is served here that could go to legacy. */
int agent_order(struct agent *a, const struct emergency *order, struct err *err) MUST_CHECK;
/* An order from a coordinator that cannot store it: it keeps its epoch, and is told back when every
 * loop serves with it, also when it was known. One for a migration without a route here waits for
 * that route. 0: taken; AGENT_KNOWN: the same or a higher epoch stands. */
int agent_pushed_order(struct agent *a, const struct emergency *order, struct err *err) MUST_CHECK;
/* Do orders stand that the disk would not take? A restart would lose them. */
bool agent_orders_unwritten(const struct agent *a);
/* Does every loop serve with the newest order of the migration? False when there is none. */
bool agent_obeys(const struct agent *a, const char *migration);

/* What the driver has to do now; ask again after each outcome that it tells. */
enum agent_job agent_next(const struct agent *a);

const struct ruleset *agent_accepted(
    const struct agent *a);                                /* newest verified, or NULL; borrowed */
const struct ruleset *agent_served(const struct agent *a); /* by every loop, or NULL; borrowed */
const struct epochs *agent_epochs(const struct agent *a);
struct position agent_position(const struct agent *a);         /* accepted */
struct position agent_position_serving(const struct agent *a); /* "" and 0: none */
struct position agent_position_nack(const struct agent *a, const char **ret_reason);
/* Was the set refused? Else it serves, but for what the reason names. */
bool agent_nack_refuses(const struct agent *a);
wall_t agent_serving_since(const struct agent *a);

/* The set to write; borrowed until the outcome is told. */
const struct ruleset *agent_write_started(struct agent *a);
void agent_written(struct agent *a);
/* The node goes back to what it served, unless an emergency order is in the set. */
void agent_write_failed(struct agent *a, const char *why);

/* A new reference for the proxy; marks the set as handed out. */
struct ruleset *agent_publishable(struct agent *a);
/* Every loop serves with `set`; told in the order in which the loops took them over. An overtaken
 * set may be passed over in silence. */
void agent_serving(struct agent *a, const struct ruleset *set, wall_t now);
/* A name that `set` needs does not resolve: the coordinator is told, what can be served is. */
void agent_lacking(struct agent *a, const struct ruleset *set, const char *why);

/* Try again the write that was given up. For a timer after a failure. */
void agent_retry(struct agent *a);

/* The coordinator was told. */
void agent_acked(struct agent *a);
void agent_nacked(struct agent *a);
/* The order to tell next; borrowed. */
const struct emergency *agent_untold(const struct agent *a);
void agent_told(struct agent *a);

/* ---- freshness ------------------------------------------------------------------------------- */

enum agent_link {
    LINK_EMPTY,   /* serves no rule set: every request is answered 503 */
    LINK_STALE,   /* serves the last good one; no coordinator */
    LINK_CURRENT, /* a coordinator is there and the node serves what it last sent */
    LINK_BEHIND,  /* a coordinator is there; its newest decision is not served yet */
};

const char *agent_link_name(enum agent_link l); /* "empty", "stale", "current", "behind" */
enum agent_link agent_link(const struct agent *a);
/* The stream to the coordinator came up or ended. */
void agent_connected(struct agent *a, bool up);
