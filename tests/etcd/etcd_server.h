/* SPDX-License-Identifier: Apache-2.0 */
/* Debian's etcd, started by the test on free loopback ports with its data in memory, and gone with
 * the test, however that ends. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "common/base/attrs.h"

#define ETCD_MEMBERS_MAX 3u

struct etcd_member {
    pid_t pid; /* 0: not running */
    unsigned port, peer_port, health_port;
    char endpoint[64];
};

struct etcd_cluster {
    struct etcd_member member[ETCD_MEMBERS_MAX];
    unsigned count;
    char dir[64];
    char endpoints[256];      /* of all members, as options take them */
    const char *const *extra; /* further arguments; borrowed */
    const char *scheme;
};

/* False, with the reason printed, when etcd is not installed. */
bool etcd_installed(void);

/* `extra`: further arguments for every member, NULL-terminated; NULL: none. Ends the program when a
 * member does not become healthy. */
void etcd_start(struct etcd_cluster *c, unsigned members, const char *scheme,
                const char *const *extra);
void etcd_stop(struct etcd_cluster *c);

/* kill -9 one member; start it again with what it has on disk, and wait until it is healthy. */
void etcd_kill(struct etcd_cluster *c, unsigned i);
void etcd_revive(struct etcd_cluster *c, unsigned i);
/* SIGSTOP and SIGCONT. */
void etcd_freeze(struct etcd_cluster *c, unsigned i, bool frozen);
/* The member that leads; waits for one. */
unsigned etcd_leader(struct etcd_cluster *c);

/* Run etcdctl on member 0; its exit status. */
int etcdctl(struct etcd_cluster *c, const char *const *args);
#define ETCDCTL(c, ...) etcdctl((c), (const char *const[]){__VA_ARGS__, NULL})

/* A port that nobody listens on now. */
unsigned etcd_free_port(void);
