/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/stage_backup.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/atomic_file.h"
#include "common/base/check.h"
#include "common/base/mem.h"

#define PATH_BYTES 4096
#define NAMES      "????????T??????Z-*.jsonl"

struct saving {
    struct worker_job job;
    struct worker *worker;
    struct backup_host host;
    struct backup_source source; /* of the worker, then released */
    struct backup_head head;
    char folder[PATH_BYTES], path[PATH_BYTES + 256];
    struct err err;
    stage_backup_fn fn;
    void *ctx;
};

static int is_backup(const struct dirent *d)
{
    return fnmatch(NAMES, d->d_name, 0) == 0;
}

/* Names begin with the time. One that cannot be removed is tried again after the next backup. */
static void remove_old(const char *folder)
{
    struct dirent **found;
    int count = scandir(folder, &found, is_backup, alphasort);
    char path[PATH_BYTES + 256];

    for (int i = 0; i < count; i++) {
        if (i < count - STAGE_BACKUPS_KEPT &&
            str_fmt(path, sizeof path, "%s/%s", folder, found[i]->d_name))
            (void)unlink(path);
        free(found[i]);
    }
    if (count >= 0)
        free(found);
}

static void write_file(struct worker_job *j)
{
    struct saving *s = container_of(j, struct saving, job);
    CLEANUP(buf_deinitp) struct buf doc = BUF_INIT(BACKUP_BYTES_MAX);
    int r = backup_write(&s->head, s->source.kv, s->source.count, &doc, &s->err);

    s->source.release(s->source.held);
    if (r == 0)
        r = dir_make(s->folder, &s->err);
    if (r == 0)
        r = file_write(s->path, buf_view(&doc), true, &s->err);
    if (r == 0)
        remove_old(s->folder);
}

static void end_saving(struct saving *s)
{
    s->fn(s->ctx, -(int)s->err.code, &s->err);
    free(s);
}

static void on_written(struct worker_job *j)
{
    end_saving(container_of(j, struct saving, job));
}

static void on_source(void *ctx, int r, const struct backup_source *source, const struct err *err)
{
    struct saving *s = ctx;

    if (r < 0) {
        err_copy(&s->err, err);
        return end_saving(s);
    }
    s->source = *source;
    s->head.revision = source->revision;
    CHECK(str_copy(str_of(s->host.incarnation(s->host.ctx)), s->head.incarnation,
                   sizeof s->head.incarnation));
    s->job = (struct worker_job){.run = write_file, .done = on_written};
    if (worker_do(s->worker, &s->job))
        return;
    source->release(source->held);
    err_set(&s->err, ERR_EXHAUSTED, "too many backups are being made already");
    end_saving(s);
}

/* "2026-11-21T10:07:04.123Z" as "20261121T100704Z", which sorts, in `dst`. */
static void compact(wall_t now, char dst[WALL_TEXT_MAX])
{
    char text[WALL_TEXT_MAX];
    size_t n = 0;

    for (const char *c = wall_text(now, text); *c && *c != '.'; c++)
        if (*c != '-' && *c != ':')
            dst[n++] = *c;
    dst[n++] = 'Z';
    dst[n] = '\0';
}

int stage_backup(struct backup_ports *backup, struct worker *worker, const char *data_dir,
                 wall_t now, const char *label, stage_backup_fn fn, void *ctx, struct err *err)
{
    struct saving *s = xnew(struct saving);
    char time[WALL_TEXT_MAX];
    int r;

    s->worker = worker;
    s->host = backup_ports_host(backup);
    s->head.created_at = now;
    s->err.code = ERR_NONE;
    s->fn = fn;
    s->ctx = ctx;
    compact(now, time);
    if (!str_fmt(s->folder, sizeof s->folder, "%s/backups", data_dir) ||
        !str_fmt(s->path, sizeof s->path, "%s/%s-%s.jsonl", s->folder, time, label))
        r = err_set(err, ERR_INVALID, "the data directory's path is too long");
    else
        r = s->host.load(s->host.ctx, on_source, s, err);
    if (r < 0)
        free(s);
    return r;
}
