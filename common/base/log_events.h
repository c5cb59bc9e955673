/* SPDX-License-Identifier: Apache-2.0 */
/* THE table of log events: X(ID, name, help). Names are an interface: add, never rename. Sorted by
 * name. */
#pragma once

#define LOG_EVENTS(X)                                                                              \
    X(ACCESS_LOG, "access.log", "the access log cannot be written, can again, or lost lines")      \
    X(ANSWER_FAILED, "answer.failed", "an operator's command was refused or failed")               \
    X(BACKUP, "backup", "the control state was written out for a caller")                          \
    X(CERTIFICATES, "certificates",                                                                \
      "the certificates of the TLS door were read, read anew, or refused")                         \
    X(CLOCK, "clock", "the wall clock was set; deadlines moved with it")                           \
    X(COMMAND, "command", "an operator's command was carried out")                                 \
    X(CONFIG, "config", "a configuration file was read or refused")                                \
    X(CONVERGED, "converged", "every node serves the revision of a migration")                     \
    X(COORDINATOR_LOST, "coordinator.lost", "the stream to the coordinator ended; decisions stay") \
    X(COORDINATOR_FOUND, "coordinator.found", "the stream to the coordinator is up")               \
    X(DRILL, "drill", "a rehearsal of a rollback began, or a part of it is over")                  \
    X(FLEET_BREAKER, "fleet_breaker", "the breakers of all nodes were given an order")             \
    X(ELECTION, "election", "who leads, and what part this coordinator has in it")                 \
    X(EMERGENCY, "emergency",                                                                      \
      "an emergency order came from beside the coordinator, or was adopted")                       \
    X(HISTORY_ARCHIVED, "history.archived",                                                        \
      "an entry gave way to a newer one; this line is what is left of it")                         \
    X(LEADER, "leader", "another coordinator leads from now on, or none")                          \
    X(LOG_LEVEL, "log.level", "an operator has set how much this process logs")                    \
    X(MEASURED, "measured", "something that was measured outside of the fleet was reported")       \
    X(NODE_GONE, "node.gone", "a node's stream ended")                                             \
    X(NODE_JOINED, "node.joined", "a node's stream began")                                         \
    X(NODE_NACK, "node.nack", "a node refused an update")                                          \
    X(NODE_REFUSED, "node.refused", "two processes have one node name; the newcomer must go")      \
    X(NODE_SENT_AWAY, "node.sent_away",                                                            \
      "this coordinator alone cannot reach the store: its nodes look elsewhere")                   \
    X(PEER_FOUND, "peer.found", "a link to or from another coordinator is up")                     \
    X(PEER_LOST, "peer.lost", "another coordinator cannot be reached")                             \
    X(PROCESS_EXITED, "process.exited", "a child process ended")                                   \
    X(PROXY, "proxy", "the proxy's own life: listening, draining, limits")                         \
    X(RESTORE, "restore", "a backup was put back into the store, or refused")                      \
    X(RULESET_REFUSED, "ruleset.refused", "an update or a stored rule set was refused")            \
    X(RULESET_SERVING, "ruleset.serving", "every proxy loop serves with this rule set")            \
    X(STAGE_MOVED, "stage.moved", "a rollout's phase or stage moved")                              \
    X(STARTED, "started", "a program is up")                                                       \
    X(STATE_FILE, "state.file", "the last good rule set on disk was read, written or refused")     \
    X(STOPPED, "stopped", "a program ends, with the reason")                                       \
    X(STORE, "store", "the store failed or recovered")                                             \
    X(TLS_CLIENT, "tls.client",                                                                    \
      "handshakes at the TLS door failed; a line a minute of each reason at most")                 \
    X(TLS_SYSTEM, "tls.system",                                                                    \
      "handshakes with a system failed; a line a minute of each reason at most")                   \
    X(TRIGGER, "trigger", "a trigger fired and rolled a migration back")                           \
    X(WEBHOOK, "webhook", "a webhook cannot be posted to, or can again")
