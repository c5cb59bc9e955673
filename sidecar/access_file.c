/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/access_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/loop/timer.h"
#include "common/loop/worker.h"

#define WRITE_EVERY dur_ms(100)
/* A reader of standard output that takes nothing for this long has lost what was for it. */
#define WRITE_PATIENCE_MS 1000
/* How often it is said that lines were lost. */
#define SAY_EVERY dur_s(10)

struct access_file {
    struct loop *loop;      /* borrowed */
    struct access_log *log; /* borrowed */
    const char *path;       /* borrowed */
    struct worker *worker;
    struct timer timer;

    /* Moves to the worker's thread and back. */
    struct worker_job job;
    int fd; /* owned, but for standard output; -1: not open */
    bool reopen_now;
    bool torn;         /* what was written last ends within a line */
    struct err failed; /* the last write or open; ERR_NONE: it went well */

    bool writing;
    bool reopen;
    bool told_failed;
    _Atomic uint64_t unwritten; /* lines */
    uint64_t told_lost;
    mono_t told_at;
};

/* ---- on the worker's thread ------------------------------------------------------------------ */

static int open_path(struct access_file *f, struct err *err)
{
    if (strcmp(f->path, "-") == 0) {
        f->fd = STDOUT_FILENO;
        return 0;
    }
    if (f->fd >= 0)
        close(f->fd);
    f->torn = false;
    f->fd = open(f->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    return f->fd < 0 ? err_errno(err, errno, "open %s", f->path) : 0;
}

static void lose(struct access_file *f, struct str rest)
{
    uint64_t lines = 0;

    for (size_t i = 0; i < rest.n; i++)
        lines += rest.p[i] == '\n';
    atomic_fetch_add_explicit(&f->unwritten, lines, memory_order_relaxed);
}

/* Standard output may be a pipe that does not block, and full. */
static bool wait_for_room(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};

    return poll(&p, 1, WRITE_PATIENCE_MS) == 1 && !(p.revents & POLLERR);
}

/* The rest is returned. */
static struct str write_some(struct access_file *f, struct str piece)
{
    while (piece.n > 0 && f->failed.code == ERR_NONE) {
        ssize_t n = write(f->fd, piece.p, piece.n);

        if (n > 0)
            f->torn = piece.p[n - 1] != '\n';
        if (n >= 0)
            piece = (struct str){piece.p + n, piece.n - (size_t)n};
        else if (errno != EINTR && (errno != EAGAIN || !wait_for_room(f->fd)))
            err_errno(&f->failed, errno, "write the access log %s", f->path);
    }
    return piece;
}

/* All of it, whatever came of it, so that the rings go on to empty. */
static bool write_piece(void *ctx, struct str piece)
{
    struct access_file *f = ctx;

    lose(f, write_some(f, piece));
    return true;
}

static void run(struct worker_job *j)
{
    struct access_file *f = container_of(j, struct access_file, job);

    f->failed = (struct err){.code = ERR_NONE};
    if (f->reopen_now || f->fd < 0)
        (void)open_path(f, &f->failed);
    /* The rest of a line is lost, but not the one behind it. */
    if (f->torn)
        (void)write_some(f, STR("\n"));
    access_log_drain(f->log, write_piece, f);
}

/* ---- on the loop ----------------------------------------------------------------------------- */

static void tell(struct access_file *f)
{
    mono_t now = loop_now(f->loop);
    uint64_t lost = access_file_lost(f);
    bool failed = f->failed.code != ERR_NONE;

    if (failed && !f->told_failed)
        log_err(LOG_ERROR, LOG_ACCESS_LOG, &f->failed, "state=failing");
    else if (!failed && f->told_failed)
        log_line(LOG_INFO, LOG_ACCESS_LOG, "state=working path=%s", LOGQ(f->path));
    f->told_failed = failed;
    if (lost == f->told_lost || mono_sub(now, f->told_at).ns < SAY_EVERY.ns)
        return;
    log_line(LOG_WARN, LOG_ACCESS_LOG, "state=losing lost=%" PRIu64, lost - f->told_lost);
    f->told_lost = lost;
    f->told_at = now;
}

static void done(struct worker_job *j)
{
    struct access_file *f = container_of(j, struct access_file, job);

    f->writing = false;
    tell(f);
}

static void begin_write(struct access_file *f)
{
    if (f->writing)
        return; /* the file is slow: what gathers meanwhile comes with the next one */
    f->reopen_now = f->reopen;
    f->reopen = false;
    f->writing = worker_do(f->worker, &f->job);
}

static void on_timer(struct timer *t)
{
    struct access_file *f = container_of(t, struct access_file, timer);

    timer_set(f->loop, t, WRITE_EVERY, on_timer, "access log");
    begin_write(f);
}

int access_file_new(const char *path, struct access_log *log, struct loop *l,
                    struct access_file **ret, struct err *err)
{
    struct access_file *f = xnew(struct access_file);
    int r;

    f->loop = l;
    f->log = log;
    f->path = path;
    f->fd = -1;
    f->job.run = run;
    f->job.done = done;
    r = open_path(f, err);
    if (r == 0)
        r = worker_new(l, "access-log", 1, &f->worker, err);
    if (r < 0) {
        access_file_free(f);
        return err_ctx(err, "open the access log");
    }
    timer_set(l, &f->timer, WRITE_EVERY, on_timer, "access log");
    *ret = f;
    return 0;
}

void access_file_free(struct access_file *f)
{
    if (!f)
        return;
    timer_cancel(&f->timer);
    worker_free(f->worker);
    if (f->fd >= 0)
        access_log_drain(f->log, write_piece, f);
    if (f->fd > STDOUT_FILENO)
        close(f->fd);
    xfreep(&f);
}

void access_file_reopen(struct access_file *f)
{
    f->reopen = true;
    begin_write(f);
}

uint64_t access_file_lost(const struct access_file *f)
{
    return access_log_lost(f->log) + atomic_load_explicit(&f->unwritten, memory_order_relaxed);
}
