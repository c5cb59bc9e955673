/* SPDX-License-Identifier: Apache-2.0 */
/* `rollback --emergency --direct`: straight to the sidecars, all at once, with no coordinator. */
#include <inttypes.h>

#include "cli/cli.h"
#include "cli/fleet_list.h"
#include "cli/run.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "sidecar.pb-c.h"

#define AT_ONCE   256u
#define TABLE_MAX (16u << 20)

/* One sidecar and what came of it. */
struct errand {
    const struct fleet_entry *to;        /* borrowed */
    struct rpc_client *client;           /* while the call is open */
    Switchyard__V1__OrderResult *answer; /* a copy; NULL: none */
    struct err status;
    bool started, done;
};

struct errands {
    struct cli *cli;
    struct errand *item;
    unsigned count, open, done;
    mono_t since, last; /* the first call, the last answer */
};

/* ---- whom ------------------------------------------------------------------------------------ */

static int unknown_node(const struct fleet_list *known, const char *name, struct err *err)
{
    const char **names = xcalloc(known->count + 1, sizeof *names);
    const char *near;

    for (unsigned i = 0; i < known->count; i++)
        names[i] = known->item[i].name;
    near = str_nearest(str_of(name), names);
    err_set(err, ERR_NOT_FOUND, "no address is known of a node \"%s\"", name);
    if (near)
        err_hint(err, "did you mean %s?", near);
    else
        err_hint(err, "give its address instead: HOST:PORT, or unix:DIR/control.sock");
    xfreep(&names);
    return -ERR_NOT_FOUND;
}

/* What is no name of a node is its address. */
static int take_word(struct str word, const struct fleet_list *known, struct fleet_list *ret,
                     struct err *err)
{
    char text[ENDPOINT_SIZE];
    const struct fleet_entry *e;

    if (!str_copy(word, text, sizeof text))
        return err_set(err, ERR_INVALID, "--direct: \"%.*s\" is too long", (int)word.n, word.p);
    e = fleet_list_find(known, text);
    if (!e && !strchr(text, ':'))
        return unknown_node(known, text, err);
    fleet_list_add(ret, e ? e->name : "", e ? e->address : text);
    return 0;
}

static int take_words(const char *words, const struct fleet_list *known, struct fleet_list *ret,
                      struct err *err)
{
    struct str rest = str_of(words), word;
    int r = 0;

    while (rest.n > 0 && r == 0) {
        str_cut(rest, ',', &word, &rest);
        word = str_trim(word);
        if (word.n > 0)
            r = take_word(word, known, ret, err);
    }
    return r;
}

static int take_targets(const struct cli *cli, const struct args *a, struct fleet_list *ret,
                        struct err *err)
{
    CLEANUP(fleet_list_deinit) struct fleet_list known = {.count = 0};
    const char *direct = a->option[OPT_DIRECT], *file = a->option[OPT_FLEET_FILE];
    struct err unknown;
    int r;

    if (direct && file)
        return err_set(err, ERR_INVALID, "give either --direct or --fleet-file");
    if (file)
        r = fleet_list_read(file, ret, err);
    else if (strcmp(direct, "all") == 0)
        r = fleet_list_known(cli, ret, err);
    else
        r = fleet_list_known(cli, &known, &unknown) < 0 && !strchr(direct, ':')
                ? err_copy(err, &unknown)
                : take_words(direct, &known, ret, err);
    if (r == 0 && ret->count == 0)
        return err_set(err, ERR_NOT_FOUND, "no node is known that takes orders itself");
    return r;
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* The reply is borrowed from the library. */
static Switchyard__V1__OrderResult *copy_answer(const ProtobufCMessage *reply)
{
    size_t n = protobuf_c_message_get_packed_size(reply);
    CLEANUP(xfreep) uint8_t *bytes = xalloc(n + 1);

    protobuf_c_message_pack(reply, bytes);
    return switchyard__v1__order_result__unpack(NULL, n, bytes);
}

static void on_reply(void *ctx, const ProtobufCMessage *reply, const struct err *status)
{
    struct errand *e = ctx;

    e->done = true;
    e->status = *status;
    if (reply)
        e->answer = copy_answer(reply);
}

static void start(struct errands *all, struct errand *e,
                  const Switchyard__V1__OrderRequest *request)
{
    struct rpc_client_config config = {.target = e->to->address};

    e->started = true;
    all->open++;
    if (rpc_client_new(&config, all->cli->loop, &e->client, &e->status) < 0)
        e->done = true;
    else
        rpc_client_call(e->client, &switchyard__v1__sidecar__descriptor, "Order", &request->base,
                        all->cli->timeout, on_reply, e);
}

/* A connection each is let go as soon as it has answered. */
static void collect(struct errands *all)
{
    for (unsigned i = 0; i < all->count; i++) {
        struct errand *e = &all->item[i];

        if (!e->started || !e->done || !e->client)
            continue;
        rpc_client_free(steal(e->client));
        all->last = loop_now(all->cli->loop);
    }
}

static void count_done(struct errands *all)
{
    all->done = 0;
    for (unsigned i = 0; i < all->count; i++)
        all->done += all->item[i].done;
}

static void ask_all(struct errands *all, const Switchyard__V1__OrderRequest *request)
{
    unsigned next = 0;

    loop_update_now(all->cli->loop);
    all->since = all->last = loop_now(all->cli->loop);
    while (all->done < all->count) {
        while (next < all->count && all->open - all->done < AT_ONCE)
            start(all, &all->item[next++], request);
        count_done(all);
        if (all->done < all->count)
            loop_turn(all->cli->loop, dur_ms(100));
        collect(all);
        count_done(all);
    }
    collect(all);
}

/* ---- telling --------------------------------------------------------------------------------- */

/* What was given as an address has no name to expect. */
static bool is_named(const struct errand *e)
{
    return e->to->name[0] != '\0';
}

/* The same loopback address or socket path is another node's on another machine. */
static bool is_stranger(const struct errand *e)
{
    return e->answer && is_named(e) && strcmp(e->answer->node, e->to->name) != 0;
}

static bool serves(const struct errand *e)
{
    return e->answer && e->answer->measured_ms >= 0 && !is_stranger(e);
}

static unsigned count_serving(const struct errands *all)
{
    unsigned n = 0;

    for (unsigned i = 0; i < all->count; i++)
        n += serves(&all->item[i]);
    return n;
}

/* It answered, if only with a refusal. */
static bool is_heard(const struct errand *e)
{
    enum err_code why = e->status.code;

    return e->answer ||
           (why != ERR_UNAVAILABLE && why != ERR_TIMEOUT && why != ERR_UNKNOWN_OUTCOME);
}

static unsigned count_heard(const struct errands *all)
{
    unsigned n = 0;

    for (unsigned i = 0; i < all->count; i++)
        n += is_heard(&all->item[i]);
    return n;
}

static const char *name_of(const struct errand *e)
{
    if (is_named(e))
        return e->to->name;
    return e->answer ? e->answer->node : e->to->address;
}

/* Why it does not serve; `dst` has TEXT_SIZE bytes. */
static const char *failure_of(const struct errand *e, char *dst)
{
    if (is_stranger(e))
        str_fmt(dst, TEXT_SIZE, "another node answers there: %s", e->answer->node);
    else
        str_fmt(dst, TEXT_SIZE, "%s",
                e->answer ? "took it and does not serve it yet" : e->status.msg);
    return dst;
}

static struct json *errand_json(const struct errand *e)
{
    struct json *j = e->answer ? cli_message_json(&e->answer->base) : json_object();
    char why[TEXT_SIZE];

    json_set_string(j, "node", name_of(e));
    json_set_string(j, "address", e->to->address);
    json_set_bool(j, "serving", serves(e));
    if (!serves(e))
        json_set_string(j, "error", failure_of(e, why));
    return j;
}

static double measured_ms(const struct errands *all)
{
    return dur_in_ms(mono_sub(all->last, all->since));
}

static int answer_json(const struct errands *all, struct err *err)
{
    CLEANUP(json_freep) struct json *j = json_object();
    struct json *nodes = json_array();

    for (unsigned i = 0; i < all->count; i++)
        json_append(nodes, errand_json(&all->item[i]));
    json_set(j, "nodes", nodes);
    json_set_number(j, "serving", count_serving(all));
    json_set_bool(j, "converged", count_serving(all) == all->count);
    json_set_number(j, "measuredMs", measured_ms(all));
    return cli_print_json(all->cli, j, err);
}

static void add_row(struct buf *b, const struct errand *e)
{
    char why[TEXT_SIZE];

    buf_addf(b, "%s\t%s\t", name_of(e), e->to->address);
    if (serves(e))
        buf_addf(b, "%.1f ms\tserves it\n", e->answer->measured_ms);
    else
        buf_addf(b, "-\t%s\n", failure_of(e, why));
}

static void tell(const struct errands *all)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(TABLE_MAX);
    unsigned serving = count_serving(all);

    buf_addf(&b, "NODE\tADDRESS\tMEASURED\tORDER\n");
    for (unsigned i = 0; i < all->count; i++)
        add_row(&b, &all->item[i]);
    cli_print_table(buf_text(&b));
    if (serving == all->count)
        cli_say("all nodes (%u) serve it, %.1f ms after the order\n", serving, measured_ms(all));
    else
        cli_say(
            "%u of %u nodes serve it; on the others' machines: `switchyard-sidecar emergency "
            "--data DIR --reason TEXT`\n",
            serving, all->count);
}

static int answer(const struct errands *all, int *ret_status, struct err *err)
{
    if (count_serving(all) < all->count)
        *ret_status = count_heard(all) > 0 ? 1 : 2;
    if (all->cli->output != OUTPUT_TABLE)
        return answer_json(all, err);
    tell(all);
    return 0;
}

static void tell_plan(const struct fleet_list *targets)
{
    for (unsigned i = 0; i < targets->count; i++)
        cli_say("would order %s at %s\n",
                targets->item[i].name[0] ? targets->item[i].name : "the node",
                targets->item[i].address);
}

/* ---- doing ----------------------------------------------------------------------------------- */

static void errands_deinit(struct errands *all)
{
    for (unsigned i = 0; i < all->count; i++)
        if (all->item[i].answer)
            switchyard__v1__order_result__free_unpacked(all->item[i].answer, NULL);
    xfreep(&all->item);
}

static void fill_request(const struct cli *cli, const struct args *a,
                         Switchyard__V1__OrderRequest *ret)
{
    switchyard__v1__order_request__init(ret);
    ret->all = args_has(a, OPT_ALL);
    ret->migration = rpc_lend(a->name_count > 0 ? a->name[0] : "");
    ret->reason = rpc_lend(a->option[OPT_REASON]);
    ret->operator_ = rpc_lend(cli->operator_name);
}

int run_direct(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    CLEANUP(fleet_list_deinit) struct fleet_list targets = {.count = 0};
    CLEANUP(errands_deinit) struct errands all = {.cli = cli};
    Switchyard__V1__OrderRequest request;
    int r;

    if (args_has(a, OPT_WAIT) || args_has(a, OPT_NO_WAIT))
        return err_set(err, ERR_INVALID,
                       "--wait and --no-wait are for coordinators; sidecars "
                       "answer when they serve, see --timeout");
    r = take_targets(cli, a, &targets, err);
    if (r < 0)
        return r;
    if (args_has(a, OPT_DRY_RUN)) {
        tell_plan(&targets);
        return 0;
    }
    all.count = targets.count;
    all.item = xcalloc(targets.count, sizeof *all.item);
    for (unsigned i = 0; i < targets.count; i++)
        all.item[i].to = &targets.item[i];
    fill_request(cli, a, &request);
    ask_all(&all, &request);
    return answer(&all, ret_status, err);
}
