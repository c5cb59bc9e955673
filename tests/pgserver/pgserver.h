/* SPDX-License-Identifier: Apache-2.0 */
/* Debian's PostgreSQL, started by the test on a free loopback port with its data in a temporary
 * folder, and gone with the test. As root, it runs as the user `postgres`. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct pgserver {
    pid_t pid;
    unsigned port;
    char dir[64];
    char conninfo[128]; /* "host=127.0.0.1 port=N dbname=postgres user=switchyard" */
};

/* False, with the reason printed, when it is not installed. */
bool pgserver_installed(void);
/* The user `switchyard` has the password "s3cret", which only the database `secret` asks for. Ends
 * the program when the server does not start. */
void pgserver_start(struct pgserver *s);
void pgserver_stop(struct pgserver *s);
