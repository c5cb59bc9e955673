/* SPDX-License-Identifier: Apache-2.0 */
/* What came of a command, for people or for scripts. */
#pragma once

#include "cli/change.h"

int change_tell(struct cli *cli, const struct change_done *d, struct err *err) MUST_CHECK;
/* Both messages as one, as `-o json` prints it; `await` is NULL when the nodes were not waited
 * for. */
struct json *change_json(const Switchyard__V1__CommandResult *done,
                         const Switchyard__V1__AwaitResult *await) MUST_CHECK;
/* The table form alone. */
void change_say(struct cli *cli, const struct change_done *d);
