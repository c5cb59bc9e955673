/* SPDX-License-Identifier: Apache-2.0 */
/* The language of plans as tables, one file for each part of it. Private to common/model.
 *
 * Sections stand bottom-up in their files: what a section refers to is above it. A new field is one
 * line in a table, one place in struct plan, and whoever enforces it; a name that people know from
 * elsewhere and nobody enforces yet stands in its section's `later`. */
#pragma once

#include "common/model/plan_reader.h"

/* The whole document, read into a struct plan that holds the defaults. */
extern const struct plan_section plan_schema;
extern const struct plan_section plan_spec_section;

/* plan_schema_system.c; into upstream[] */
extern const struct plan_section plan_systems_section;
extern const struct plan_section plan_tls_section;

/* plan_schema_route.c; into struct route, struct route_fallback, struct route_breaker */
extern const struct plan_section plan_routing_section;
extern const struct plan_section plan_tcp_section;
extern const struct plan_section plan_fallback_section;
extern const struct plan_section plan_breaker_section;
void plan_read_breaker(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                       void *dst);

/* plan_schema_mirror.c; into struct route_mirror */
extern const struct plan_section plan_mirror_section;

/* plan_schema_compare.c; into struct route_compare */
extern const struct plan_section plan_compare_section;
void plan_read_compare(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                       void *dst);

/* plan_schema_limits.c; the triggers into the plan, a gate into struct plan_stage */
extern const struct plan_section plan_triggers_section;
extern const struct plan_section plan_gate_section;
void plan_read_triggers(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                        void *dst);
void plan_read_gate(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                    void *dst);

/* plan_schema_check.c; lists of checks, owned by the plan */
extern const struct plan_section plan_check_section;
void plan_read_ready(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                     void *dst); /* of a struct plan_stage */
void plan_read_limit_checks(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                            void *dst); /* of a struct plan_limits */
/* One check that stands by itself, called `name` unless it says otherwise. */
void plan_read_check(struct plan_reader *r, const struct json *v, const char *name,
                     struct plan_check *ret);

/* plan_schema_hook.c; lists of hooks of a struct plan_stage, owned by the plan */
extern const struct plan_section plan_hook_section;
void plan_read_before(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                      void *dst);
void plan_read_after(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                     void *dst);

/* plan_schema_stage.c; into the plan */
extern const struct plan_section plan_stage_section;
void plan_read_stages(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                      void *dst);
/* A mapping of flags to values, into struct flags. */
void plan_read_flags(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                     void *dst);

/* plan_schema_times.c; into the plan */
extern const struct plan_section plan_freeze_section;
extern const struct plan_section plan_drill_section;
extern const struct plan_section plan_standby_section;
extern const struct plan_section plan_rollback_section;
void plan_read_freeze(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                      void *dst);
void plan_read_standby(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                       void *dst);

/* plan_overlay.c */
void plan_read_environment(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                           void *dst);
void plan_read_environments(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                            void *dst);
/* Lay the overlay over the document's spec, in place; reports what stands against it. "": none. */
void plan_overlay(struct plan_reader *r, struct json *root, const char *environment);

/* plan_rules.c: what holds between fields, looked at when each by itself is good. */
void plan_check_rules(struct plan_reader *r, const struct json *root);
/* plan_rules_system.c: of spec.systems */
void plan_check_systems(struct plan_reader *r, const struct json *systems);
/* plan_rules_tcp.c: what goes with routing.tcp, and what only with it */
void plan_check_tcp(struct plan_reader *r, const struct json *root);
