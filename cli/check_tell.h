/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a stage is ready to be entered: asked by `check`, and by dry runs that tell the truth. */
#pragma once

#include "cli/cli.h"

/* Run the checks of a stage (number or name; "": the next one); `hurried`: none may take longer
 * than --timeout. *ret is a CheckReport; free it with cli_reply_free(). */
int check_ask(struct cli *c, const char *migration, const char *stage, bool hurried,
              ProtobufCMessage **ret, struct err *err) MUST_CHECK;
void check_tell(const Switchyard__V1__CheckReport *m);
/* The exit status: 0 ready, 1 not, 2 it could not be told. */
int check_status(const Switchyard__V1__CheckReport *m);
