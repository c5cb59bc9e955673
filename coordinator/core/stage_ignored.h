/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs (phase, event) that lead nowhere, and why. For commands the sentence is the refusal:
 * refuse.c puts the migration's name in front. */
#pragma once

/*   X(PHASE, EVENT, why) */
/* clang-format off */
#define STAGE_IGNORED(X)                                                                                          \
    X(PENDING,          PROMOTE,       "has not started; start it first")                                         \
    X(PENDING,          FULL,          "has not started; start it first")                                         \
    X(PENDING,          PAUSE,         "has not started; there is nothing to pause")                              \
    X(PENDING,          RESUME,        "is not paused")                                                           \
    X(PENDING,          RETREAT,       "has not started; abort it without steps")                                 \
    X(PENDING,          ROLLBACK,      "has not started; everything is on legacy already")                        \
    X(PENDING,          WEIGHT,        "has not started; start it first")                                         \
    X(PENDING,          DECOMMISSION,  "has not completed its last stage; legacy is still needed")                \
    X(PENDING,          RECOVER,       "is not rolling back; there is nothing to recover")                        \
    X(PENDING,          PREPARED,      "no stage is being prepared")                                              \
    X(PENDING,          UNPREPARED,    "no stage is being prepared")                                              \
    X(PENDING,          CONVERGED,     "nothing waits for the nodes")                                             \
    X(PENDING,          DEADLINE,      "no deadline runs")                                                        \
    X(PENDING,          REVIEW,        "only an operator starts a rollout")                                       \
                                                                                                                  \
    X(PREPARING,        START,         "is started already")                                                      \
    X(PREPARING,        PROMOTE,       "is being prepared for its next stage already")                            \
    X(PREPARING,        RESUME,        "is not paused")                                                           \
    X(PREPARING,        DECOMMISSION,  "has not completed its last stage; legacy is still needed")                \
    X(PREPARING,        RECOVER,       "is not rolling back; there is nothing to recover")                        \
    X(PREPARING,        CONVERGED,     "the stage before has converged already")                                  \
    X(PREPARING,        DEADLINE,      "no deadline runs")                                                        \
    X(PREPARING,        REVIEW,        "what is being prepared decides")                                          \
                                                                                                                  \
    X(CONVERGING,       START,         "is started already")                                                      \
    X(CONVERGING,       PROMOTE,       "is still taking over its stage")                                          \
    X(CONVERGING,       RESUME,        "is not paused")                                                           \
    X(CONVERGING,       DECOMMISSION,  "has not completed its last stage; legacy is still needed")                \
    X(CONVERGING,       RECOVER,       "is not rolling back; there is nothing to recover")                        \
    X(CONVERGING,       PREPARED,      "no stage is being prepared")                                              \
    X(CONVERGING,       UNPREPARED,    "no stage is being prepared")                                              \
    X(CONVERGING,       DEADLINE,      "a raise has no deadline: it waits for its nodes")                         \
    X(CONVERGING,       REVIEW,        "a stage is judged once every node serves it")                             \
                                                                                                                  \
    X(BAKING,           START,         "is started already")                                                      \
    X(BAKING,           RESUME,        "is not paused")                                                           \
    X(BAKING,           DECOMMISSION,  "has not completed its last stage; legacy is still needed")                \
    X(BAKING,           RECOVER,       "is not rolling back; there is nothing to recover")                        \
    X(BAKING,           PREPARED,      "no stage is being prepared")                                              \
    X(BAKING,           UNPREPARED,    "no stage is being prepared")                                              \
    X(BAKING,           CONVERGED,     "the stage has converged before; a node that joins later gets it as well") \
    X(BAKING,           DEADLINE,      "no deadline runs")                                                        \
                                                                                                                  \
    X(READY,            START,         "is started already")                                                      \
    X(READY,            RESUME,        "is not paused")                                                           \
    X(READY,            DECOMMISSION,  "has not completed its last stage; legacy is still needed")                \
    X(READY,            RECOVER,       "is not rolling back; there is nothing to recover")                        \
    X(READY,            PREPARED,      "no stage is being prepared")                                              \
    X(READY,            UNPREPARED,    "no stage is being prepared")                                              \
    X(READY,            CONVERGED,     "the stage has converged before")                                          \
    X(READY,            DEADLINE,      "no deadline runs")                                                        \
                                                                                                                  \
    X(PAUSED,           START,         "is started already, and paused; resume it")                               \
    X(PAUSED,           PROMOTE,       "is paused; resume it first")                                              \
    X(PAUSED,           FULL,          "is paused; resume it first")                                              \
    X(PAUSED,           PAUSE,         "is paused already")                                                       \
    X(PAUSED,           DECOMMISSION,  "has not completed its last stage; legacy is still needed")                \
    X(PAUSED,           RECOVER,       "is not rolling back; there is nothing to recover")                        \
    X(PAUSED,           PREPARED,      "no stage is being prepared")                                              \
    X(PAUSED,           UNPREPARED,    "no stage is being prepared")                                              \
    X(PAUSED,           CONVERGED,     "resume looks at the nodes again")                                         \
    X(PAUSED,           DEADLINE,      "no deadline runs")                                                        \
    X(PAUSED,           REVIEW,        "nothing moves on by itself while paused")                                 \
                                                                                                                  \
    X(COMPLETED,        START,         "is completed")                                                            \
    X(COMPLETED,        PAUSE,         "is completed; nothing is left to pause")                                  \
    X(COMPLETED,        RESUME,        "is not paused")                                                           \
    X(COMPLETED,        RECOVER,       "is not rolling back; there is nothing to recover")                        \
    X(COMPLETED,        PREPARED,      "no stage is being prepared")                                              \
    X(COMPLETED,        UNPREPARED,    "no stage is being prepared")                                              \
    X(COMPLETED,        CONVERGED,     "the stage has converged before")                                          \
    X(COMPLETED,        DEADLINE,      "no deadline runs")                                                        \
    X(COMPLETED,        REVIEW,        "nothing is left to move on to")                                           \
                                                                                                                  \
    X(ROLLING_BACK,     START,         "is rolling back; wait until every node has acknowledged")                 \
    X(ROLLING_BACK,     PROMOTE,       "is rolling back; wait until every node has acknowledged")                 \
    X(ROLLING_BACK,     FULL,          "is rolling back; wait until every node has acknowledged")                 \
    X(ROLLING_BACK,     PAUSE,         "is rolling back, and a rollback does not pause")                          \
    X(ROLLING_BACK,     RESUME,        "is not paused")                                                           \
    X(ROLLING_BACK,     RETREAT,       "is rolling back already; abort it without steps")                         \
    X(ROLLING_BACK,     WEIGHT,        "is rolling back; wait until every node has acknowledged")                 \
    X(ROLLING_BACK,     PREPARED,      "no stage is being prepared")                                              \
    X(ROLLING_BACK,     UNPREPARED,    "no stage is being prepared")                                              \
    X(ROLLING_BACK,     DECOMMISSION,  "is rolling back; legacy is needed more than ever")                        \
    X(ROLLING_BACK,     REVIEW,        "a rollback ends by acknowledgements or its deadline")                     \
                                                                                                                  \
    X(ROLLED_BACK,      PAUSE,         "is rolled back; nothing moves on by itself")                              \
    X(ROLLED_BACK,      RESUME,        "is not paused")                                                           \
    X(ROLLED_BACK,      DECOMMISSION,  "is rolled back; legacy is needed")                                        \
    X(ROLLED_BACK,      RECOVER,       "is not rolling back; there is nothing to recover")                        \
    X(ROLLED_BACK,      PREPARED,      "no stage is being prepared")                                              \
    X(ROLLED_BACK,      UNPREPARED,    "no stage is being prepared")                                              \
    X(ROLLED_BACK,      CONVERGED,     "the rollback has converged before")                                       \
    X(ROLLED_BACK,      DEADLINE,      "no deadline runs")                                                        \
    X(ROLLED_BACK,      REVIEW,        "only an operator raises the share again")                                 \
                                                                                                                  \
    X(ROLLBACK_FAILED,  START,         "waits for nodes that have not acknowledged the rollback")                 \
    X(ROLLBACK_FAILED,  PROMOTE,       "waits for nodes that have not acknowledged the rollback")                 \
    X(ROLLBACK_FAILED,  FULL,          "waits for nodes that have not acknowledged the rollback")                 \
    X(ROLLBACK_FAILED,  PAUSE,         "waits for nodes that have not acknowledged the rollback")                 \
    X(ROLLBACK_FAILED,  RESUME,        "is not paused")                                                           \
    X(ROLLBACK_FAILED,  RETREAT,       "is rolling back already; abort it without steps")                         \
    X(ROLLBACK_FAILED,  WEIGHT,        "waits for nodes that have not acknowledged the rollback")                 \
    X(ROLLBACK_FAILED,  PREPARED,      "no stage is being prepared")                                              \
    X(ROLLBACK_FAILED,  UNPREPARED,    "no stage is being prepared")                                              \
    X(ROLLBACK_FAILED,  DEADLINE,      "the deadline has been missed already")                                    \
    X(ROLLBACK_FAILED,  DECOMMISSION,  "waits for nodes that have not acknowledged the rollback")                 \
    X(ROLLBACK_FAILED,  REVIEW,        "only the late nodes, or an operator, end this")                           \
                                                                                                                  \
    X(RETREATING,       START,         "is retreating; abort it, then start it again")                            \
    X(RETREATING,       PROMOTE,       "is retreating; abort it, then start it again")                            \
    X(RETREATING,       FULL,          "is retreating; abort it, then start it again")                            \
    X(RETREATING,       PAUSE,         "is retreating, and a retreat does not pause")                             \
    X(RETREATING,       RESUME,        "is not paused")                                                           \
    X(RETREATING,       RETREAT,       "is retreating already")                                                   \
    X(RETREATING,       WEIGHT,        "is retreating; abort it, or roll it back, to go faster")                  \
    X(RETREATING,       DECOMMISSION,  "is retreating to legacy")                                                 \
    X(RETREATING,       RECOVER,       "is not rolling back; there is nothing to recover")                        \
    X(RETREATING,       PREPARED,      "no stage is being prepared")                                              \
    X(RETREATING,       UNPREPARED,    "no stage is being prepared")                                              \
    X(RETREATING,       CONVERGED,     "a retreat goes by its deadlines")                                         \
    X(RETREATING,       REVIEW,        "a retreat goes by its deadlines")                                         \
                                                                                                                  \
    X(ABORTED,          PROMOTE,       "is aborted; start it again first")                                        \
    X(ABORTED,          FULL,          "is aborted; start it again first")                                        \
    X(ABORTED,          PAUSE,         "is aborted; there is nothing to pause")                                   \
    X(ABORTED,          RESUME,        "is not paused")                                                           \
    X(ABORTED,          ABORT,         "is aborted already")                                                      \
    X(ABORTED,          RETREAT,       "is aborted already")                                                      \
    X(ABORTED,          ROLLBACK,      "is aborted; everything is on legacy already")                             \
    X(ABORTED,          WEIGHT,        "is aborted; start it again first")                                        \
    X(ABORTED,          DECOMMISSION,  "is aborted; everything is on legacy")                                     \
    X(ABORTED,          RECOVER,       "is not rolling back; there is nothing to recover")                        \
    X(ABORTED,          PREPARED,      "no stage is being prepared")                                              \
    X(ABORTED,          UNPREPARED,    "no stage is being prepared")                                              \
    X(ABORTED,          CONVERGED,     "nothing waits for the nodes")                                             \
    X(ABORTED,          DEADLINE,      "no deadline runs")                                                        \
    X(ABORTED,          REVIEW,        "nothing moves on by itself")                                              \
                                                                                                                  \
    X(DECOMMISSIONED,   START,         "is decommissioned: only a rollback or an emergency leads back")           \
    X(DECOMMISSIONED,   PROMOTE,       "is decommissioned: only a rollback or an emergency leads back")           \
    X(DECOMMISSIONED,   FULL,          "is decommissioned: only a rollback or an emergency leads back")           \
    X(DECOMMISSIONED,   PAUSE,         "is decommissioned: only a rollback or an emergency leads back")           \
    X(DECOMMISSIONED,   RESUME,        "is decommissioned: only a rollback or an emergency leads back")           \
    X(DECOMMISSIONED,   ABORT,         "is decommissioned: only a rollback or an emergency leads back")           \
    X(DECOMMISSIONED,   RETREAT,       "is decommissioned: only a rollback or an emergency leads back")           \
    X(DECOMMISSIONED,   WEIGHT,        "is decommissioned: only a rollback or an emergency leads back")           \
    X(DECOMMISSIONED,   OVERRIDE,      "is decommissioned: only a rollback or an emergency leads back")           \
    X(DECOMMISSIONED,   DECOMMISSION,  "is decommissioned already")                                               \
    X(DECOMMISSIONED,   RECOVER,       "is decommissioned; there is nothing to recover")                          \
    X(DECOMMISSIONED,   TRIGGER,       "legacy may be gone: only an operator sends traffic there")                \
    X(DECOMMISSIONED,   PREPARED,      "no stage is being prepared")                                              \
    X(DECOMMISSIONED,   UNPREPARED,    "no stage is being prepared")                                              \
    X(DECOMMISSIONED,   CONVERGED,     "nothing waits for the nodes")                                             \
    X(DECOMMISSIONED,   DEADLINE,      "no deadline runs")                                                        \
    X(DECOMMISSIONED,   REVIEW,        "nothing is left to move on to")
/* clang-format on */
