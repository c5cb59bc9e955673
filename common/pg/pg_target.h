/* SPDX-License-Identifier: Apache-2.0 */
/* Where to connect to: a connection string whose names are addresses, as libpq takes it. Private to
 * this folder. */
#pragma once

#include "common/base/buf.h"
#include "common/base/patience.h"

#define PG_WORDS_MAX 64
#define PG_LIST_MAX  4096

struct pg_target {
    void *options; /* owned; libpq's */
    struct buf host, hostaddr, port;
    const char *keyword[PG_WORDS_MAX + 1]; /* ends with NULL */
    const char *value[PG_WORDS_MAX + 1];
    unsigned count;
};

/* Names of hosts are looked up, no longer than `p` allows. As pg_address(). */
int pg_target_init(struct pg_target *t, const char *conninfo, const struct patience *p,
                   struct err *err) MUST_CHECK;
void pg_target_deinit(struct pg_target *t);
