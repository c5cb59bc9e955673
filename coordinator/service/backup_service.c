/* SPDX-License-Identifier: Apache-2.0 */
/* Operator.Backup. */
#include "coordinator/service/backup_service.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/loop/timer.h"
#include "operator.pb-c.h"

#define BACKUPS_MAX 2u
#define JOBS_MAX    8u
#define PART_MAX    (1u << 20)
/* A caller that takes nothing for so long is let go, with the memory that it holds. */
#define STANDSTILL_MAX dur_s(30)

/* One backup on its way. Freed when its stream has ended and nothing works for it. */
struct outgoing {
    struct backup_service *service;
    struct rpc_stream *stream; /* NULL once it has ended */
    struct timer standstill;
    struct backup_source source; /* of the worker, then released */
    struct backup_head head;
    struct worker_job job;
    struct buf doc;
    size_t sent;
    struct err err;
    bool asked, busy;
};

static void end_outgoing(struct outgoing *o)
{
    if (o->stream || o->busy)
        return;
    o->service->backups--;
    buf_deinit(&o->doc);
    free(o);
}

static void fail(struct outgoing *o, const struct err *why)
{
    log_err(LOG_WARN, LOG_BACKUP, why, "a backup failed");
    if (o->stream)
        rpc_stream_finish(o->stream, why);
}

/* ---- sending --------------------------------------------------------------------------------- */

static void on_standstill(struct timer *t)
{
    rpc_stream_cancel(container_of(t, struct outgoing, standstill)->stream);
}

static int send_part(struct outgoing *o)
{
    Switchyard__V1__BackupPart part = SWITCHYARD__V1__BACKUP_PART__INIT;
    size_t left = o->doc.len - o->sent;
    struct rpc_msg *m;
    int r;

    part.data =
        (ProtobufCBinaryData){left < PART_MAX ? left : PART_MAX, (uint8_t *)o->doc.data + o->sent};
    m = rpc_msg_encode(&part.base);
    r = rpc_stream_send(o->stream, m, NULL);
    rpc_msg_unref(m);
    if (r == 0)
        o->sent += part.data.len;
    return r;
}

/* Until the stream is full; on_writable() goes on. */
static void send_parts(struct outgoing *o)
{
    timer_set(o->service->loop, &o->standstill, STANDSTILL_MAX, on_standstill, "backup.send");
    while (o->sent < o->doc.len)
        if (send_part(o) < 0)
            return;
    rpc_stream_finish(o->stream, NULL);
}

/* ---- making ---------------------------------------------------------------------------------- */

static void write_document(struct worker_job *j)
{
    struct outgoing *o = container_of(j, struct outgoing, job);

    o->err.code = ERR_NONE;
    if (backup_write(&o->head, o->source.kv, o->source.count, &o->doc, &o->err) < 0)
        buf_deinit(&o->doc);
    o->source.release(o->source.held);
}

static void on_written(struct worker_job *j)
{
    struct outgoing *o = container_of(j, struct outgoing, job);

    o->busy = false;
    if (o->err.code != ERR_NONE) {
        fail(o, &o->err);
    } else {
        log_line(LOG_INFO, LOG_BACKUP, "bytes=%zu revision=%llu", o->doc.len,
                 (unsigned long long)o->head.revision);
        if (o->stream)
            send_parts(o);
    }
    end_outgoing(o);
}

static void on_source(void *ctx, int r, const struct backup_source *source, const struct err *err)
{
    struct outgoing *o = ctx;
    struct backup_service *b = o->service;

    if (r < 0) {
        o->busy = false;
        fail(o, err);
        return end_outgoing(o);
    }
    o->source = *source;
    o->head = (struct backup_head){.created_at = loop_wall(b->loop), .revision = source->revision};
    CHECK(str_copy(str_of(b->host.incarnation(b->host.ctx)), o->head.incarnation,
                   sizeof(o->head.incarnation)));
    o->job = (struct worker_job){.run = write_document, .done = on_written};
    CHECK(worker_do(b->worker, &o->job)); /* fewer backups and restores than jobs */
}

/* ---- the stream ------------------------------------------------------------------------------ */

static void on_message(struct rpc_stream *s UNUSED, const ProtobufCMessage *m UNUSED, void *ctx)
{
    struct outgoing *o = ctx;
    struct err err;

    if (o->asked)
        return;
    o->asked = o->busy = true;
    if (o->service->host.load(o->service->host.ctx, on_source, o, &err) < 0) {
        o->busy = false;
        fail(o, &err);
    }
}

static void on_writable(struct rpc_stream *s UNUSED, void *ctx)
{
    send_parts(ctx);
}

static void on_closed(struct rpc_stream *s UNUSED, const struct err *status UNUSED, void *ctx)
{
    struct outgoing *o = ctx;

    timer_cancel(&o->standstill);
    o->stream = NULL;
    end_outgoing(o);
}

const struct rpc_stream_events backup_events = {
    .on_message = on_message,
    .on_closed = on_closed,
    .on_writable = on_writable,
};

int backup_service_backup(struct backup_service *b, struct rpc_stream *s, void **ret_ctx,
                          struct err *err)
{
    struct outgoing *o;

    if (b->backups >= BACKUPS_MAX)
        return err_set(err, ERR_EXHAUSTED, "%u backups are being made already", b->backups);
    o = xnew(struct outgoing);
    o->service = b;
    o->stream = s;
    buf_init(&o->doc, BACKUP_BYTES_MAX);
    timer_set(b->loop, &o->standstill, STANDSTILL_MAX, on_standstill, "backup.ask");
    b->backups++;
    *ret_ctx = o;
    return 0;
}

/* ---- life ------------------------------------------------------------------------------------ */

int backup_service_init(struct backup_service *b, const struct backup_host *host, struct loop *l,
                        struct err *err)
{
    *b = (struct backup_service){.host = *host, .loop = l};
    return worker_new(l, "backup", JOBS_MAX, &b->worker, err);
}

void backup_service_deinit(struct backup_service *b)
{
    if (b->worker)
        worker_free(b->worker);
    CHECK(b->backups == 0 && b->restores == 0);
}
