/* SPDX-License-Identifier: Apache-2.0 */
/* `why`: why a key goes where it goes, layer by layer. */
#include "cli/cli.h"
#include "cli/node_call.h"
#include "cli/run.h"
#include "cli/why_tell.h"

struct question {
    Switchyard__V1__ExplainRequest m;
    struct labels labels;
    Switchyard__V1__Label label[LABELS_MAX], *label_at[LABELS_MAX];
};

/* Who answered, and why the node itself did not. */
struct source {
    bool node;
    struct err why_not; /* ERR_NONE: the node was not to be asked */
};

static void add_labels(struct question *q)
{
    struct label label = {.key = NULL};

    while (labels_next(&q->labels, &label)) {
        Switchyard__V1__Label *m = &q->label[q->m.n_labels];

        switchyard__v1__label__init(m);
        m->key = rpc_lend(label.key);
        m->value = rpc_lend(label.value);
        q->label_at[q->m.n_labels++] = m;
    }
    q->m.labels = q->label_at;
}

static int read_question(const struct args *a, struct question *ret, struct err *err)
{
    const char *labels = a->option[OPT_LABEL], *node = a->option[OPT_NODE];
    int r;

    if (labels && node)
        return err_set(err, ERR_INVALID, "give either --node or --label");
    switchyard__v1__explain_request__init(&ret->m);
    ret->m.migration = rpc_lend(a->name[0]);
    ret->m.key = rpc_lend(a->option[OPT_KEY]);
    ret->m.node = rpc_lend(node ? node : "");
    r = labels ? labels_parse(str_of(labels), &ret->labels, err) : 0;
    if (r < 0)
        return err_ctx(err, "--label");
    add_labels(ret);
    return 0;
}

static int ask_node(struct cli *cli, const struct question *q, ProtobufCMessage **ret,
                    struct err *err)
{
    struct fleet_entry node;
    int r = node_find(cli, q->m.node, &node, err);

    return r < 0 ? r : node_call(cli, &node, "Explain", &q->m.base, dur_ms(0), ret, err);
}

/* The node knows best what it serves; who knows its labels comes second. */
static int ask(struct cli *cli, const struct question *q, ProtobufCMessage **ret,
               struct source *ret_source, struct err *err)
{
    *ret_source = (struct source){.node = false};
    if (q->m.node[0] && ask_node(cli, q, ret, &ret_source->why_not) == 0) {
        ret_source->node = true;
        return 0;
    }
    return cli_call(cli, "Explain", &q->m.base, dur_ms(0), ret, err);
}

static int answer_json(const struct cli *cli, const ProtobufCMessage *reply, const struct source *s,
                       struct err *err)
{
    CLEANUP(json_freep) struct json *j = cli_message_json(reply);

    json_set_string(j, "answeredBy", s->node ? "node" : "coordinator");
    if (s->why_not.code != ERR_NONE)
        json_set_string(j, "nodeNotAsked", s->why_not.msg);
    return cli_print_json(cli, j, err);
}

static void tell_source(const Switchyard__V1__Explanation *x, const struct source *s)
{
    if (s->node)
        cli_say("%s says so itself%s\n", x->node,
                x->stale ? "; it is STALE: no coordinator is there" : "");
    else if (s->why_not.code != ERR_NONE)
        cli_say(
            "the coordinator says so, by the labels it knows of %s, which could not be asked "
            "itself: %s\n",
            x->node, s->why_not.msg);
}

static void tell(const char *key, const Switchyard__V1__Explanation *x, const struct source *s)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(WHY_TEXT_MAX);

    why_sentence(&b, key, x);
    cli_say("%s", buf_text(&b));
    buf_clear(&b);
    why_table(&b, x);
    cli_print_table(buf_text(&b));
    buf_clear(&b);
    why_flags(&b, x);
    cli_say("%s", buf_text(&b));
    tell_source(x, s);
}

int run_why(struct cli *cli, const struct args *a, int *ret_status UNUSED, struct err *err)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    struct question q = {.labels = {.count = 0}};
    struct source source;
    int r = read_question(a, &q, err);

    if (r == 0)
        r = ask(cli, &q, &reply, &source, err);
    if (r < 0)
        return r;
    if (cli->output != OUTPUT_TABLE)
        return answer_json(cli, reply, &source, err);
    tell(a->option[OPT_KEY], (const Switchyard__V1__Explanation *)reply, &source);
    return 0;
}
