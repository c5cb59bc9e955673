/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/handshakes.h"

#include <inttypes.h>

#include "common/base/log.h"

struct advice {
    enum log_level level; /* strangers knock at every door: those are no warning */
    const char *hint;
};

static const struct advice for_clients[TLS_FAILURE_COUNT] = {
    [TLS_FAILED_PLAIN_HTTP] = {LOG_WARN,
                               "write https:// in the client's address, or let it use "
                               "the port of --listen"},
    [TLS_FAILED_NOT_TLS] = {LOG_INFO,
                            "see what runs at the peer's address: this port is for "
                            "https:// alone"},
    [TLS_FAILED_VERSION] = {LOG_WARN, "update the client: TLS 1.2 and 1.3 are spoken here"},
    [TLS_FAILED_CIPHER] = {LOG_WARN,
                           "let the client offer TLS 1.3, or ECDHE with AES-GCM or "
                           "ChaCha20 and the kind of key of --tls-cert (ECDSA or RSA)"},
    [TLS_FAILED_PROTOCOL] = {LOG_WARN, "let the client offer h2 or http/1.1 (ALPN)"},
    [TLS_FAILED_CERTIFICATE] = {LOG_WARN,
                                "give the client a certificate of an authority in "
                                "--tls-client-ca; `openssl x509 -noout -issuer -dates "
                                "-in CLIENT.crt` tells its own"},
    [TLS_FAILED_REFUSED] = {LOG_WARN,
                            "the client must trust the authority of --tls-cert, whose "
                            "file must hold the chain to it and the name that was "
                            "asked for"},
    [TLS_FAILED_SILENT] = {LOG_DEBUG,
                           "a check of the port alone, as load balancers do them, "
                           "looks so"},
    [TLS_FAILED_CLOSED] = {LOG_INFO,
                           "see the client's own log: it gave up, as one does that does "
                           "not trust our certificate and does not say so"},
    [TLS_FAILED_TIMEOUT] = {LOG_WARN,
                            "see whether the network between loses packets, and what "
                            "runs at the peer's address"},
    [TLS_FAILED_OTHER] = {LOG_WARN, "see the client's own log at this time"},
};

#define PROBE "; `switchyard probe` asks it now"

static const struct advice for_systems[TLS_FAILURE_COUNT] = {
    [TLS_FAILED_PLAIN_HTTP] = {LOG_WARN,
                               "write http:// for this endpoint in the plan, or the "
                               "port where it speaks TLS"},
    [TLS_FAILED_NOT_TLS] = {LOG_WARN,
                            "write http:// for this endpoint in the plan, or the port "
                            "where it speaks TLS"},
    [TLS_FAILED_VERSION] = {LOG_WARN, "let the system speak TLS 1.2 or 1.3"},
    [TLS_FAILED_CIPHER] = {LOG_WARN,
                           "let the system take TLS 1.3, or ECDHE with AES-GCM or "
                           "ChaCha20"},
    [TLS_FAILED_PROTOCOL] = {LOG_WARN,
                             "write protocol: http1 for this system in the plan, or let "
                             "its server speak HTTP/2 by TLS (ALPN h2)" PROBE},
    [TLS_FAILED_CERTIFICATE] = {LOG_WARN,
                                "look at tls.serverName and tls.caFile of this system in "
                                "the plan, or give the system another "
                                "certificate" PROBE},
    [TLS_FAILED_REFUSED] = {LOG_WARN,
                            "look at tls.certFile and tls.keyFile of this system in the "
                            "plan, and at whom the system trusts" PROBE},
    [TLS_FAILED_SILENT] = {LOG_WARN,
                           "see the system's own log: it closes connections as they "
                           "come" PROBE},
    [TLS_FAILED_CLOSED] = {LOG_WARN, "see the system's own log at this time" PROBE},
    [TLS_FAILED_TIMEOUT] = {LOG_WARN,
                            "see whether the system is overloaded, and whether this port "
                            "speaks TLS at all" PROBE},
    [TLS_FAILED_OTHER] = {LOG_WARN,
                          "put right what is said here, on this node or in the plan's tls "
                          "of this system" PROBE},
};

void handshakes_tell_client(const struct tls_fault *f)
{
    const struct advice *a = &for_clients[f->failure];

    log_line(a->level, LOG_TLS_CLIENT, "peer=%s name=%s reason=%s count=%" PRIu64 " why=%s hint=%s",
             LOGQ(f->peer), LOGQ(f->name), tls_failure_name(f->failure), f->count, LOGQ(f->words),
             LOGQ(a->hint));
}

void handshakes_tell_system(const char *migration, enum system system, const struct tls_fault *f)
{
    const struct advice *a = &for_systems[f->failure];

    log_line(a->level, LOG_TLS_SYSTEM,
             "migration=%s system=%s peer=%s name=%s reason=%s count=%" PRIu64 " why=%s hint=%s",
             migration, system_name(system), LOGQ(f->peer), LOGQ(f->name),
             tls_failure_name(f->failure), f->count, LOGQ(f->words), LOGQ(a->hint));
}
