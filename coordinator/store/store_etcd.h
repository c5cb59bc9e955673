/* SPDX-License-Identifier: Apache-2.0 */
/* The store in etcd (3.4 or newer), through its v3 JSON gateway.
 *
 *   SPACE/switchyard/v1/...                the contract's keys
 *   SPACE/switchyard/v1/meta/incarnation   made once, by whoever comes first
 *   SPACE/switchyard/v1/meta/fence/ID      ends a transaction of unknown outcome; goes by itself
 *
 * Every transaction compares the incarnation, so that a store which was wiped or replaced under us
 * is never written to. Our revisions are etcd's own: `etcdctl get KEY -w json` shows the same. */
#pragma once

#include "coordinator/store/store.h"

#define STORE_ETCD_ENDPOINTS_MAX 16u

struct store_etcd_config {
    const char *endpoints; /* "http://10.0.0.1:2379,http://10.0.0.2:2379" */
    const char *space;     /* in front of every key: "/team-a"; NULL: nothing */
    const char *ca;        /* files; NULL: none, as for everything below */
    const char *cert, *key;
    const char *user, *password;
    dur_t timeout; /* of a request; 0: 2.5 s */
    dur_t
        reread; /* a watch reads all again this often, for etcd's watch may lose something; 0: 30 s
                 */
};

/* Blocks until the store's incarnation is known. INVALID for a configuration that cannot work;
 * UNAVAILABLE, DENIED (certificate, password, permission), REFUSED (not etcd), UNSUPPORTED (written
 * by a newer version), CORRUPT, each with the endpoint and what to do. `config` is copied. */
int store_etcd_open(const struct store_etcd_config *config, struct store **ret,
                    struct err *err) MUST_CHECK;
/* Give a store that was put back from a copy an incarnation of its own, as store_sqlite_renew(). */
int store_etcd_renew(const struct store_etcd_config *config, struct err *err) MUST_CHECK;
