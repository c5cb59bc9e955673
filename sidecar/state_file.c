/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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
    struct err err;
    int result;
};

struct state_file {
    char path[PATH_MAX];
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
    if (r == 0 && !str_fmt(f->path, sizeof f->path, "%s/ruleset.json", folder))
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

int state_file_read(struct state_file *f, agent_route_fn decode, struct ruleset **ret_set,
                    struct epochs *ret_epochs, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(AGENT_STATE_MAX);
    int r;

    r = atomic_file_read(f->path, KIND, &text, err);
    if (r < 0)
        return r;
    r = agent_state_decode(buf_view(&text), decode, ret_set, ret_epochs, err);
    return r < 0 ? err_ctx(err, "%s", f->path) : 0;
}

static void run_write(struct worker_job *j)
{
    struct write_job *w = container_of(j, struct write_job, job);

    w->result = atomic_file_write(w->file->path, KIND, buf_view(&w->text), &w->err);
}

static void on_write_done(struct worker_job *j)
{
    struct write_job *w = container_of(j, struct write_job, job);
    struct state_file *f = w->file;

    buf_deinit(&w->text);
    f->writing = false;
    f->fn(f->ctx, w->result < 0 ? &w->err : NULL);
}

void state_file_write(struct state_file *f, const struct ruleset *set, const struct epochs *epochs)
{
    CHECK(!f->writing);
    f->writing = true;
    f->write = (struct write_job){.job = {.run = run_write, .done = on_write_done},
                                  .file = f,
                                  .text = BUF_INIT(AGENT_STATE_MAX)};
    /* The largest set fits, see AGENT_RULE_MAX, and the worker has room for the one write. */
    CHECK(agent_state_encode(set, epochs, &f->write.text));
    CHECK(worker_do(f->worker, &f->write.job));
}
