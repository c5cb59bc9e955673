/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/transport/tls_files.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"

static void add(struct tls_files *f, const char *cert, const char *key)
{
    f->pair = xrealloc(f->pair, (f->count + 1) * sizeof *f->pair);
    f->pair[f->count++] = (struct tls_file_pair){.cert = xstrdup(cert), .key = xstrdup(key)};
}

void tls_files_deinit(struct tls_files *f)
{
    for (unsigned i = 0; i < f->count; i++) {
        xfreep(&f->pair[i].cert);
        xfreep(&f->pair[i].key);
    }
    xfreep(&f->pair);
    f->count = 0;
}

/* ---- a folder -------------------------------------------------------------------------------- */

static bool ends_in(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);

    return n > m && strcmp(name + n - m, end) == 0;
}

static int is_cert(const struct dirent *d)
{
    return d->d_name[0] != '.' && (ends_in(d->d_name, ".crt") || ends_in(d->d_name, ".pem"));
}

static void add_of_folder(struct tls_files *f, const char *dir, const char *name)
{
    char cert[PATH_MAX], key[PATH_MAX];

    if (!str_fmt(cert, sizeof cert, "%s/%s", dir, name))
        return;
    str_fmt(key, sizeof key, "%.*s.key", (int)strlen(cert) - 4, cert);
    add(f, cert, access(key, F_OK) == 0 ? key : "");
}

static int list_folder(const char *dir, struct tls_files *ret, struct err *err)
{
    struct dirent **found;
    int count = scandir(dir, &found, is_cert, alphasort);

    if (count < 0)
        return err_errno(err, errno, "certificates: list %s", dir);
    for (int i = 0; i < count; i++) {
        if (i < TLS_FILES_MAX)
            add_of_folder(ret, dir, found[i]->d_name);
        xfreep(&found[i]);
    }
    xfreep(&found);
    if (ret->count > 0)
        return 0;
    err_set(err, ERR_INVALID, "certificates: there is none in %s", dir);
    return err_hint(err, "it takes NAME.crt or NAME.pem, each with NAME.key");
}

int tls_files_list(const struct tls_server_config *config, struct tls_files *ret, struct err *err)
{
    *ret = (struct tls_files){0};
    if (config->dir)
        return list_folder(config->dir, ret, err);
    for (unsigned i = 0; i < config->pair_count; i++)
        add(ret, config->pair[i].cert, config->pair[i].key ? config->pair[i].key : "");
    if (ret->count == 0)
        return err_set(err, ERR_INVALID, "TLS needs a certificate");
    return 0;
}

/* ---- changes --------------------------------------------------------------------------------- */

void tls_files_add_mark(struct sha256_ctx *c, const char *file)
{
    struct stat st;
    int64_t facts[5] = {0};

    if (stat(file, &st) == 0) {
        facts[0] = (int64_t)st.st_dev;
        facts[1] = (int64_t)st.st_ino;
        facts[2] = st.st_size;
        facts[3] = st.st_mtim.tv_sec;
        facts[4] = st.st_mtim.tv_nsec;
    }
    sha256_add(c, file, strlen(file) + 1);
    sha256_add(c, facts, sizeof facts);
}

struct sha256 tls_files_mark(const struct tls_files *f, const char *client_ca)
{
    struct sha256_ctx *c = sha256_new();

    for (unsigned i = 0; i < f->count; i++) {
        tls_files_add_mark(c, f->pair[i].cert);
        if (f->pair[i].key[0])
            tls_files_add_mark(c, f->pair[i].key);
    }
    if (client_ca)
        tls_files_add_mark(c, client_ca);
    return sha256_final(c);
}

bool tls_files_is_open_to_all(const char *file)
{
    struct stat st;

    return stat(file, &st) == 0 && st.st_mode & S_IROTH;
}
