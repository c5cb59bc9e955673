/* SPDX-License-Identifier: Apache-2.0 */
/* How the coordinator, its store, its nodes and each migration are, judged from what is known.
 * Pure. "degraded" works and wants a look; "unhealthy" wants a hand. */
#pragma once

#include "common/base/arena.h"
#include "coordinator/service/service.h"

enum health_level { HEALTH_HEALTHY, HEALTH_DEGRADED, HEALTH_UNHEALTHY };
const char *health_level_name(enum health_level l);

struct health_component {
    char name[NAME_SIZE + 16]; /* "store", "migration/orders" */
    enum health_level level;
    char text[TEXT_SIZE * 4];
};

struct health {
    enum health_level overall; /* the worst of them */
    struct health_component *component;
    unsigned count;
};

/* What is judged. */
struct health_grounds {
    const struct core *core;
    const struct registry *registry;
    const struct service_facts *facts;
    const struct service_coordinator *coordinator;
    unsigned coordinators;
    const struct service_webhook *webhook;
    unsigned webhooks;
    const struct view_status *status; /* of every migration */
    unsigned statuses;
};

/* Judge everything; the components are the arena's. */
void health_judge(const struct health_grounds *g, wall_t now, struct arena *a, struct health *ret);
