/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/order_file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "common/base/atomic_file.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/loop/loop.h"
#include "common/model/ids.h"

#define FILE_NAME "emergency"
/* More than a reason: a file with a story in it is obeyed, too. */
#define FILE_MAX (64u << 10)

struct order_file {
    char path[PATH_MAX], taken[PATH_MAX];
    int fd; /* owned: of inotify */
    struct loop_watch watch;
    order_file_fn fn;
    void *ctx;
};

/* The first line, as text that can be recorded: what is no printable UTF-8 becomes '?'. */
static void read_reason(const struct buf *text, char *ret, size_t size)
{
    struct str line, rest;
    size_t bad, n;

    str_cut(buf_view(text), '\n', &line, &rest);
    line = str_trim(line);
    n = line.n < size ? line.n : size - 1;
    if (!str_copy((struct str){line.p, n}, ret, size))
        ret[0] = '\0'; /* a NUL in it */
    while (!str_utf8_valid(str_of(ret), &bad))
        ret[bad] = '?';
    for (char *c = ret; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    if (ret[0] == '\0')
        str_fmt(ret, size, "the file %s", FILE_NAME);
}

static void set_aside(const struct order_file *f)
{
    struct err err = {0};

    if (rename(f->path, f->taken) == 0)
        return;
    err_errno(&err, errno, "rename %s", f->path);
    log_err(LOG_WARN, LOG_EMERGENCY, &err, "action=file path=%s", LOGQ(f->path));
}

/* A file that cannot be read is an order all the same. */
void order_file_look(struct order_file *f)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(FILE_MAX);
    char reason[TEXT_SIZE];
    struct err err = {0};

    if (!f || access(f->path, F_OK) < 0)
        return;
    if (file_read(f->path, &text, &err) < 0)
        buf_clear(&text);
    read_reason(&text, reason, sizeof reason);
    if (f->fn(f->ctx, reason) >= 0)
        set_aside(f);
}

/* What is told matters less than that something was: the file is looked for by its name. */
static void on_change(struct loop_watch *w, unsigned events UNUSED)
{
    struct order_file *f = container_of(w, struct order_file, watch);
    char events_read[4096];

    while (read(f->fd, events_read, sizeof events_read) > 0)
        continue;
    order_file_look(f);
}

static int start_watching(struct order_file *f, const char *folder, struct loop *l, struct err *err)
{
    f->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (f->fd < 0)
        return err_errno(err, errno, "watch for the file " FILE_NAME);
    if (inotify_add_watch(f->fd, folder, IN_CLOSE_WRITE | IN_MOVED_TO) < 0)
        return err_errno(err, errno, "watch the folder %s", folder);
    return loop_watch(l, &f->watch, f->fd, LOOP_READ, on_change, err);
}

int order_file_new(const char *folder, struct loop *l, order_file_fn fn, void *ctx,
                   struct order_file **ret, struct err *err)
{
    struct order_file *f = xnew(struct order_file);
    int r = 0;

    f->fd = -1;
    f->fn = fn;
    f->ctx = ctx;
    if (!str_fmt(f->path, sizeof f->path, "%s/" FILE_NAME, folder) ||
        !str_fmt(f->taken, sizeof f->taken, "%s/" FILE_NAME ".taken", folder))
        r = err_set(err, ERR_INVALID, "the path of the data folder is too long");
    if (r == 0)
        r = start_watching(f, folder, l, err);
    if (r < 0) {
        order_file_free(f);
        return r;
    }
    *ret = f;
    return 0;
}

struct order_file *order_file_free(struct order_file *f)
{
    if (!f)
        return NULL;
    loop_unwatch(&f->watch);
    if (f->fd >= 0)
        close(f->fd);
    xfreep(&f);
    return NULL;
}
