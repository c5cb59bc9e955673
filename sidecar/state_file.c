/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/base/atomic_file.h"
#include "common/base/check.h"
#include "common/base/mem.h"

#define KIND "ruleset"

struct write_job {
    struct worker_job job;
    struct state_file *file; /* borrowed */
    struct buf text;
    bool twice; /* it brings orders */
    uint64_t orders;
    struct err err;
    int result;
};

struct state_file {
    char path[PATH_MAX], previous[PATH_MAX], kept[PATH_MAX];
    bool has_good;   /* the file at `path` is known to be whole */
    uint64_t orders; /* sum of the epochs in both files: they only rise */
    int lock_fd;
    struct worker *worker; /* owned */
    state_written_fn fn;
    void *ctx;
    struct write_job write; /* in use while `writing` */
    bool writing;
};

/* The lock lives as long as the process, whatever ends it. */
static int lock_folder(const char *folder, int *ret_fd, struct err *err)
{
    char path[PATH_MAX];
    int fd;

    if (!str_fmt(path, sizeof path, "%s/lock", folder))
        return err_set(err, ERR_INVALID, "the path of the data folder is too long");
    fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_errno(err, errno, "open %s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        *ret_fd = fd;
        return 0;
    }
    close(fd);
    err_set(err, ERR_UNAVAILABLE, "another sidecar runs on the data folder %s", folder);
    return err_hint(err, "give this one a folder of its own with --data");
}

int state_file_open(const char *folder, struct loop *l, state_written_fn fn, void *ctx,
                    struct state_file **ret, struct err *err)
{
    struct state_file *f = xnew(struct state_file);
    int r;

    f->fn = fn;
    f->ctx = ctx;
    f->lock_fd = -1;
    r = dir_make(folder, err);
    if (r == 0 && (!str_fmt(f->path, sizeof f->path, "%s/ruleset.json", folder) ||
                   !str_fmt(f->previous, sizeof f->previous, "%s/ruleset.previous.json", folder) ||
                   !str_fmt(f->kept, sizeof f->kept, "%s/ruleset.kept.json", folder)))
        r = err_set(err, ERR_INVALID, "the path of the data folder is too long");
    if (r == 0)
        r = lock_folder(folder, &f->lock_fd, err);
    if (r == 0)
        r = worker_new(l, "state-file", 1, &f->worker, err);
    if (r < 0) {
        state_file_close(f);
        return err_ctx(err, "data folder");
    }
    *ret = f;
    return 0;
}

struct state_file *state_file_close(struct state_file *f)
{
    if (!f)
        return NULL;
    worker_free(f->worker);
    if (f->lock_fd >= 0)
        close(f->lock_fd);
    xfreep(&f);
    return NULL;
}

const char *state_file_path(const struct state_file *f)
{
    return f->path;
}

/* ---- reading --------------------------------------------------------------------------------- */

static int read_one(const char *path, agent_route_fn decode, struct ruleset **ret_set,
                    struct epochs *ret_epochs, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(AGENT_STATE_MAX);
    int r = atomic_file_read(path, KIND, &text, err);

    if (r < 0)
        return r;
    r = agent_state_decode(buf_view(&text), decode, ret_set, ret_epochs, err);
    return r < 0 ? err_ctx(err, "%s", path) : 0;
}

/* Kept for who wants to know what happened to it. */
static void set_aside(const char *path)
{
    char name[PATH_MAX];

    if (str_fmt(name, sizeof name, "%s.damaged", path))
        (void)rename(path, name);
}

static uint64_t sum_of(const struct epochs *epochs)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < epochs->count; i++)
        sum += epochs->item[i].epoch;
    return sum;
}

int state_file_read(struct state_file *f, agent_route_fn decode, struct ruleset **ret_set,
                    struct epochs *ret_epochs, struct err *err)
{
    struct err last = {0}, before = {0};
    int r = read_one(f->path, decode, ret_set, ret_epochs, &last);

    f->has_good = r == 0;
    if (r == 0)
        return 0;
    if (r == -ERR_CORRUPT)
        set_aside(f->path);
    r = read_one(f->previous, decode, ret_set, ret_epochs, &before);
    if (r == -ERR_CORRUPT)
        set_aside(f->previous);
    if (r == 0) {
        f->has_good = link(f->previous, f->path) == 0;
        err_copy(err, &last);
        return STATE_PREVIOUS;
    }
    if (r == -ERR_NOT_FOUND)
        return err_copy(err, &last);
    return err_set(err, ERR_CORRUPT, "%s; %s", last.msg, before.msg);
}

/* ---- writing --------------------------------------------------------------------------------- */

/* The file that is replaced becomes the previous one, by a second name that it gets before. Without
 * it the write is worth as much: there is one file instead of two. */
static int write_one(struct write_job *w)
{
    struct state_file *f = w->file;
    bool kept;
    int r;

    (void)unlink(f->kept);
    kept = f->has_good && link(f->path, f->kept) == 0;
    r = atomic_file_write(f->path, KIND, buf_view(&w->text), &w->err);
    f->has_good = f->has_good || r == 0;
    if (kept && r == 0)
        (void)rename(f->kept, f->previous);
    (void)unlink(
        f->kept); /* is there still: the write failed, or it was the previous one already */
    return r;
}

static void run_write(struct worker_job *j)
{
    struct write_job *w = container_of(j, struct write_job, job);

    w->result = write_one(w);
    if (w->result == 0 && w->twice)
        w->result = write_one(w);
}

static void on_write_done(struct worker_job *j)
{
    struct write_job *w = container_of(j, struct write_job, job);
    struct state_file *f = w->file;

    buf_deinit(&w->text);
    f->writing = false;
    if (w->result == 0)
        f->orders = w->orders;
    f->fn(f->ctx, w->result < 0 ? &w->err : NULL);
}

void state_file_write(struct state_file *f, const struct ruleset *set, const struct epochs *epochs)
{
    uint64_t orders = sum_of(epochs);

    CHECK(!f->writing);
    f->writing = true;
    f->write = (struct write_job){.job = {.run = run_write, .done = on_write_done},
                                  .file = f,
                                  .twice = orders != f->orders,
                                  .orders = orders,
                                  .text = BUF_INIT(AGENT_STATE_MAX)};
    /* The largest set fits, see AGENT_RULE_MAX, and the worker has room for the one write. */
    CHECK(agent_state_encode(set, epochs, &f->write.text));
    CHECK(worker_do(f->worker, &f->write.job));
}
