/* SPDX-License-Identifier: Apache-2.0 */
/* `logs` and `set log-level`: what a coordinator or a node has logged, and how much it logs. */
#include "cli/log_ask.h"
#include "cli/node_call.h"
#include "cli/run.h"

/* The node of --node, if there is one: *ret_node points to `found`, or is NULL. */
static int find_asked(struct cli *cli, const struct args *a, struct fleet_entry *found,
                      const struct fleet_entry **ret_node, struct err *err)
{
    const char *name = a->option[OPT_NODE];

    *ret_node = name ? found : NULL;
    return name ? node_find(cli, name, found, err) : 0;
}

static const char *name_of(const struct cli *cli, const struct fleet_entry *node)
{
    return node ? node->name : cli->answered;
}

/* ---- logs ------------------------------------------------------------------------------------ */

static int answer_json(const struct cli *cli, const char *source, const Switchyard__V1__Log *m,
                       struct err *err)
{
    CLEANUP(json_freep) struct json *j = json_object();
    struct json *lines = json_array();
    struct str line, rest = {(const char *)m->lines.data, m->lines.len};

    while (rest.n > 0) {
        str_cut(rest, '\n', &line, &rest);
        json_append(lines, json_from_str(line));
    }
    json_set_string(j, "source", source);
    json_set_string(j, "level", m->level);
    json_set(j, "lines", lines);
    return cli_print_json(cli, j, err);
}

int run_logs(struct cli *cli, const struct args *a, int *ret_status UNUSED, struct err *err)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    const struct fleet_entry *node;
    const Switchyard__V1__Log *m;
    struct fleet_entry found;
    int r = find_asked(cli, a, &found, &node, err);

    if (r == 0)
        r = log_ask(cli, node, &reply, err);
    if (r < 0)
        return r;
    m = (const Switchyard__V1__Log *)reply;
    if (cli->output != OUTPUT_TABLE)
        return answer_json(cli, name_of(cli, node), m, err);
    cli_say("%.*s", (int)m->lines.len, (const char *)m->lines.data);
    return 0;
}

/* ---- how much is logged ---------------------------------------------------------------------- */

int run_set_log_level(struct cli *cli, const struct args *a, int *ret_status UNUSED,
                      struct err *err)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    Switchyard__V1__LogLevel request = SWITCHYARD__V1__LOG_LEVEL__INIT;
    const struct fleet_entry *node;
    struct fleet_entry found;
    int r = find_asked(cli, a, &found, &node, err);

    request.level = rpc_lend(a->name[0]);
    request.operator_ = cli->operator_name;
    if (r == 0 && node)
        r = node_call(cli, node, "SetLogLevel", &request.base, dur_ms(0), &reply, err);
    else if (r == 0)
        r = cli_call(cli, "SetLogLevel", &request.base, dur_ms(0), &reply, err);
    if (r < 0 || cli_print_message(cli, reply, &r, err))
        return r;
    cli_say("%s: %s from now on, until it ends; it was %s\n", name_of(cli, node), request.level,
            ((const Switchyard__V1__LogLevel *)reply)->level);
    return 0;
}
