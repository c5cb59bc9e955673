/* SPDX-License-Identifier: Apache-2.0 */
/* `switchyard-sidecar emergency`: an order to the sidecar that runs on this machine, through the
 * socket in its folder. */
#pragma once

/* argv[0] is the word "emergency". Returns the exit status, as the CLI's: 0 served, 1 refused or
 * not served yet, 2 could not run. */
int emergency_run(int argc, char **argv);
