/* SPDX-License-Identifier: Apache-2.0 */
/* What commands ask of one migration before or after they change it. */
#pragma once

#include "cli/cli.h"
#include "common/model/plan.h"

/* Its status, with the parts that every command may rely on: breaker, convergence, gate, trigger
 * and emergency. *ret is a Status; free it with cli_reply_free(). */
int migration_status(struct cli *c, const char *name, ProtobufCMessage **ret,
                     struct err *err) MUST_CHECK;
/* The plan that is in force. *ret_document is the PlanDocument that it was read from, for what lies
 * over it; free that with cli_reply_free(). May be NULL. */
int migration_plan(struct cli *c, const char *name, struct plan **ret,
                   ProtobufCMessage **ret_document, struct err *err) MUST_CHECK;
/* The number of a stage that is given by number or name, 0: before the first. INVALID names the
 * stages that there are. */
int migration_stage(struct cli *c, const char *name, const char *stage, uint32_t *ret,
                    struct err *err) MUST_CHECK;
