/* SPDX-License-Identifier: Apache-2.0 */
/* The operators' messages to and from the model and the core: the only place that knows both.
 * Requests are checked here (sizes, UTF-8, which action needs what); replies are built in an arena
 * that must outlive them. Pure. */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "common/base/arena.h"
#include "coordinator/core/core_view.h"
#include "coordinator/service/health.h"
#include "coordinator/service/registry.h"
#include "coordinator/service/spread.h"

/* More than the largest reply: 20,000 nodes with all their labels. */
#define CONVERT_REPLY_MAX (256u << 20)

/* ---- requests -------------------------------------------------------------------------------- */

/* Strings are borrowed from the request. */
struct convert_command {
    struct core_command core;
    struct plan *plan;                               /* owned; of an apply */
    struct core_setting setting[BREAKER_KNOB_COUNT]; /* of a tuning; texts are borrowed */
};

/* INVALID says which field, or for a plan source and line. */
int convert_command(const ProtobufCMessage *command, struct convert_command *ret,
                    struct err *err) MUST_CHECK;
void convert_command_deinit(struct convert_command *c);

/* Who restores a backup, and why; from the first part. */
struct convert_restore {
    char operator_name[2 * NAME_SIZE];
    char reason[TEXT_SIZE];
};

/* INVALID without an operator or a reason. */
int convert_restore(const ProtobufCMessage *part, struct convert_restore *ret,
                    struct err *err) MUST_CHECK;

/* A value that somebody else measured; the migration is borrowed. INVALID names what may be
 * reported, and for values that are no number. */
int convert_measure(const ProtobufCMessage *request, struct core_measure *ret,
                    struct err *err) MUST_CHECK;

/* What the other requests ask for; each has some of it. */
struct convert_query {
    const char *migration; /* borrowed; "" when not given */
    uint64_t revision;
    uint64_t unstored_epoch;
    dur_t timeout;
    dur_t window;
    unsigned limit;
    unsigned days;
    bool critical_only;
};

/* INVALID for a name that cannot be one. Limits are cut to what is allowed. */
int convert_query(const ProtobufCMessage *request, struct convert_query *ret,
                  struct err *err) MUST_CHECK;

/* ---- replies --------------------------------------------------------------------------------- */

const ProtobufCMessage *convert_result(struct arena *a, const struct core_update *u,
                                       uint64_t revision, uint64_t unstored_epoch);
const ProtobufCMessage *convert_await(struct arena *a, bool converged,
                                      const struct view_convergence *c,
                                      const struct view_measured *measured);
const ProtobufCMessage *convert_status(struct arena *a, const struct view_status *s,
                                       const struct spread *spread, const struct view_work *work,
                                       uint64_t term);
/* Of `count` migrations, each with what it compiles to. */
const ProtobufCMessage *convert_flags(struct arena *a, const struct core *c,
                                      const struct view_status *s, unsigned count);
/* Sorts the nodes by name. */
const ProtobufCMessage *convert_breaker(struct arena *a, const char *migration,
                                        const struct view_breaker *v, struct view_node_breaker *n,
                                        unsigned count);
const ProtobufCMessage *convert_stats(struct arena *a, const char *migration,
                                      const struct view_stats *s);
const ProtobufCMessage *convert_discrepancies(struct arena *a, const char *migration,
                                              const struct view_compared *v,
                                              const struct compared_example *const *example,
                                              unsigned count);
const ProtobufCMessage *convert_history(struct arena *a, const struct history_entry *const *entry,
                                        unsigned count);
/* One migration over some days; status is what convert_status() made. */
struct convert_review {
    const char *migration;
    const ProtobufCMessage *status;
    const struct view_day *day;
    unsigned days;
    const struct history_entry *const *entry; /* newest first */
    unsigned entries;
};
/* `health` is what convert_health() made. */
const ProtobufCMessage *convert_reviews(struct arena *a, const struct convert_review *r,
                                        unsigned count, const ProtobufCMessage *health, wall_t from,
                                        wall_t until);
const ProtobufCMessage *convert_health(struct arena *a, const struct health *h);
/* The document as it is in force. */
const ProtobufCMessage *convert_plan(struct arena *a, const struct view_status *s,
                                     const struct view_by_hand *by_hand, unsigned count);
const ProtobufCMessage *convert_plans(struct arena *a, const struct view_status *s, unsigned count);
const ProtobufCMessage *convert_coordinators(struct arena *a, const struct service_coordinator *c,
                                             unsigned count, const struct registry *r,
                                             const struct service_facts *f);
/* `quarantined` is sorted by name. */
const ProtobufCMessage *convert_nodes(struct arena *a, struct registry *r, uint64_t target,
                                      const struct name *quarantined, unsigned count);
