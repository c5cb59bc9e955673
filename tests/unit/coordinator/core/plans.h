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
