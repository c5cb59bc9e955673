/* SPDX-License-Identifier: Apache-2.0 */
/* The health of the whole, as `health`, `recover` and `report` tell it. */
#pragma once

#include "cli/cli.h"

/* *ret is a Health; free it with cli_reply_free(). */
int health_ask(struct cli *c, ProtobufCMessage **ret, struct err *err) MUST_CHECK;
bool health_is_good(const Switchyard__V1__Health *h);
/* A row of tab-separated cells per component. */
void health_table(struct buf *b, const Switchyard__V1__Health *h);
