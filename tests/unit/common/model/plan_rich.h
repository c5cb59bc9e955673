/* SPDX-License-Identifier: Apache-2.0 */
/* A plan that uses what stages can do, for tests that change one thing in it. */
#pragma once

#define RICH_HEAD                                         \
    "apiVersion: switchyard/v1\n"                         \
    "kind: Migration\n"                                   \
    "metadata: {name: orders}\n"                          \
    "spec:\n"                                             \
    "  systems:\n"                                        \
    "    legacy: {endpoints: [\"http://127.0.0.1:1\"]}\n" \
    "    new: {endpoints: [\"http://127.0.0.1:2\"]}\n"    \
    "  routing: {key: \"header:X-User-Id\"}\n"

static const char rich_plan[] = RICH_HEAD
    "  flags: {discovery: false, batch: 10, theme: plain}\n"
    "  triggers: {errorRate: 1%, syncLag: 5s, noTraffic: {after: 10m, do: rollback},\n"
    "    checks: [{prometheus: \"http://127.0.0.1:9090\", query: up, min: 1}]}\n"
    "  rollback: {resumeWithin: 2h}\n"
    "  mirror: {methods: [GET, POST], maxBody: 1KiB, timeout: 2s, maxPending: 40, offAbove: 20}\n"
    "  freeze:\n"
    "    - {from: \"Fri 16:00\", until: \"Mon 08:00\", reason: weekend}\n"
    "    - {from: \"2026-12-20T00:00:00Z\", until: \"2027-01-04T00:00:00Z\"}\n"
    "  drill: {maxAge: 7d, within: 500ms}\n"
    "  standby: {for: 14d, checklist: [no reads on legacy for a day]}\n"
    "  stages:\n"
    "    - name: shadow\n"
    "      weight: 0\n"
    "      mirror: 100\n"
    "      risk: low\n"
    "    - name: canary\n"
    "      weight: 10\n"
    "      risk: medium\n"
    "      approval: manual\n"
    "      approvers: 2\n"
    "      objectives: [\"p99 under 100 ms\"]\n"
    "      flags: {discovery: true}\n"
    "      waves:\n"
    "        - {select: \"zone=a,cluster=eu\", bake: 10m}\n"
    "        - {select: \"cluster=eu\", approval: manual}\n"
    "      ready:\n"
    "        - {http: \"http://127.0.0.1:2/health\", contains: ok, timeout: 2s}\n"
    "        - {tcp: \"127.0.0.1:5432\", name: database}\n"
    "        - {postgres: \"host=db dbname=app\", query: \"SELECT 1\", max: 5}\n"
    "        - {redis: \"127.0.0.1:6379\"}\n"
    "        - {command: [make, smoke]}\n"
    "        - {disk: /var/lib, min: 10GiB}\n"
    "        - {memory: available, min: 512MiB}\n"
    "        - {flags: [discovery]}\n"
    "        - {nodes: \"cluster=eu\", min: 2}\n"
    "        - {endpoints: /health, min: 1}\n"
    "      backup: true\n"
    "      before:\n"
    "        - {scale: [scale, \"4\"], timeout: 5m, capacity: {endpoints: /health, min: 4}}\n"
    "        - {command: [warm, caches], name: warm-up}\n"
    "      after: [{command: [notify]}]\n"
    "      gate: {errorRatio: 2, p50: 20ms, restartsPerMinute: 0.5, criticalDiscrepancies: 0,\n"
    "        confidence: 99%, for: 24h, every: 1m, checks: [{redis: \"127.0.0.1:6379\"}]}\n"
    "    - {name: all, weight: 100, risk: critical}\n"
    "    - {name: enforced, weight: 100, enforce: true, bake: 1h}\n"
    "  environments:\n"
    "    staging:\n"
    "      freeze: null\n"
    "      drill: {within: null}\n"
    "      flags: {batch: 20}\n"
    "      triggers: {errorRate: 5%}\n"
    "      stages: [{name: all, weight: 100}]\n"
    "    prod: {}\n";
