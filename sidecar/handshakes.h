/* SPDX-License-Identifier: Apache-2.0 */
/* Tells the log why handshakes of TLS failed: who, which name was asked for, what happened and what
 * to do about it. How often is up to who has the faults (tls_faults.h). Any thread. */
#pragma once

#include "common/model/ids.h"
#include "sidecar/transport/tls_faults.h"

/* A client's, at the TLS door. */
void handshakes_tell_client(const struct tls_fault *f);
/* A system's. */
void handshakes_tell_system(const char *migration, enum system system, const struct tls_fault *f);
