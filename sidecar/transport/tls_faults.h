/* SPDX-License-Identifier: Apache-2.0 */
/* The handshakes that failed: how many of each kind, and the latest in words, for whoever tells the
 * operator. A flood of them makes a line a minute of each kind. Any thread. */
#pragma once

#include <pthread.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/base/clock.h"
#include "sidecar/transport/tls_words.h"

#define TLS_PEER_MAX 64
#define TLS_NAME_MAX 256

/* What the peer chose is text of his: to be quoted. */
struct tls_fault {
    enum tls_failure failure;
    uint64_t count;          /* of its kind, since the kind was last told */
    char peer[TLS_PEER_MAX]; /* "10.0.0.7:51334", "[V6]:PORT"; "": not known */
    char name[TLS_NAME_MAX]; /* the host that was asked for (SNI); "": none was */
    char words[TLS_WORDS_MAX];
};

struct tls_faults {
    pthread_mutex_t lock; /* of all of it; held for a copy, with no other lock but a cache's */
    struct tls_fault_kind {
        uint64_t count, told;
        mono_t told_at;
        struct tls_fault latest;
    } kind[TLS_FAILURE_COUNT];
};

void tls_faults_init(struct tls_faults *f);
void tls_faults_deinit(struct tls_faults *f);

/* One more; strings longer than their places are cut. `peer` may be NULL. */
void tls_faults_note(struct tls_faults *f, enum tls_failure failure, const struct sockaddr *peer,
                     const char *name, const char *words);

/* Since the start. */
uint64_t tls_faults_count(struct tls_faults *f, enum tls_failure failure);

/* The next kind that has news and was not told for a minute, which it then is. False: none. */
bool tls_faults_tell(struct tls_faults *f, mono_t now, struct tls_fault *ret);
