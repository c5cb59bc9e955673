/* SPDX-License-Identifier: Apache-2.0 */
/* The running program: what every command works with. One thread, one loop. */
#pragma once

#include "cli/commands.h"
#include "common/base/clock.h"
#include "common/base/json.h"
#include "common/model/ids.h"
#include "common/rpc/rpc.h"
#include "operator.pb-c.h"

#define CLI_ENDPOINTS_MAX 16u

enum output_format { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_YAML, OUTPUT_MARKDOWN };

struct cli {
    char endpoints[1024];
    char operator_name[NAME_SIZE * 2];
    enum output_format output;
    dur_t timeout;     /* for one answer */
    dur_t node_wait;   /* for the nodes to serve a decision */
    struct loop *loop; /* owned */
    bool asked;        /* a coordinator: a failure before that is a mistake of the caller's */
    char answered[ENDPOINT_SIZE]; /* who answered last; the next call goes there first */
};

/* Options, then environment (SWITCHYARD_ENDPOINTS, SWITCHYARD_OPERATOR), then the configuration
 * file
 * ($SWITCHYARD_CONFIG, or switchyard/config.yaml in $XDG_CONFIG_HOME or ~/.config), then
 * defaults. */
int cli_init(struct cli *c, const struct args *a, struct err *err) MUST_CHECK;
void cli_deinit(struct cli *c);
/* Where the configuration file is, or would be; false when nothing says. */
bool cli_config_path(char *ret, size_t size);
/* The coordinators' addresses, in order, counted from 0; false at the end. */
bool cli_endpoint(const struct cli *c, unsigned i, char ret[ENDPOINT_SIZE]);

/* ---- asking (client.c) ----------------------------------------------------------------------- */

/* Call a method of the Operator service at the first coordinator that answers, within --timeout.
 * Commands that may have been carried out are not given to a second one, emergency orders are; see
 * client.c. *ret_reply is the caller's; free it with cli_reply_free(). UNAVAILABLE names the
 * endpoints and says what to do: nothing was done. TIMEOUT and UNKNOWN_OUTCOME of a change say that
 * its outcome is unknown. `extra` is added to the deadline, for calls that wait by themselves. */
int cli_call(struct cli *c, const char *method, const ProtobufCMessage *request, dur_t extra,
             ProtobufCMessage **ret_reply, struct err *err) MUST_CHECK;
/* Replies are borrowed from the library; a copy outlives the connection. */
ProtobufCMessage *cli_reply_copy(const ProtobufCMessage *m) MUST_CHECK;
void cli_reply_free(ProtobufCMessage *m); /* tolerates NULL */
static inline void cli_reply_freep(ProtobufCMessage **m)
{
    cli_reply_free(*m);
}
/* Is the coordinator, or its store, what keeps an order from the nodes? */
bool cli_is_in_the_way(enum err_code code);

/* ---- waiting (watch.c) ----------------------------------------------------------------------- */

/* Let the loop turn for `d`. */
void cli_pause(struct cli *c, dur_t d);
/* Show once or, for --watch, again each second until the process is ended. Watching goes on while
 * coordinators come and go: a failure that may pass is told and tried again. */
int cli_watch(struct cli *c, bool again, int (*show)(struct cli *c, void *ctx, struct err *err),
              void *ctx, struct err *err) MUST_CHECK;

/* ---- files (input.c) ------------------------------------------------------------------------- */

/* A whole file, or standard input for "-". EXHAUSTED when it holds more than b's maximum. */
int cli_read(const char *path, struct buf *b, struct err *err) MUST_CHECK;

/* ---- answering (output.c) -------------------------------------------------------------------- */

/* A message as JSON: proto3's mapping, defaults shown, 64-bit numbers as numbers. */
struct json *cli_message_json(const ProtobufCMessage *m) MUST_CHECK;
/* Print a tree in the chosen format (json or yaml). */
int cli_print_json(const struct cli *c, const struct json *j, struct err *err) MUST_CHECK;
/* "-o json|yaml": print and return true; table: return false. */
bool cli_print_message(const struct cli *c, const ProtobufCMessage *m, int *ret_r, struct err *err);

/* A table with aligned columns: header and rows are tab-separated cells, rows end with '\n'. */
void cli_print_table(const char *text);
/* printf to standard output: the only place besides cli_print_table() that does. */
void cli_say(const char *fmt, ...) PRINTF(1, 2);
/* "error: ...", and the hint on a line of its own, to standard error. */
void cli_complain(const struct err *err);
