/* SPDX-License-Identifier: Apache-2.0 */
/* Plans that the tests of coordinator/core run. */
#pragma once

#define PLAN_HEAD(name, path)                                \
    "apiVersion: switchyard/v1\n"                            \
    "kind: Migration\n"                                      \
    "metadata: {name: " name                                 \
    "}\n"                                                    \
    "spec:\n"                                                \
    "  systems:\n"                                           \
    "    legacy: {endpoints: [\"http://127.0.0.1:8000\"]}\n" \
    "    new: {endpoints: [\"http://127.0.0.1:8001\"]}\n"    \
    "  routing: {key: \"header:X-User-Id\", path: \"" path "\"}\n"

#define PLAN_TRIGGERS "  triggers: {errorRate: 5%, minRequests: 20, window: 10s}\n"

#define PLAN_STAGES                                                                             \
    "  stages:\n"                                                                               \
    "    - {name: shadow, weight: 0}\n"                                                         \
    "    - {name: canary, weight: 10, bake: 10s, gate: {errorRate: 1%, minRequests: 100, for: " \
    "10s}}\n"                                                                                   \
    "    - {name: quarter, weight: 25, bake: 5s, approval: manual}\n"                           \
    "    - {name: all, weight: 100, approval: manual}\n"

#define PLAN_ORDERS  PLAN_HEAD("orders", "/orders") PLAN_TRIGGERS PLAN_STAGES
#define PLAN_PLAIN   PLAN_HEAD("orders", "/orders") PLAN_STAGES
#define PLAN_BASKETS PLAN_HEAD("baskets", "/baskets") PLAN_TRIGGERS PLAN_STAGES

/* Everything that a stage can have before it, in it and after it. */
#define PLAN_FIRST                     \
    PLAN_HEAD("orders", "/orders")     \
    PLAN_TRIGGERS                      \
    "  flags: {discovery: false}\n"    \
    "  rollback: {resumeWithin: 2h}\n" \
    "  stages:\n"                      \
    "    - name: canary\n"             \
    "      weight: 10\n"               \
    "      bake: 5s\n"                 \
    "      ready: [{tcp: \"127.0.0.1:5432\", name: database, timeout: 5s}]\n"

#define PLAN_WAVES                                                            \
    PLAN_FIRST                                                                \
    "    - name: half\n"                                                      \
    "      weight: 50\n"                                                      \
    "      bake: 20s\n"                                                       \
    "      flags: {discovery: true}\n"                                        \
    "      waves:\n"                                                          \
    "        - {select: \"cluster=a\", bake: 10s}\n"                          \
    "        - {select: \"cluster=b\", bake: 5s, approval: manual}\n"         \
    "      ready: [{tcp: \"127.0.0.1:5432\", name: database, timeout: 5s}]\n" \
    "      backup: true\n"                                                    \
    "      before: [{command: [warm], name: warm-up, timeout: 30s}]\n"        \
    "      after: [{command: [notify], name: tell, timeout: 30s}]\n"          \
    "      gate: {errorRate: 1%, minRequests: 20, for: 5s}\n"                 \
    "    - {name: all, weight: 100, approval: manual, ready: [{redis: \"127.0.0.1:6379\"}]}\n"
