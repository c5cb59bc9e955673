/* SPDX-License-Identifier: Apache-2.0 */
/* Which files hold certificates, and whether they have changed. */
#pragma once

#include <stdbool.h>

#include "common/base/hash.h"
#include "sidecar/transport/tls_server.h"

#define TLS_FILES_MAX 4096

/* Strings are owned; `key` "": it is in the same file. */
struct tls_files {
    struct tls_file_pair {
        char *cert, *key;
    } * pair;
    unsigned count;
};

/* Those of the configuration: as given, or of the folder by name. INVALID when there is none. */
int tls_files_list(const struct tls_server_config *config, struct tls_files *ret,
                   struct err *err) MUST_CHECK;
void tls_files_deinit(struct tls_files *f);

/* Differs when one of the files has changed, come or gone, by all that is known without reading
 * them. */
struct sha256 tls_files_mark(const struct tls_files *f, const char *client_ca);
/* Add to a mark what is known of one file. */
void tls_files_add_mark(struct sha256_ctx *c, const char *file);

/* Whether every user of the machine may read it. */
bool tls_files_is_open_to_all(const char *file);
