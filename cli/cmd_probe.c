/* SPDX-License-Identifier: Apache-2.0 */
/* `probe`: one real request through a node, to see how the systems answer. */
#include "cli/cli.h"
#include "cli/node_call.h"
#include "cli/probe_tell.h"
#include "cli/run.h"

/* More than both systems may take, one after the other address. */
#define PATIENCE dur_s(60)

struct question {
    Switchyard__V1__ProbeRequest m;
    Switchyard__V1__Label header, *header_at[1];
    char name[NAME_SIZE], value[1024];
};

static int read_system(const char *text, Switchyard__V1__System *ret, struct err *err)
{
    enum system s = SYSTEM_NONE;

    *ret = SWITCHYARD__V1__SYSTEM__SYSTEM_UNSPECIFIED;
    if (!text || strcmp(text, "both") == 0)
        return 0;
    if (!system_parse(str_of(text), &s) || s == SYSTEM_NONE)
        return err_set(err, ERR_INVALID, "--system: \"%s\" is not legacy, new or both", text);
    *ret = s == SYSTEM_NEW ? SWITCHYARD__V1__SYSTEM__SYSTEM_NEW
                           : SWITCHYARD__V1__SYSTEM__SYSTEM_LEGACY;
    return 0;
}

static int read_header(const char *text, struct question *q, struct err *err)
{
    struct str name, value;

    if (!text)
        return 0;
    if (!str_cut(str_of(text), ':', &name, &value) || !str_copy(name, q->name, sizeof q->name) ||
        !str_copy(str_trim(value), q->value, sizeof q->value)) {
        err_set(err, ERR_INVALID, "--header: \"%.100s\" is none", text);
        return err_hint(err, "write it as in --header 'X-User-Id: 4711'");
    }
    switchyard__v1__label__init(&q->header);
    q->header.key = q->name;
    q->header.value = q->value;
    q->header_at[0] = &q->header;
    q->m.headers = q->header_at;
    q->m.n_headers = 1;
    return 0;
}

static int read_question(const struct args *a, struct question *ret, struct err *err)
{
    const char *path = a->option[OPT_PATH];
    int r;

    switchyard__v1__probe_request__init(&ret->m);
    ret->m.migration = rpc_lend(a->name[0]);
    ret->m.path = rpc_lend(path ? path : "/");
    ret->m.bypass_breaker = args_has(a, OPT_BYPASS_BREAKER);
    r = read_system(a->option[OPT_SYSTEM], &ret->m.system, err);
    return r < 0 ? r : read_header(a->option[OPT_HEADER], ret, err);
}

static int answer_json(const struct cli *cli, const Switchyard__V1__ProbeResult *m, struct err *err)
{
    CLEANUP(json_freep) struct json *j = cli_message_json(&m->base);

    if (m->n_answers == 2)
        json_set_bool(j, "equal", probe_is_equal(m));
    return cli_print_json(cli, j, err);
}

static void tell(const Switchyard__V1__ProbeResult *m)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(PROBE_TEXT_MAX);

    cli_say("through node %s\n", m->node);
    probe_table(&b, m);
    cli_print_table(buf_text(&b));
    buf_clear(&b);
    probe_compare(&b, m);
    cli_say("%s", buf_text(&b));
}

int run_probe(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    const char *name = a->option[OPT_NODE];
    const Switchyard__V1__ProbeResult *m;
    struct question q = {.name = ""};
    struct fleet_entry node;
    int r = read_question(a, &q, err);

    if (r == 0)
        r = name ? node_find(cli, name, &node, err) : node_find_any(cli, &node, err);
    if (r == 0)
        r = node_call(cli, &node, "Probe", &q.m.base, PATIENCE, &reply, err);
    if (r < 0)
        return r;
    m = (const Switchyard__V1__ProbeResult *)reply;
    *ret_status = probe_is_good(m) ? 0 : 1;
    if (cli->output != OUTPUT_TABLE)
        return answer_json(cli, m, err);
    tell(m);
    return 0;
}
