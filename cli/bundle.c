/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle.h"

#include "cli/gzip.h"
#include "cli/redact.h"
#include "cli/tar.h"

#define TAR_MAX    (256u << 20)
#define FILE_MAX   (64u << 20)
#define FOLDER     "switchyard-diag/"
#define ONE_WITHIN dur_s(5)

void bundle_init(struct bundle *b, struct cli *cli)
{
    *b = (struct bundle){.cli = cli, .made = loop_wall(cli->loop), .missing = json_array()};
    buf_init(&b->tar, TAR_MAX);
    if (cli->timeout.ns > ONE_WITHIN.ns)
        cli->timeout = ONE_WITHIN;
}

void bundle_deinit(struct bundle *b)
{
    buf_deinit(&b->tar);
    json_free(b->missing);
}

void bundle_miss(struct bundle *b, const char *what, const char *why)
{
    struct json *one = json_object();

    json_set_string(one, "what", what);
    json_set_string(one, "why", why);
    json_append(b->missing, one);
}

void bundle_add_text(struct bundle *b, const char *path, const char *text)
{
    char inside[TAR_PATH_MAX];

    if (str_fmt(inside, sizeof inside, FOLDER "%s", path) &&
        tar_add(&b->tar, inside, b->made, str_of(text)))
        b->files++;
    else
        bundle_miss(b, path, "it is too large");
}

void bundle_add_json(struct bundle *b, const char *path, struct json *j)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(FILE_MAX);
    CLEANUP(json_freep) struct json *all = j;
    CLEANUP(json_freep) struct json *shown = NULL;

    if (!all)
        return;
    shown = redact_json(all);
    if (json_print(shown, true, &text) && buf_add(&text, "\n", 1))
        bundle_add_text(b, path, buf_text(&text));
    else
        bundle_miss(b, path, "it is too large");
}

void bundle_ask(struct bundle *b, const char *path, const char *method,
                const ProtobufCMessage *request, ProtobufCMessage **ret_reply)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    struct err why;
    int r;

    if (b->silent)
        return bundle_miss(b, path, "not asked for: no coordinator answers");
    r = cli_call(b->cli, method, request, dur_ms(0), &reply, &why);
    if (r < 0) {
        b->silent = why.code == ERR_UNAVAILABLE || why.code == ERR_TIMEOUT;
        return bundle_miss(b, path, why.msg);
    }
    bundle_add_json(b, path, cli_message_json(reply));
    if (ret_reply)
        *ret_reply = steal(reply);
}

int bundle_pack(struct bundle *b, struct buf *ret, struct err *err)
{
    bundle_add_json(b, "MISSING.json", json_dup(b->missing));
    if (tar_end(&b->tar) && gzip_pack(buf_view(&b->tar), ret))
        return 0;
    return err_set(err, ERR_EXHAUSTED, "what was collected is larger than %u MiB", TAR_MAX >> 20);
}
