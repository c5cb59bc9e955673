/* SPDX-License-Identifier: Apache-2.0 */
/* THE table of metrics: X(ID, name, type, labels, help). Names are an interface: add, never rename.
 * Those of the sidecar first, then the coordinator's. Units are in the names: seconds, ratio. */
#pragma once

#define METRICS(X)                                                                               \
    X(BUILD, "switchyard_build_info", GAUGE, "program, version", "1; what runs here")            \
    X(REQUESTS, "switchyard_requests_total", COUNTER, "migration, system",                       \
      "requests sent to a system, whatever came of them")                                        \
    X(ERRORS, "switchyard_errors_total", COUNTER, "migration, system",                           \
      "requests that a system failed: no connection, no answer in time, a broken one, 5xx, a "   \
      "failed gRPC call")                                                                        \
    X(TIMEOUTS, "switchyard_timeouts_total", COUNTER, "migration, system",                       \
      "errors that were an answer which did not come in time")                                   \
    X(CONNECT_ERRORS, "switchyard_connect_errors_total", COUNTER, "migration, system",           \
      "errors that were a connection which could not be made")                                   \
    X(OVERLOADS, "switchyard_overloads_total", COUNTER, "migration, system",                     \
      "errors that were a system with as many connections as it may have, for too long")         \
    X(FALLBACKS, "switchyard_fallbacks_total", COUNTER, "migration",                             \
      "errors of new that legacy answered in the same request")                                  \
    X(OVER_BUDGET, "switchyard_fallbacks_over_budget_total", COUNTER, "migration",               \
      "errors of new that legacy was not asked about, since the fallback's budget was spent")    \
    X(LATENCY, "switchyard_latency_seconds", HISTOGRAM, "migration, system, le",                 \
      "from sending a request to the end of its answer")                                         \
    X(BREAKER, "switchyard_breaker_state", GAUGE, "migration, state",                            \
      "1 for the state that the breaker of new is in, 0 for the others")                         \
    X(TUNNELS_OPENED, "switchyard_tunnels_opened_total", COUNTER, "migration, system",           \
      "connections that were switched to another protocol")                                      \
    X(TUNNELS, "switchyard_tunnels", GAUGE, "migration, system",                                 \
      "open connections that were switched to another protocol (WebSocket and the like)")        \
    X(LASTING, "switchyard_lasting_answers", GAUGE, "migration, system",                         \
      "answers under way that may last for hours: streams of events and gRPC calls")             \
    X(BYTES, "switchyard_bytes_total", COUNTER, "migration, system, direction",                  \
      "from clients (in) and to them (out): a request's at its end, others as they pass")        \
    X(MIRROR_SHARE, "switchyard_mirror_ratio", GAUGE, "migration",                               \
      "share of what legacy answers, and may be copied, that is copied to new")                  \
    X(MIRROR_COPIES, "switchyard_mirror_copies_total", COUNTER, "migration, result",             \
      "copies that were sent to new: 2xx, 3xx, 4xx, 5xx, timeout or failed")                     \
    X(MIRROR_DROPPED, "switchyard_mirror_dropped_total", COUNTER, "migration, reason",           \
      "copies that were not sent: pending and bytes are limits, late, ended by rules, unsuited") \
    X(MIRROR_BYTES, "switchyard_mirror_bytes_total", COUNTER, "migration, direction",            \
      "of copies, sent and received")                                                            \
    X(ENDPOINTS, "switchyard_endpoints", GAUGE, "migration, system, state",                      \
      "endpoints that are warming, healthy, ejected or failing, as this node sees them")         \
    X(WEIGHT, "switchyard_weight_ratio", GAUGE, "migration", "share of the keys that is on new") \
    X(EMERGENCY, "switchyard_emergency", GAUGE, "migration",                                     \
      "1 while an emergency order sends everything to legacy")                                   \
    X(CLIENTS, "switchyard_client_connections", GAUGE, "", "open connections of clients")        \
    X(CLIENT_REQUESTS, "switchyard_client_requests_total", COUNTER, "protocol",                  \
      "requests of clients that speak http1 or http2 (gRPC does), wherever they went")           \
    X(UPSTREAMS, "switchyard_upstream_connections", GAUGE, "state",                              \
      "open connections to the systems, at work (busy) or kept for the next request (idle)")     \
    X(POOLS, "switchyard_upstream_pools", GAUGE, "",                                             \
      "pools of connections: one for each address and proxy thread")                             \
    X(REVISION, "switchyard_revision", GAUGE, "",                                                \
      "of the decisions that are served (sidecar) or known (coordinator)")                       \
    X(SERVING_SINCE, "switchyard_serving_since_timestamp_seconds", GAUGE, "",                    \
      "when the revision began to be served; 0: none is")                                        \
    X(STALE, "switchyard_stale", GAUGE, "",                                                      \
      "1 while no coordinator is there: the last good decisions are served")                     \
    X(SILENCE, "switchyard_coordinator_silence_seconds", GAUGE, "",                              \
      "since when no coordinator is there; 0 while one is")                                      \
    X(STATE_UNWRITTEN, "switchyard_state_unwritten", GAUGE, "",                                  \
      "1 while the disk does not take what a restart would need")                                \
    X(ACCESS_LOST, "switchyard_access_log_lost_total", COUNTER, "",                              \
      "lines of the access log that found no room, or no disk that took them")                   \
    X(TLS_EXPIRES, "switchyard_tls_certificate_expiry_timestamp_seconds", GAUGE, "file",         \
      "when a certificate of the TLS door stops being valid")                                    \
    X(TLS_HANDSHAKES, "switchyard_tls_handshakes_total", COUNTER, "kind",                        \
      "TLS handshakes with clients that went well: full or resumed")                             \
    X(TLS_FAILURES, "switchyard_tls_handshake_failures_total", COUNTER, "reason",                \
      "TLS handshakes with clients that failed")                                                 \
    X(TLS_RELOADS, "switchyard_tls_reloads_total", COUNTER, "result",                            \
      "certificates read anew after a change or a signal: done or refused")                      \
    X(LEADER, "switchyard_leader", GAUGE, "", "1 on the coordinator that leads")                 \
    X(TERM, "switchyard_term", GAUGE, "", "of the latest leader that was heard of")              \
    X(NODES, "switchyard_nodes", GAUGE, "state", "nodes of the fleet: serving, lagging, ...")    \
    X(MIGRATIONS, "switchyard_migrations", GAUGE, "phase", "migrations, by the rollout's phase") \
    X(ROLLOUT_WEIGHT, "switchyard_rollout_weight_ratio", GAUGE, "migration",                     \
      "share of the keys that is decided to be on new")                                          \
    X(ROLLOUT_MIRROR, "switchyard_rollout_mirror_ratio", GAUGE, "migration",                     \
      "share of what legacy answers that is decided to be copied to new")                        \
    X(ROLLOUT_COPIES, "switchyard_rollout_mirror_copies_total", COUNTER, "migration, result",    \
      "switchyard_mirror_copies_total of all nodes, since this coordinator began")               \
    X(ROLLOUT_DROPPED, "switchyard_rollout_mirror_dropped_total", COUNTER, "migration, reason",  \
      "switchyard_mirror_dropped_total of all nodes, since this coordinator began")              \
    X(LAGGING, "switchyard_rollout_lagging_nodes", GAUGE, "migration",                           \
      "nodes that do not serve the migration's latest decision")                                 \
    X(FAN_OUT, "switchyard_fan_out_seconds", GAUGE, "migration",                                 \
      "from the latest command to the last node's acknowledgement; absent while nodes lag")      \
    X(OPEN_BREAKERS, "switchyard_open_breaker_nodes", GAUGE, "migration",                        \
      "nodes whose breaker of new is open")                                                      \
    X(COMMANDS, "switchyard_commands_total", COUNTER, "result",                                  \
      "commands that were decided here: done or refused")                                        \
    X(STORE_UP, "switchyard_store_up", GAUGE, "", "1 while the store works")                     \
    X(STORE_ERRORS, "switchyard_store_errors_total", COUNTER, "",                                \
      "times that the store did not do what it was asked for")                                   \
    X(UNSTORED_ORDERS, "switchyard_unstored_orders", GAUGE, "",                                  \
      "emergency orders that are pushed and not yet stored")                                     \
    X(REPORTS_DROPPED, "switchyard_reports_dropped_total", COUNTER, "",                          \
      "reports of nodes that came faster than they could be taken")
