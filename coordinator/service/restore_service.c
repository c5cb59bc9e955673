/* SPDX-License-Identifier: Apache-2.0 */
/* Operator.Restore. Nothing is written before the whole document was taken and checked: its lines,
 * and every record as a coordinator would load it. */
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/loop/timer.h"
#include "coordinator/core/core.h"
#include "coordinator/service/backup_service.h"
#include "coordinator/service/convert.h"
#include "operator.pb-c.h"

#define RESTORES_MAX   1u
#define STANDSTILL_MAX dur_s(30)

/* One restore on its way. Freed when its stream has ended and nothing works for it. */
struct incoming {
    struct backup_service *service;
    struct rpc_stream *stream; /* NULL once it has ended */
    struct timer standstill;
    struct buf doc;
    struct convert_restore author;
    struct worker_job job;
    struct backup backup;
    struct err err;
    bool begun; /* the first part has come */
    bool busy;  /* all parts have come: the worker or the host has it */
};

static void end_incoming(struct incoming *in)
{
    if (in->stream || in->busy)
        return;
    in->service->restores--;
    buf_deinit(&in->doc);
    backup_deinit(&in->backup);
    free(in);
}

static void fail(struct incoming *in, const struct err *why)
{
    log_err(LOG_WARN, LOG_RESTORE, why, "operator=%s reason=%s", LOGQ(in->author.operator_name),
            LOGQ(in->author.reason));
    timer_cancel(&in->standstill);
    if (in->stream)
        rpc_stream_finish(in->stream, why);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void send_result(struct incoming *in, uint64_t revision)
{
    Switchyard__V1__RestoreResult result = SWITCHYARD__V1__RESTORE_RESULT__INIT;
    const struct backup_host *host = &in->service->host;
    struct rpc_msg *m;

    result.keys = in->backup.head.keys;
    result.revision = revision;
    result.incarnation = rpc_lend(host->incarnation(host->ctx));
    m = rpc_msg_encode(&result.base);
    if (rpc_stream_send(in->stream, m, NULL) == 0)
        rpc_stream_finish(in->stream, NULL);
    rpc_msg_unref(m);
}

static void on_restored(void *ctx, int r, uint64_t revision, const struct err *err)
{
    struct incoming *in = ctx;

    in->busy = false;
    if (r < 0) {
        fail(in, err);
    } else {
        log_line(LOG_WARN, LOG_RESTORE,
                 "operator=%s reason=%s keys=%u revision=%llu backup_revision=%llu "
                 "backup_incarnation=%s",
                 LOGQ(in->author.operator_name), LOGQ(in->author.reason), in->backup.head.keys,
                 (unsigned long long)revision, (unsigned long long)in->backup.head.revision,
                 LOGQ(in->backup.head.incarnation));
        if (in->stream)
            send_result(in, revision);
    }
    end_incoming(in);
}

/* ---- checking -------------------------------------------------------------------------------- */

/* A state that no coordinator can load must not get into a store. */
static int try_to_load(const struct backup *b, struct err *err)
{
    CLEANUP(core_freep)
    struct core *c = core_new(&(struct core_config){0}, b->head.created_at, (mono_t){0});
    int r = 0;

    for (unsigned i = 0; i < b->head.keys && r == 0; i++)
        r = core_load(c, b->kv[i].key, b->kv[i].value, b->kv[i].rev, err);
    if (r == 0)
        r = core_loaded(c, b->head.incarnation, b->head.revision, err);
    return r;
}

static void check(struct worker_job *j)
{
    struct incoming *in = container_of(j, struct incoming, job);
    int r;

    in->err.code = ERR_NONE;
    r = backup_read(buf_view(&in->doc), &in->backup, &in->err);
    if (r == 0)
        r = try_to_load(&in->backup, &in->err);
    if (r < 0)
        err_ctx(&in->err, "nothing was restored: the backup");
    buf_deinit(&in->doc);
}

/* Who has gone before anything was written has changed the mind. */
static void on_checked(struct worker_job *j)
{
    struct incoming *in = container_of(j, struct incoming, job);
    const struct backup_host *host = &in->service->host;

    if (in->err.code == ERR_NONE && in->stream &&
        host->restore(host->ctx, in->backup.kv, in->backup.head.keys, on_restored, in, &in->err) ==
            0)
        return;
    in->busy = false;
    if (in->err.code != ERR_NONE)
        fail(in, &in->err);
    end_incoming(in);
}

/* ---- the stream ------------------------------------------------------------------------------ */

static void on_standstill(struct timer *t)
{
    struct incoming *in = container_of(t, struct incoming, standstill);
    struct err why;

    err_set(&why, ERR_TIMEOUT, "nothing was restored: no part of the backup came for 30 s");
    fail(in, &why);
}

static int take_part(struct incoming *in, const ProtobufCMessage *m, struct err *err)
{
    const Switchyard__V1__RestorePart *part = (const Switchyard__V1__RestorePart *)m;
    int r = in->begun ? 0 : convert_restore(m, &in->author, err);

    if (r < 0)
        return r;
    in->begun = true;
    if (!buf_add(&in->doc, part->data.data, part->data.len))
        return err_set(err, ERR_EXHAUSTED,
                       "nothing was restored: a backup has at most %u MiB, this one has more",
                       BACKUP_BYTES_MAX >> 20);
    return 0;
}

static void on_message(struct rpc_stream *s UNUSED, const ProtobufCMessage *m, void *ctx)
{
    struct incoming *in = ctx;
    struct err err;

    timer_set(in->service->loop, &in->standstill, STANDSTILL_MAX, on_standstill, "restore.part");
    if (take_part(in, m, &err) < 0)
        fail(in, &err);
}

static void on_half_close(struct rpc_stream *s UNUSED, void *ctx)
{
    struct incoming *in = ctx;
    struct err err;

    timer_cancel(&in->standstill);
    if (!in->begun) {
        err_set(&err, ERR_INVALID, "the call ended before a part of the backup came");
        return fail(in, &err);
    }
    in->busy = true;
    in->job = (struct worker_job){.run = check, .done = on_checked};
    CHECK(worker_do(in->service->worker, &in->job)); /* fewer backups and restores than jobs */
}

static void on_closed(struct rpc_stream *s UNUSED, const struct err *status UNUSED, void *ctx)
{
    struct incoming *in = ctx;

    timer_cancel(&in->standstill);
    in->stream = NULL;
    end_incoming(in);
}

const struct rpc_stream_events restore_events = {
    .on_message = on_message,
    .on_half_close = on_half_close,
    .on_closed = on_closed,
};

int backup_service_restore(struct backup_service *b, struct rpc_stream *s, void **ret_ctx,
                           struct err *err)
{
    struct incoming *in;
    int r = b->host.may_restore(b->host.ctx, err);

    if (r < 0)
        return r;
    if (b->restores >= RESTORES_MAX)
        return err_set(err, ERR_EXHAUSTED, "another backup is being restored");
    in = xnew(struct incoming);
    in->service = b;
    in->stream = s;
    buf_init(&in->doc, BACKUP_BYTES_MAX);
    timer_set(b->loop, &in->standstill, STANDSTILL_MAX, on_standstill, "restore.part");
    b->restores++;
    *ret_ctx = in;
    return 0;
}
