/* SPDX-License-Identifier: Apache-2.0 */
/* One call, given to one coordinator after the other until one has answered:
 *
 *   what it is    next coordinator beside a silent one   after a lost connection
 *   emergency     after 150 ms                           given again: orders are monotone
 *   read          after 1 s                              given again
 *   change        never                                  the outcome is unknown: told
 *
 * A coordinator that says UNAVAILABLE has done nothing (no leader at the moment, or it stops). When
 * all have been asked and one of them lives, they are asked again until the time is up; when nobody
 * is there, that is told at once. */
#include "cli/cli.h"

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/base/rng.h"

/* Who takes a connection and does not speak is stopped or cut off. */
#define CONNECT_MAX dur_s(2)
/* A refusal is known long before: after this it was silence, and may end. */
#define REFUSAL_MAX dur_ms(500)

#define PAUSE_MIN_MS  100u
#define PAUSE_SPAN_MS 300u

enum kind { KIND_READ, KIND_CHANGE, KIND_EMERGENCY };

/* One coordinator, in this pass through all. */
struct attempt {
    char endpoint[ENDPOINT_SIZE];
    struct rpc_client *client; /* owned; NULL: not asked yet */
    mono_t since;
    bool done;
    ProtobufCMessage *reply; /* owned: a copy; NULL on failure */
    struct err status;
};

struct asking {
    struct cli *cli;
    const char *method;
    const ProtobufCMessage *request;
    enum kind kind;
    mono_t until;
    struct attempt attempt[CLI_ENDPOINTS_MAX];
    unsigned count, started, judged;
    /* The failure that tells most: what a coordinator said, else that none could be reached. */
    struct err failure;
    bool lives; /* one answered, or was silent instead of refusing the connection */
    bool heard; /* `failure` is a coordinator's own */
};

/* ---- whom ------------------------------------------------------------------------------------ */

/* Who answered the last call comes first: it knows about it. */
static void prefer(struct asking *a, const char *endpoint)
{
    for (unsigned i = 1; i < a->count; i++) {
        if (strcmp(a->attempt[i].endpoint, endpoint) != 0)
            continue;
        struct attempt first = a->attempt[i];

        memmove(&a->attempt[1], &a->attempt[0], i * sizeof a->attempt[0]);
        a->attempt[0] = first;
        return;
    }
}

static void take_endpoints(struct asking *a)
{
    while (a->count < CLI_ENDPOINTS_MAX &&
           cli_endpoint(a->cli, a->count, a->attempt[a->count].endpoint))
        a->count++;
    prefer(a, a->cli->answered);
}

/* ---- one attempt ----------------------------------------------------------------------------- */

ProtobufCMessage *cli_reply_copy(const ProtobufCMessage *m)
{
    size_t n = protobuf_c_message_get_packed_size(m);
    CLEANUP(xfreep) uint8_t *bytes = xalloc(n + 1);

    protobuf_c_message_pack(m, bytes);
    return protobuf_c_message_unpack(m->descriptor, NULL, n, bytes);
}

static void on_reply(void *ctx, const ProtobufCMessage *reply, const struct err *status)
{
    struct attempt *at = ctx;

    at->done = true;
    at->status = *status;
    if (reply)
        at->reply = cli_reply_copy(reply);
}

static mono_t now_of(const struct asking *a)
{
    loop_update_now(a->cli->loop);
    return loop_now(a->cli->loop);
}

static int start_next(struct asking *a, struct err *err)
{
    struct attempt *at = &a->attempt[a->started];
    struct rpc_client_config config = {
        .target = at->endpoint, .connect_timeout = CONNECT_MAX, .own_connection = true};
    int r = rpc_client_new(&config, a->cli->loop, &at->client, err);

    if (r < 0)
        return r;
    a->started++;
    a->cli->asked = true;
    at->since = now_of(a);
    rpc_client_call(at->client, &switchyard__v1__operator__descriptor, a->method, a->request,
                    mono_sub(a->until, at->since), on_reply, at);
    return 0;
}

static void end_attempt(struct attempt *at)
{
    rpc_client_free(steal(at->client));
    cli_reply_free(steal(at->reply));
    at->done = false;
}

static void end_pass(struct asking *a)
{
    for (unsigned i = 0; i < a->started; i++)
        end_attempt(&a->attempt[i]);
    a->started = a->judged = 0;
}

/* ---- what an answer means -------------------------------------------------------------------- */

bool cli_is_in_the_way(enum err_code code)
{
    return code == ERR_UNAVAILABLE || code == ERR_TIMEOUT || code == ERR_EXHAUSTED ||
           code == ERR_DENIED || code == ERR_IO || code == ERR_CORRUPT ||
           code == ERR_UNKNOWN_OUTCOME || code == ERR_CANCELLED;
}

/* May the next coordinator be asked, too? */
static bool goes_on(enum kind kind, enum err_code code)
{
    switch (kind) {
    case KIND_EMERGENCY:
        return cli_is_in_the_way(code);
    case KIND_READ:
        return code == ERR_UNAVAILABLE || code == ERR_TIMEOUT || code == ERR_CANCELLED ||
               code == ERR_UNKNOWN_OUTCOME;
    case KIND_CHANGE:
        return code == ERR_UNAVAILABLE;
    }
    return false;
}

static void keep_failure(struct asking *a, const struct attempt *at)
{
    bool heard = rpc_client_reached(at->client);
    dur_t took = mono_sub(now_of(a), at->since);

    a->lives = a->lives || heard || took.ns > REFUSAL_MAX.ns;
    if (heard || !a->heard)
        a->failure = at->status;
    a->heard = a->heard || heard;
}

/* Take the result of an attempt that is done. True when it ends the call, one way or the other. */
static bool is_over(struct asking *a, struct attempt *at)
{
    a->judged++;
    at->done = false;
    if (goes_on(a->kind, at->status.code)) {
        keep_failure(a, at);
        return false;
    }
    a->failure = at->status;
    a->heard = rpc_client_reached(at->client);
    a->lives = false;
    return true;
}

/* ---- one pass -------------------------------------------------------------------------------- */

/* How long the latest attempt may stay the only one that is waited for; 0: it is the next one's
 * turn. */
static dur_t left_alone(const struct asking *a)
{
    static const int patience_ms[] = {[KIND_READ] = 1000, [KIND_EMERGENCY] = 150};
    dur_t left;

    if (a->started == a->judged)
        return dur_ms(0);
    if (a->kind == KIND_CHANGE)
        return dur_s(1);
    left = mono_sub(mono_add(a->attempt[a->started - 1].since, dur_ms(patience_ms[a->kind])),
                    now_of(a));
    return left.ns > 0 ? left : dur_ms(0);
}

static struct attempt *find_done(struct asking *a)
{
    for (unsigned i = 0; i < a->started; i++)
        if (a->attempt[i].done)
            return &a->attempt[i];
    return NULL;
}

/* Ask until one has ended it or all have failed. *ret_answered: NULL, or who answered. */
static int pass(struct asking *a, struct attempt **ret_answered, struct err *err)
{
    int r = 0;

    *ret_answered = NULL;
    while (r == 0 && a->judged < a->count) {
        struct attempt *done = find_done(a);
        bool more = a->started < a->count;

        if (done && is_over(a, done)) {
            *ret_answered = done->status.code == ERR_NONE ? done : NULL;
            return 0;
        }
        if (!done && more && left_alone(a).ns == 0)
            r = start_next(a, err);
        else if (!done)
            loop_turn(a->cli->loop, more ? left_alone(a) : dur_s(1));
    }
    return r;
}

/* ---- telling --------------------------------------------------------------------------------- */

static int nobody_answers(const struct asking *a, struct err *err)
{
    err_set(err, ERR_UNAVAILABLE, "no coordinator answers at %s: %s", a->cli->endpoints,
            a->failure.msg);
    return err_hint(err,
                    "is switchyard-coordinator running there? Give its address with --endpoints or "
                    "SWITCHYARD_ENDPOINTS; nodes keep serving their last decision meanwhile");
}

static int none_is_able(const struct asking *a, struct err *err)
{
    err_set(err, ERR_UNAVAILABLE, "%s; tried for %.1f s at %s", a->failure.msg,
            (double)a->cli->timeout.ns / 1e9, a->cli->endpoints);
    if (a->failure.hint[0])
        return err_hint(err, "%s", a->failure.hint);
    return err_hint(err, "nothing was done; `switchyard get coordinators` tells who is there");
}

static int unknown_outcome(struct err *err)
{
    return err_hint(err,
                    "the command may or may not have been carried out: look at `switchyard status` "
                    "and `switchyard history` before giving it again");
}

static int too_late(const struct asking *a, struct err *err)
{
    err_set(err, ERR_TIMEOUT, "no answer from %s within %.1f s", a->cli->endpoints,
            (double)a->cli->timeout.ns / 1e9);
    if (a->kind != KIND_READ)
        return unknown_outcome(err);
    return err_hint(err, "wait longer with --timeout, or ask another coordinator with --endpoints");
}

static int tell_failure(const struct asking *a, struct err *err)
{
    enum err_code code = a->failure.code;

    if (code == ERR_TIMEOUT && !a->heard)
        return too_late(a, err);
    if (a->kind != KIND_READ && (code == ERR_UNKNOWN_OUTCOME || code == ERR_CANCELLED)) {
        err_copy(err, &a->failure);
        return a->failure.hint[0] ? -(int)code : unknown_outcome(err);
    }
    if (!a->heard && goes_on(KIND_READ, code))
        return nobody_answers(a, err);
    return code == ERR_UNAVAILABLE ? none_is_able(a, err) : err_copy(err, &a->failure);
}

/* ---- the call -------------------------------------------------------------------------------- */

static enum kind kind_of(const char *method, const ProtobufCMessage *request)
{
    const Switchyard__V1__Command *c = (const Switchyard__V1__Command *)request;

    if (strcmp(method, "Execute") != 0 || c->dry_run)
        return KIND_READ;
    return c->action_case == SWITCHYARD__V1__COMMAND__ACTION_EMERGENCY ? KIND_EMERGENCY
                                                                       : KIND_CHANGE;
}

/* Is there a coordinator that may be able in a moment, and the time to ask it? */
static bool worth_another_pass(const struct asking *a)
{
    return a->lives && goes_on(KIND_READ, a->failure.code) && goes_on(a->kind, a->failure.code) &&
           mono_before(mono_add(now_of(a), dur_ms(PAUSE_MIN_MS + PAUSE_SPAN_MS)), a->until);
}

static int ask(struct asking *a, struct attempt **ret_answered, struct err *err)
{
    struct rng rng;
    int r;

    rng_seed_system(&rng);
    for (;;) {
        a->heard = a->lives = false;
        r = pass(a, ret_answered, err);
        if (r < 0 || *ret_answered || !worth_another_pass(a))
            return r;
        end_pass(a);
        cli_pause(a->cli, dur_ms(PAUSE_MIN_MS + (int64_t)rng_below(&rng, PAUSE_SPAN_MS)));
    }
}

int cli_call(struct cli *c, const char *method, const ProtobufCMessage *request, dur_t extra,
             ProtobufCMessage **ret_reply, struct err *err)
{
    CLEANUP(xfreep) struct asking *a = xnew(struct asking);
    struct attempt *answered = NULL;
    int r;

    a->cli = c;
    a->method = method;
    a->request = request;
    a->kind = kind_of(method, request);
    a->until = mono_add(now_of(a), dur_ns(c->timeout.ns + extra.ns));
    take_endpoints(a);
    r = ask(a, &answered, err);
    if (answered) {
        CHECK(str_copy(str_of(answered->endpoint), c->answered, sizeof c->answered));
        *ret_reply = steal(answered->reply);
    } else if (r == 0) {
        r = tell_failure(a, err);
    }
    end_pass(a);
    return r;
}

void cli_reply_free(ProtobufCMessage *m)
{
    if (m)
        protobuf_c_message_free_unpacked(m, NULL);
}
