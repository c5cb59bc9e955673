/* SPDX-License-Identifier: Apache-2.0 */
/* Backup and Restore as a caller sees them, through a real server, with a store that the test
 * holds. */
#include "coordinator/service/backup_service.h"

#include <stdlib.h>

#include "common/base/mem.h"
#include "coordinator/core/record.h"
#include "coordinator/service/service.h"
#include "operator.pb-c.h"
#include "tests/lib/unit.h"
#include "tests/lib/wait.h"

#define OPERATOR     (&switchyard__v1__operator__descriptor)
#define MIB          (1u << 20)
#define DOCUMENT_MAX (64u * MIB)

/* A caller's stream, and what came over it. */
struct caller {
    struct rpc_stream *stream;
    struct buf doc; /* the parts of a backup */
    size_t largest; /* of them */
    unsigned keys;  /* of a restore's result */
    uint64_t revision;
    char incarnation[40];
    bool closed;
    struct err status;
};

struct fixture {
    struct loop *loop;
    struct registry *registry;
    struct service *service;
    struct rpc_server *server;
    struct rpc_client *client;
    char address[64];
    bool stopped;

    /* the store: what it holds, how it answers */
    struct backup_kv *kv; /* owned */
    unsigned count;
    struct err load_error, may_error, restore_error;
    backup_loaded_fn loaded; /* of the loads that are not answered yet */
    void *waiting[2];
    unsigned waiting_count;
    unsigned loads, released, openings, restores;
    struct buf restored; /* the keys, in order, a line each */
};

/* ---- the store ------------------------------------------------------------------------------- */

static const char *host_incarnation(void *ctx UNUSED)
{
    return "5f0c1d";
}

static void release(void *held)
{
    struct fixture *f = held;

    __atomic_add_fetch(&f->released, 1, __ATOMIC_SEQ_CST);
}

static void answer_loads(struct fixture *f)
{
    struct backup_source source = {f->kv, f->count, 90, f, release};

    while (f->waiting_count > 0) {
        void *ctx = f->waiting[--f->waiting_count];

        if (f->load_error.code != ERR_NONE)
            f->loaded(ctx, -(int)f->load_error.code, NULL, &f->load_error);
        else
            f->loaded(ctx, 0, &source, NULL);
    }
}

static int host_load(void *ctx, backup_loaded_fn fn, void *fn_ctx, struct err *err UNUSED)
{
    struct fixture *f = ctx;

    f->loads++;
    f->loaded = fn;
    f->waiting[f->waiting_count++] = fn_ctx;
    return 0;
}

static int host_may_restore(void *ctx, struct err *err)
{
    struct fixture *f = ctx;

    f->openings++;
    return f->may_error.code == ERR_NONE ? 0 : err_copy(err, &f->may_error);
}

static int host_restore(void *ctx, const struct backup_kv *kv, unsigned count,
                        backup_restored_fn fn, void *fn_ctx, struct err *err)
{
    struct fixture *f = ctx;

    f->restores++;
    if (f->restore_error.code != ERR_NONE)
        return err_copy(err, &f->restore_error);
    for (unsigned i = 0; i < count; i++)
        assert_true(buf_addf(&f->restored, "%s\n", kv[i].key));
    fn(fn_ctx, 0, 700 + count, NULL);
    return 0;
}

/* ---- the fixture ----------------------------------------------------------------------------- */

static int setup(void **state)
{
    struct fixture *f = xnew(struct fixture);
    struct service_host host = {
        .backup = {f, host_incarnation, host_load, host_may_restore, host_restore}};
    struct rpc_server_config server = {.listen = "127.0.0.1:0"};
    struct rpc_client_config client = {.target = f->address};
    struct err err;

    rpc_start();
    buf_init(&f->restored, DOCUMENT_MAX);
    f->registry = registry_new();
    assert_ok(loop_new(clock_system, &f->loop, &err), &err);
    assert_ok(rpc_server_new(&server, &f->server, &err), &err);
    assert_ok(service_new(&host, f->registry, f->loop, &f->service, &err), &err);
    assert_ok(service_serve(f->service, f->server, &err), &err);
    assert_ok(rpc_server_start(f->server, &err), &err);
    str_fmt(f->address, sizeof(f->address), "127.0.0.1:%d", rpc_server_port(f->server));
    assert_ok(rpc_client_new(&client, f->loop, &f->client, &err), &err);
    *state = f;
    return 0;
}

static void on_stopped(void *ctx)
{
    *(bool *)ctx = true;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    rpc_client_free(f->client);
    rpc_server_stop(f->server, dur_s(0), f->loop, on_stopped, &f->stopped);
    WAIT_FOR(f->loop, f->stopped);
    answer_loads(f);
    rpc_server_free(f->server);
    service_free(f->service);
    registry_free(f->registry);
    loop_free(f->loop);
    buf_deinit(&f->restored);
    free(f->kv);
    free(f);
    rpc_shutdown();
    return 0;
}

static void add_kv(struct fixture *f, const char *key, struct str value, uint64_t rev)
{
    f->kv = xrealloc(f->kv, (f->count + 1) * sizeof(*f->kv));
    f->kv[f->count++] = (struct backup_kv){key, value, rev};
}

/* ---- the caller ------------------------------------------------------------------------------ */

static void on_message(struct rpc_stream *s UNUSED, const ProtobufCMessage *m, void *ctx)
{
    struct caller *c = ctx;

    if (m->descriptor == &switchyard__v1__backup_part__descriptor) {
        const Switchyard__V1__BackupPart *part = (const Switchyard__V1__BackupPart *)m;

        assert_true(buf_add(&c->doc, part->data.data, part->data.len));
        if (part->data.len > c->largest)
            c->largest = part->data.len;
    } else {
        const Switchyard__V1__RestoreResult *result = (const Switchyard__V1__RestoreResult *)m;

        c->keys = result->keys;
        c->revision = result->revision;
        assert_true(str_copy(str_of(result->incarnation), c->incarnation, sizeof(c->incarnation)));
    }
}

static void on_closed(struct rpc_stream *s UNUSED, const struct err *status, void *ctx)
{
    struct caller *c = ctx;

    c->closed = true;
    c->stream = NULL;
    c->status = *status;
}

static const struct rpc_stream_events caller_events = {.on_message = on_message,
                                                       .on_closed = on_closed};

static void open_call(struct fixture *f, struct caller *c, const char *method)
{
    *c = (struct caller){.doc = BUF_INIT(DOCUMENT_MAX)};
    c->stream = rpc_client_open(f->client, OPERATOR, method, &caller_events, c);
}

static void say(struct caller *c, const ProtobufCMessage *m)
{
    CLEANUP(rpc_msg_unrefp) struct rpc_msg *msg = rpc_msg_encode(m);
    struct err err;

    if (c->stream && rpc_stream_send(c->stream, msg, &err) < 0)
        assert_int_equal(err.code, ERR_CANCELLED); /* it was refused already */
}

static void ask(struct fixture *f, struct caller *c)
{
    Switchyard__V1__BackupRequest request = SWITCHYARD__V1__BACKUP_REQUEST__INIT;

    open_call(f, c, "Backup");
    say(c, &request.base);
    rpc_stream_half_close(c->stream);
}

static void take_backup(struct fixture *f, struct caller *c)
{
    ask(f, c);
    WAIT_FOR(f->loop, f->waiting_count > 0 || c->closed);
    answer_loads(f);
    WAIT_FOR(f->loop, c->closed);
}

static void send_piece(struct caller *c, struct str piece, const char *operator_name,
                       const char *reason)
{
    Switchyard__V1__RestorePart part = SWITCHYARD__V1__RESTORE_PART__INIT;

    part.data = (ProtobufCBinaryData){piece.n, (uint8_t *)(uintptr_t)piece.p};
    part.operator_ = rpc_lend(operator_name);
    part.reason = rpc_lend(reason);
    say(c, &part.base);
}

static void give_back(struct fixture *f, struct caller *c, struct str doc)
{
    open_call(f, c, "Restore");
    send_piece(c, (struct str){doc.p, doc.n / 2}, "ada", "INC-7");
    send_piece(c, (struct str){doc.p + doc.n / 2, doc.n - doc.n / 2}, "", "");
    if (c->stream)
        rpc_stream_half_close(c->stream);
    WAIT_FOR(f->loop, c->closed);
    buf_deinit(&c->doc);
}

/* ---- backups --------------------------------------------------------------------------------- */

static void a_backup_is_the_state_as_a_document(void **state)
{
    struct fixture *f = *state;
    struct backup back;
    struct caller c;
    struct err err;

    add_kv(f, "/switchyard/v1/plans/orders", STR("p"), 7);
    add_kv(f, "/switchyard/v1/leader", STR("{}"), 6);
    add_kv(f, "/switchyard/v1/emergency/orders", STR("e"), 5);
    take_backup(f, &c);
    assert_int_equal(c.status.code, ERR_NONE);
    assert_ok(backup_read(buf_view(&c.doc), &back, &err), &err);
    assert_int_equal(back.head.keys, 2);
    assert_int_equal(back.head.revision, 90);
    assert_string_equal(back.head.incarnation, "5f0c1d");
    assert_true(wall_is_set(back.head.created_at));
    assert_string_equal(back.kv[0].key, "/switchyard/v1/emergency/orders");
    assert_string_equal(back.kv[1].key, "/switchyard/v1/plans/orders");
    assert_int_equal(f->released, 1);
    backup_deinit(&back);
    buf_deinit(&c.doc);
}

/* More than a stream's queue holds: the rest goes when the caller has taken some. */
static void a_large_backup_comes_in_parts(void **state)
{
    struct fixture *f = *state;
    CLEANUP(xfreep) char *value = xalloc(MIB);
    char key[16][64];
    struct backup back;
    struct caller c;
    struct err err;

    memset(value, 'x', MIB);
    for (unsigned i = 0; i < ARRAY_LEN(key); i++) {
        str_fmt(key[i], sizeof(key[i]), "/switchyard/v1/plans/p%u", i);
        add_kv(f, key[i], (struct str){value, MIB}, i + 1);
    }
    take_backup(f, &c);
    assert_int_equal(c.status.code, ERR_NONE);
    assert_int_equal(c.largest, MIB);
    assert_ok(backup_read(buf_view(&c.doc), &back, &err), &err);
    assert_int_equal(back.head.keys, ARRAY_LEN(key));
    backup_deinit(&back);
    buf_deinit(&c.doc);
}

static void a_store_that_cannot_be_read_says_why(void **state)
{
    struct fixture *f = *state;
    struct caller c;

    err_set(&f->load_error, ERR_UNAVAILABLE, "etcd does not answer");
    take_backup(f, &c);
    assert_int_equal(c.status.code, ERR_UNAVAILABLE);
    assert_string_equal(c.status.msg, "etcd does not answer");
}

static void a_state_that_is_no_text_is_refused_by_key(void **state)
{
    struct fixture *f = *state;
    struct caller c;

    add_kv(f, "/switchyard/v1/plans/orders", STR("\xff"), 7);
    take_backup(f, &c);
    assert_int_equal(c.status.code, ERR_CORRUPT);
    assert_holds(c.status.msg, "/switchyard/v1/plans/orders");
    assert_int_equal(f->released, 1);
}

static void there_are_few_backups_at_a_time(void **state)
{
    struct fixture *f = *state;
    struct caller c[3];

    ask(f, &c[0]);
    WAIT_FOR(f->loop, f->loads == 1);
    ask(f, &c[1]);
    WAIT_FOR(f->loop, f->loads == 2);
    ask(f, &c[2]);
    WAIT_FOR(f->loop, c[2].closed);
    assert_int_equal(c[2].status.code, ERR_EXHAUSTED);
    rpc_client_free(steal(f->client));
    assert_true(c[0].closed && c[1].closed);
}

static void a_caller_that_leaves_is_forgotten(void **state)
{
    struct fixture *f = *state;
    struct caller c;

    ask(f, &c);
    WAIT_FOR(f->loop, f->loads == 1);
    rpc_stream_cancel(c.stream);
    WAIT_FOR(f->loop, c.closed);
    answer_loads(f);
    WAIT_FOR(f->loop, __atomic_load_n(&f->released, __ATOMIC_SEQ_CST) == 1);
    for (unsigned i = 0; i < 3; i++) {
        take_backup(f, &c);
        assert_int_equal(c.status.code, ERR_NONE);
        buf_deinit(&c.doc);
    }
}

/* ---- restores -------------------------------------------------------------------------------- */

#define EMERGENCY "/switchyard/v1/emergency/"

/* Two orders, the later one of the name that sorts first. */
static void write_orders(struct buf *doc)
{
    static const struct backup_head head = {.created_at = {1}, .incarnation = "a", .revision = 9};
    struct emergency order = {.epoch = 1, .active = true, .reason = "r", .operator_name = "ada"};
    CLEANUP(buf_deinitp) struct buf value = BUF_INIT(MIB);
    struct err err;

    assert_true(record_write_emergency(&order, NULL, &value));
    struct backup_kv kv[] = {{EMERGENCY "a", buf_view(&value), 8},
                             {EMERGENCY "b", buf_view(&value), 3}};
    assert_ok(backup_write(&head, kv, ARRAY_LEN(kv), doc, &err), &err);
}

static void a_backup_is_put_back_oldest_first(void **state)
{
    struct fixture *f = *state;
    CLEANUP(buf_deinitp) struct buf doc = BUF_INIT(DOCUMENT_MAX);
    struct caller c;

    write_orders(&doc);
    give_back(f, &c, buf_view(&doc));
    assert_int_equal(c.status.code, ERR_NONE);
    assert_string_equal(buf_text(&f->restored), EMERGENCY "b\n" EMERGENCY "a\n");
    assert_int_equal(c.keys, 2);
    assert_int_equal(c.revision, 702);
    assert_string_equal(c.incarnation, "5f0c1d");
}

static void assert_refused(struct fixture *f, struct str doc, enum err_code code, const char *part)
{
    struct caller c;

    give_back(f, &c, doc);
    assert_int_equal(c.status.code, code);
    assert_holds(c.status.msg, part);
    assert_int_equal(f->restored.len, 0);
}

static void a_damaged_backup_changes_nothing(void **state)
{
    struct fixture *f = *state;
    CLEANUP(buf_deinitp) struct buf doc = BUF_INIT(DOCUMENT_MAX);

    write_orders(&doc);
    assert_refused(f, (struct str){doc.data, doc.len - 5}, ERR_CORRUPT, "line 4: cut short");
    assert_int_equal(f->restores, 0);
}

/* The document is whole, a coordinator could not load what it holds. */
static void records_that_cannot_be_loaded_change_nothing(void **state)
{
    static const struct backup_head head = {.created_at = {1}, .incarnation = "a", .revision = 9};
    static const struct backup_kv bad = {EMERGENCY "a", {"{}", 2}, 8};
    static const struct backup_kv newer = {EMERGENCY "a", {"{\"version\":99}", 14}, 8};
    struct fixture *f = *state;
    CLEANUP(buf_deinitp) struct buf doc = BUF_INIT(DOCUMENT_MAX);
    struct err err;

    assert_ok(backup_write(&head, &bad, 1, &doc, &err), &err);
    assert_refused(f, buf_view(&doc), ERR_CORRUPT, EMERGENCY "a");
    buf_clear(&doc);
    assert_ok(backup_write(&head, &newer, 1, &doc, &err), &err);
    assert_refused(f, buf_view(&doc), ERR_UNSUPPORTED, EMERGENCY "a");
    assert_int_equal(f->restores, 0);
}

static void who_and_why_are_asked_for(void **state)
{
    static const char *const cases[][3] = {
        {"", "why", "who gives it"}, {"ada", " ", "a reason"}, {"a\nb", "why", "control"}};
    struct fixture *f = *state;
    struct caller c;

    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        open_call(f, &c, "Restore");
        send_piece(&c, STR("x"), cases[i][0], cases[i][1]);
        WAIT_FOR(f->loop, c.closed);
        assert_int_equal(c.status.code, ERR_INVALID);
        assert_holds(c.status.msg, cases[i][2]);
    }
    open_call(f, &c, "Restore");
    rpc_stream_half_close(c.stream);
    WAIT_FOR(f->loop, c.closed);
    assert_int_equal(c.status.code, ERR_INVALID);
}

static void a_coordinator_that_may_not_takes_no_document(void **state)
{
    struct fixture *f = *state;
    struct caller c;

    err_set(&f->may_error, ERR_REFUSED, "c2 leads");
    open_call(f, &c, "Restore");
    WAIT_FOR(f->loop, c.closed);
    assert_int_equal(c.status.code, ERR_REFUSED);
    assert_string_equal(c.status.msg, "c2 leads");
}

static void what_the_store_says_is_passed_on(void **state)
{
    struct fixture *f = *state;
    CLEANUP(buf_deinitp) struct buf doc = BUF_INIT(DOCUMENT_MAX);

    write_orders(&doc);
    err_set(&f->restore_error, ERR_REFUSED, "there are plans already");
    assert_refused(f, buf_view(&doc), ERR_REFUSED, "there are plans already");
    assert_int_equal(f->restores, 1);
}

static void there_is_one_restore_at_a_time(void **state)
{
    struct fixture *f = *state;
    CLEANUP(buf_deinitp) struct buf doc = BUF_INIT(DOCUMENT_MAX);
    struct caller first, second;

    write_orders(&doc);
    open_call(f, &first, "Restore");
    send_piece(&first, buf_view(&doc), "ada", "INC-7");
    WAIT_FOR(f->loop, f->openings == 1);
    open_call(f, &second, "Restore");
    WAIT_FOR(f->loop, second.closed);
    assert_int_equal(second.status.code, ERR_EXHAUSTED);
    rpc_stream_half_close(first.stream);
    WAIT_FOR(f->loop, first.closed);
    assert_int_equal(first.status.code, ERR_NONE);
}

static void a_caller_that_leaves_halfway_changes_nothing(void **state)
{
    struct fixture *f = *state;
    CLEANUP(buf_deinitp) struct buf doc = BUF_INIT(DOCUMENT_MAX);
    struct caller c;

    write_orders(&doc);
    open_call(f, &c, "Restore");
    send_piece(&c, buf_view(&doc), "ada", "INC-7");
    WAIT_FOR(f->loop, f->openings == 1);
    rpc_stream_cancel(c.stream);
    WAIT_FOR(f->loop, c.closed);
    do {
        give_back(f, &c, buf_view(&doc)); /* until the first one is known to be gone */
    } while (c.status.code == ERR_EXHAUSTED);
    assert_int_equal(c.status.code, ERR_NONE);
    assert_int_equal(f->restores, 1);
}

#define BACKUP_TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BACKUP_TEST(a_backup_is_the_state_as_a_document),
        BACKUP_TEST(a_large_backup_comes_in_parts),
        BACKUP_TEST(a_store_that_cannot_be_read_says_why),
        BACKUP_TEST(a_state_that_is_no_text_is_refused_by_key),
        BACKUP_TEST(there_are_few_backups_at_a_time),
        BACKUP_TEST(a_caller_that_leaves_is_forgotten),
        BACKUP_TEST(a_backup_is_put_back_oldest_first),
        BACKUP_TEST(a_damaged_backup_changes_nothing),
        BACKUP_TEST(records_that_cannot_be_loaded_change_nothing),
        BACKUP_TEST(who_and_why_are_asked_for),
        BACKUP_TEST(a_coordinator_that_may_not_takes_no_document),
        BACKUP_TEST(what_the_store_says_is_passed_on),
        BACKUP_TEST(there_is_one_restore_at_a_time),
        BACKUP_TEST(a_caller_that_leaves_halfway_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
