/* SPDX-License-Identifier: Apache-2.0 */
/* `events`: what happened, in order, and on as it happens. When the coordinator that tells it goes,
 * another one is asked for what follows the last event that was shown. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

#include "cli/cli.h"
#include "cli/run.h"
#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/model/event_kinds.h"

#define LINE_MAX_BYTES (64u << 10)
#define KINDS_MAX      64u
#define AGAIN          dur_ms(300)

/* The last event of a migration that was shown. */
struct shown {
    struct name migration;
    uint64_t sequence;
    UT_hash_handle hh;
};

struct following {
    struct cli *cli;
    Switchyard__V1__EventsRequest request;
    char kind_text[1024]; /* what the kinds below point into */
    char *kind[KINDS_MAX];
    struct event_place last; /* shown; revision 0: none */
    struct shown *shown;     /* hash; owned */
    struct rpc_stream *stream;
    struct err status;
    bool heard; /* from the coordinator that is asked now */
    bool deaf;  /* nobody reads what is printed */
};

/* ---- showing --------------------------------------------------------------------------------- */

static uint64_t shown_before(struct following *f, const struct name *migration, uint64_t now)
{
    struct shown *s;
    uint64_t before;

    HASH_FIND_STR(f->shown, migration->s, s);
    if (!s) {
        s = xnew(struct shown);
        s->migration = *migration;
        HASH_ADD_STR(f->shown, migration.s, s);
    }
    before = s->sequence;
    s->sequence = now;
    return before;
}

/* A coordinator that is asked to go on does not know what was shown here. */
static uint64_t lost_before(struct following *f, const struct event_place *at, uint64_t told)
{
    uint64_t before = shown_before(f, &at->migration, at->sequence);

    if (told == 0 || before == 0 || before >= at->sequence)
        return told;
    return at->sequence - 1 - before;
}

static void print_line(const Switchyard__V1__Event *e)
{
    if (e->lost > 0)
        cli_say("# %" PRIu64 " event%s of %s before this one %s not kept\n", e->lost,
                e->lost == 1 ? "" : "s", e->migration, e->lost == 1 ? "is" : "are");
    cli_say("%s  %-16s  %-20s  %-16s  %s (%s)\n", e->time, e->migration, e->kind,
            e->stage[0] ? e->stage : "-", e->text, e->operator_);
}

static void print_tree(const struct cli *c, const Switchyard__V1__Event *e)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(LINE_MAX_BYTES);
    CLEANUP(json_freep) struct json *j = cli_message_json(&e->base);
    struct err err;

    if (c->output == OUTPUT_YAML) {
        cli_say("---\n");
        (void)!cli_print_json(c, j, &err);
    } else if (json_print(j, false, &b)) {
        cli_say("%s\n", buf_text(&b));
    }
}

static void on_event(struct rpc_stream *s, const ProtobufCMessage *m, void *ctx)
{
    Switchyard__V1__Event e = *(const Switchyard__V1__Event *)m;
    struct following *f = ctx;
    struct event_place at = {.revision = e.revision, .sequence = e.sequence};

    f->heard = true;
    if (!str_copy(str_of(e.migration), at.migration.s, sizeof(at.migration.s)))
        return;
    if (f->last.revision > 0 && event_place_cmp(&at, &f->last) <= 0)
        return;
    f->last = at;
    e.lost = lost_before(f, &at, e.lost);
    if (f->cli->output == OUTPUT_TABLE)
        print_line(&e);
    else
        print_tree(f->cli, &e);
    f->deaf = ferror(stdout) != 0;
    if (f->deaf)
        rpc_stream_cancel(s);
}

/* ---- one coordinator ------------------------------------------------------------------------- */

static void on_closed(struct rpc_stream *s UNUSED, const struct err *status, void *ctx)
{
    struct following *f = ctx;

    f->stream = NULL;
    f->status = *status;
}

static const struct rpc_stream_events stream_events = {.on_message = on_event,
                                                       .on_closed = on_closed};

/* All of the last one's revision again: it may have been cut off in its middle. */
static struct rpc_msg *request(const struct following *f)
{
    Switchyard__V1__EventsRequest m = f->request;

    if (f->last.revision > 0)
        m.since_revision = f->last.revision - 1;
    return rpc_msg_encode(&m.base);
}

static int follow_at(struct following *f, const char *endpoint, struct err *err)
{
    struct rpc_client_config config = {.target = endpoint, .connect_timeout = dur_s(2)};
    CLEANUP(rpc_client_freep) struct rpc_client *client = NULL;
    CLEANUP(rpc_msg_unrefp) struct rpc_msg *m = request(f);
    int r;

    f->cli->asked = true;
    f->heard = false;
    r = rpc_client_new(&config, f->cli->loop, &client, err);
    if (r < 0)
        return r;
    f->stream =
        rpc_client_open(client, &switchyard__v1__operator__descriptor, "Events", &stream_events, f);
    r = rpc_stream_send(f->stream, m, err);
    if (r == 0)
        rpc_stream_half_close(f->stream);
    while (f->stream)
        loop_turn(f->cli->loop, dur_s(1));
    if (f->deaf || f->status.code == ERR_NONE)
        return 0;
    return err_copy(err, &f->status);
}

/* ---- all of them ----------------------------------------------------------------------------- */

static bool goes_on(enum err_code code)
{
    return code == ERR_UNAVAILABLE || code == ERR_TIMEOUT || code == ERR_CANCELLED ||
           code == ERR_UNKNOWN_OUTCOME || code == ERR_EXHAUSTED;
}

/* Each coordinator once; *ret_heard: one of them has told something. */
static int follow_round(struct following *f, bool *ret_heard, struct err *err)
{
    char endpoint[ENDPOINT_SIZE];
    int r = 0;

    *ret_heard = false;
    for (unsigned i = 0; cli_endpoint(f->cli, i, endpoint); i++) {
        r = follow_at(f, endpoint, err);
        if (r == 0 || !goes_on(err->code))
            return r;
        *ret_heard = *ret_heard || f->heard;
    }
    err_ctx(err, "no coordinator tells its events");
    return err->hint[0] ? -(int)err->code
                        : err_hint(err,
                                   "is switchyard-coordinator running there? Give its address "
                                   "with --endpoints or SWITCHYARD_ENDPOINTS");
}

/* An outage is told of once; the first answer ends it. */
static int follow_on(struct following *f, struct err *err)
{
    bool told = false, heard;

    for (;;) {
        int r = follow_round(f, &heard, err);

        if (r == 0 || !goes_on(err->code) || !f->request.follow)
            return r;
        if (!told || heard)
            cli_complain(err);
        told = true;
        cli_pause(f->cli, AGAIN);
    }
}

/* ---- the command ----------------------------------------------------------------------------- */

static int take_kinds(const char *list, struct following *f, struct err *err)
{
    char *at = f->kind_text;

    if (!list)
        return 0;
    if (!str_copy(str_of(list), f->kind_text, sizeof(f->kind_text)))
        return err_set(err, ERR_INVALID, "--kind: the list is too long");
    f->request.kinds = f->kind;
    while (*at && f->request.n_kinds < KINDS_MAX) {
        char *comma = strchr(at, ',');

        f->kind[f->request.n_kinds++] = at;
        if (!comma)
            break;
        *comma = '\0';
        at = comma + 1;
    }
    return 0;
}

static int take_options(const struct args *a, struct following *f, struct err *err)
{
    const char *since = a->option[OPT_SINCE];

    f->request.follow = args_has(a, OPT_FOLLOW);
    if (a->name_count > 0)
        f->request.migration = rpc_lend(a->name[0]);
    if (since && !str_to_u64(str_of(since), UINT64_MAX - 1, &f->request.since_revision))
        return err_set(err, ERR_INVALID, "--since %.40s is not a revision, a whole number", since);
    return take_kinds(a->option[OPT_KIND], f, err);
}

int run_events(struct cli *cli, const struct args *a, int *ret_status UNUSED, struct err *err)
{
    struct following f = {.cli = cli, .request = SWITCHYARD__V1__EVENTS_REQUEST__INIT};
    struct shown *s, *next;
    int r = take_options(a, &f, err);

    if (r == 0)
        r = follow_on(&f, err);
    HASH_ITER (hh, f.shown, s, next) {
        HASH_DEL(f.shown, s);
        free(s);
    }
    return r;
}
