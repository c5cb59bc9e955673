/* SPDX-License-Identifier: Apache-2.0 */
/* What came of a command, for people or for scripts. */
#pragma once

#include "cli/cli.h"

/* `await` is NULL when the nodes were not waited for; `took` is from the call on. */
int change_tell(struct cli *cli, const Switchyard__V1__CommandResult *done,
                const Switchyard__V1__AwaitResult *await, dur_t took, struct err *err) MUST_CHECK;
/* Both messages as one, as `-o json` prints it. */
struct json *change_json(const Switchyard__V1__CommandResult *done,
                         const Switchyard__V1__AwaitResult *await) MUST_CHECK;
