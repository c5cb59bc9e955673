/* SPDX-License-Identifier: Apache-2.0 */
/* switchyard-coordinator: options, the parts, the run, the exit status. */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/atomic_file.h"
#include "common/base/log.h"
#include "common/base/options.h"
#include "common/base/units.h"
#include "common/loop/signals.h"
#include "common/rpc/rpc.h"
#include "coordinator/check/keeper.h"
#include "coordinator/coordinator.h"
#include "coordinator/election/election.h"

#define EXIT_COULD_NOT_RUN 2
#define STOP_GRACE_S       2
#define PASSWORD_MAX       512

struct program {
    struct coordinator_config config;
    const char *store;
    struct store_etcd_config etcd;
    struct buf password; /* of etcd's user */
    struct buf secret;   /* that webhooks are signed with */
    char host[256];
    struct loop *loop;
    struct coordinator *coordinator;
    bool ready;
    bool stopping;
    int signal; /* that ended it */
    int status;
};

/* ---- options --------------------------------------------------------------------------------- */

static int set_id(void *to, const char *value, struct err *err)
{
    struct program *p = to;
    struct name id;

    p->config.id = value;
    return name_parse_node(str_of(value), &id, err);
}

static int set_lease_ttl(void *to, const char *value, struct err *err)
{
    struct program *p = to;
    int r = unit_parse_duration(str_of(value), &p->config.lease_ttl, err);

    if (r < 0)
        return r;
    if (p->config.lease_ttl.ns % dur_s(1).ns != 0 ||
        p->config.lease_ttl.ns < dur_s(ELECTION_TTL_MIN_S).ns ||
        p->config.lease_ttl.ns > dur_s(STORE_LEASE_MAX_S).ns)
        return err_set(err, ERR_INVALID, "\"%s\" is not between %ds and %ds, in whole seconds",
                       value, ELECTION_TTL_MIN_S, STORE_LEASE_MAX_S);
    return 0;
}

static int set_store(void *to, const char *value, struct err *err)
{
    struct program *p = to;

    p->store = value;
    if (strcmp(value, "sqlite") != 0 && strcmp(value, "etcd") != 0 && strcmp(value, "memory") != 0)
        return err_set(err, ERR_INVALID, "unknown store \"%s\": sqlite, etcd or memory", value);
    return 0;
}

/* From a file, because a command line is for everybody to see. Its first line counts. */
static int read_secret(const char *path, struct buf *ret, struct err *err)
{
    struct str line, rest;
    int r;

    buf_clear(ret);
    r = file_read(path, ret, err);
    if (r < 0)
        return r;
    str_cut(buf_view(ret), '\n', &line, &rest);
    ret->len = line.n;
    if (line.n == 0)
        return err_set(err, ERR_INVALID, "%s has nothing in its first line", path);
    ret->data[line.n] = '\0';
    return 0;
}

static int set_etcd_password_file(void *to, const char *value, struct err *err)
{
    struct program *p = to;
    int r = read_secret(value, &p->password, err);

    if (r < 0)
        return r;
    p->etcd.password = p->password.data;
    return 0;
}

static int add_webhook(void *to, const char *value, struct err *err)
{
    struct notify_config *n = &((struct program *)to)->config.webhooks;

    if (n->count == NOTIFY_HOOKS_MAX)
        return err_set(err, ERR_INVALID, "there are %u webhooks already", NOTIFY_HOOKS_MAX);
    n->url[n->count++] = value;
    return notify_check_url(value, err);
}

static int set_webhook_secret(void *to, const char *value, struct err *err)
{
    struct program *p = to;
    int r = read_secret(value, &p->secret, err);

    if (r == 0)
        p->config.webhooks.secret = buf_view(&p->secret);
    return r;
}

static int set_webhook_events(void *to, const char *value, struct err *err)
{
    struct notify_config *n = &((struct program *)to)->config.webhooks;
    struct str word, rest = str_of(value);
    enum event_kind kind;

    do {
        str_cut(rest, ',', &word, &rest);
        if (!event_kind_parse(word, &kind))
            return err_set(err, ERR_INVALID, "there are no events of kind \"%.*s\"",
                           word.n < NAME_SIZE ? (int)word.n : NAME_SIZE, word.p);
        n->kinds |= UINT64_C(1) << kind;
    } while (rest.n > 0);
    return 0;
}

static int set_die_with_parent(void *to UNUSED, const char *value UNUSED, struct err *err)
{
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
        return err_errno(err, errno, "prctl");
    return 0;
}

static const struct option_row options[] = {
    {"listen", "ADDR", "address for the CLI and the sidecars (default 127.0.0.1:7400)",
     OPTION_INTO(option_text, program, config.listen)},
    {"data", "DIR",
     "where the state is kept, if not in etcd, and the journal of emergency orders (default "
     "./switchyard-data)",
     OPTION_INTO(option_text, program, config.data_dir)},
    {"admin", "ADDR", "answer /healthz, /readyz and /metrics there (off)",
     OPTION_INTO(option_text, program, config.admin)},
    {"id", "NAME", "among the coordinators on one etcd (default: the host's name)", set_id, 0},
    {"advertise", "ADDR", "where the others and the CLI reach it (default: as --listen)",
     OPTION_INTO(option_text, program, config.advertise)},
    {"lease-ttl", "TIME", "another one leads this long after a leader died (default 5s)",
     set_lease_ttl, 0},
    {"store", "KIND", "sqlite (default), etcd, or memory: lost with the process", set_store, 0},
    {"etcd-endpoints", "LIST", "http://HOST:2379,...: all members",
     OPTION_INTO(option_text, program, etcd.endpoints)},
    {"etcd-prefix", "/NAME", "in front of all keys, when an etcd is shared",
     OPTION_INTO(option_text, program, etcd.space)},
    {"etcd-ca", "FILE", "whom to trust about https endpoints (default: as the system does)",
     OPTION_INTO(option_text, program, etcd.ca)},
    {"etcd-cert", "FILE", "client certificate for etcd",
     OPTION_INTO(option_text, program, etcd.cert)},
    {"etcd-key", "FILE", "its key", OPTION_INTO(option_text, program, etcd.key)},
    {"etcd-user", "NAME", "user of etcd", OPTION_INTO(option_text, program, etcd.user)},
    {"etcd-password-file", "FILE", "its password, in the first line", set_etcd_password_file, 0},
    {"webhook", "URL", "post every event there, http or https; up to 8 of them", add_webhook, 0},
    {"webhook-secret", "FILE", "sign what is posted with its first line", set_webhook_secret, 0},
    {"webhook-events", "KINDS", "post these kinds only, separated by commas", set_webhook_events,
     0},
    {"restored", NULL, "once, on a store put back from a copy: nodes must take it again",
     OPTION_INTO(option_flag, program, config.restored)},
    {"node-grace", "TIME", "a node that left counts as lagging this long (default 30s)",
     OPTION_INTO(option_duration, program, config.core.node_grace)},
    {"startup-grace", "TIME", "nothing moves on by itself this long after a start (default 5s)",
     OPTION_INTO(option_duration, program, config.core.startup_grace)},
    {"report-silence", "TIME", "a node that is silent longer is cut off (default 10s)",
     OPTION_INTO(option_duration, program, config.report_silence)},
    {"allow-commands", NULL, "plans may run hooks and commands on this machine, as this user",
     OPTION_INTO(option_flag, program, config.allow_commands)},
    {"log-level", "LEVEL", "error, warn, info (default), debug or trace", option_log_level, 0},
    {"die-with-parent", NULL, "stop when the process that started this one ends",
     set_die_with_parent, 0},
    {.name = NULL},
};

static void print_help(void)
{
    CLEANUP(buf_deinitp) struct buf lines = BUF_INIT(8192);

    options_help(options, &lines);
    printf(
        "usage: switchyard-coordinator [--listen ADDR] [--data DIR] [OPTION...]\n\n"
        "Keeps the state of every migration and pushes decisions to the sidecars.\n\n%s\n"
        "The environment stands in for an option: SWITCHYARD_COORDINATOR_LEASE_TTL=10s.\n",
        buf_text(&lines));
}

/* The others cannot reach an address that stands for all of a machine's. */
static int check_address(const struct program *p, struct err *err)
{
    const char *address = p->config.advertise ? p->config.advertise : p->config.listen;

    if (!str_starts(str_of(address), STR("0.0.0.0:")) && !str_starts(str_of(address), STR("[::]:")))
        return 0;
    err_set(err, ERR_INVALID, "%s is no address that the other coordinators can reach", address);
    return err_hint(err, "add --advertise HOST:PORT");
}

/* What only makes sense together. */
static int choose_store(struct program *p, struct err *err)
{
    static const struct store_etcd_config none;

    if (strcmp(p->store, "etcd") == 0) {
        if (!p->etcd.endpoints)
            return err_set(err, ERR_INVALID, "--store etcd needs --etcd-endpoints LIST");
        p->config.etcd = &p->etcd;
        return check_address(p, err);
    }
    if (strcmp(p->store, "memory") == 0)
        p->config.data_dir = NULL;
    if (memcmp(&p->etcd, &none, sizeof none) != 0)
        return err_set(err, ERR_INVALID, "the options --etcd-... go with --store etcd");
    return 0;
}

/* As options_parse(), which it is with what belongs together. */
static int parse_options(struct program *p, int argc, char **argv, struct err *err)
{
    int r = options_parse(options, argc, argv, p, err);

    if (r == 0)
        r = options_environment(options, "SWITCHYARD_COORDINATOR_", argc, argv, getenv, p, err);
    if (r == OPTIONS_HELP)
        print_help();
    else if (r == OPTIONS_VERSION)
        puts("switchyard-coordinator " SWITCHYARD_VERSION);
    else if (r == 0 && p->config.restored && strcmp(p->store, "memory") == 0)
        r = err_set(err, ERR_INVALID, "--restored: a store in memory was never put back");
    return r == 0 ? choose_store(p, err) : r;
}

/* The host's name, if it can be an id: in lower case, without its domain. */
static void default_id(struct program *p)
{
    struct str first, rest;
    struct name id;

    if (p->config.id || gethostname(p->host, sizeof(p->host) - 1) < 0)
        return;
    str_cut(str_of(p->host), '.', &first, &rest);
    p->host[first.n] = '\0';
    for (char *c = p->host; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    if (name_parse_node(str_of(p->host), &id, NULL) == 0)
        p->config.id = p->host;
}

/* A descriptor per node, and most shells give 1024. */
static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* Better ended, and started again by who supervises it, than alive and never answering: nothing
 * that was acknowledged is lost, and nodes serve on. */
static void on_deaf(const char *why)
{
    struct err err;

    err_set(&err, ERR_EXHAUSTED, "no connection can be taken any more: %s", why);
    err_hint(&err, "allow it more open files (LimitNOFILE=, ulimit -Hn), then start it again");
    log_err(LOG_ERROR, LOG_STOPPED, &err, "status=failed");
    _Exit(EXIT_COULD_NOT_RUN);
}

/* ---- the run --------------------------------------------------------------------------------- */

static void on_ready(void *ctx, int r, const struct err *err)
{
    struct program *p = ctx;

    if (r == 0) {
        p->ready = true;
        log_line(LOG_INFO, LOG_STARTED, "version=%s listen=%s port=%d admin_port=%u store=%s id=%s",
                 SWITCHYARD_VERSION, LOGQ(p->config.listen), coordinator_port(p->coordinator),
                 coordinator_admin_port(p->coordinator), p->store,
                 LOGQ(p->config.id ? p->config.id : ""));
        return;
    }
    log_err(LOG_ERROR, LOG_STOPPED, err, "status=failed");
    p->status = EXIT_COULD_NOT_RUN;
    loop_stop(p->loop);
}

static void on_stopped(void *ctx)
{
    struct program *p = ctx;

    log_line(LOG_INFO, LOG_STOPPED, "signal=%d", p->signal);
    loop_stop(p->loop);
}

static const struct coordinator_events events = {.on_ready = on_ready, .on_stopped = on_stopped};

/* The second signal does not wait for open calls. */
static void on_signal(void *ctx, int signo)
{
    struct program *p = ctx;

    p->signal = signo;
    if (p->stopping)
        _Exit(EXIT_COULD_NOT_RUN);
    p->stopping = true;
    if (p->ready)
        coordinator_stop(p->coordinator, dur_s(STOP_GRACE_S));
    else
        loop_stop(p->loop);
}

static const int handled_signals[] = {SIGINT, SIGTERM, 0};

static int run(struct program *p, struct err *err)
{
    CLEANUP(loop_freep) struct loop *loop = NULL;
    CLEANUP(signals_freep) struct signals *signals = NULL;
    CLEANUP(coordinator_freep) struct coordinator *coordinator = NULL;
    int r = loop_new(clock_system, &loop, err);

    if (r == 0)
        r = signals_new(loop, handled_signals, on_signal, p, &signals, err);
    if (r == 0)
        r = coordinator_new(&p->config, loop, &events, p, &coordinator, err);
    if (r < 0)
        return r;
    p->loop = loop;
    p->coordinator = coordinator;
    loop_run(loop);
    return 0;
}

static void complain(const struct err *err)
{
    fprintf(stderr, "switchyard-coordinator: %s\n", err->msg);
    if (err->hint[0])
        fprintf(stderr, "hint: %s\n", err->hint);
}

static void program_deinit(struct program *p)
{
    if (p->password.data)
        explicit_bzero(p->password.data, p->password.len);
    if (p->secret.data)
        explicit_bzero(p->secret.data, p->secret.len);
    buf_deinit(&p->password);
    buf_deinit(&p->secret);
}

int main(int argc, char **argv)
{
    CLEANUP(program_deinit)
    struct program p = {
        .config = {.listen = "127.0.0.1:7400", .data_dir = "switchyard-data"},
        .store = "sqlite",
        .password = BUF_INIT(PASSWORD_MAX),
        .secret = BUF_INIT(NOTIFY_SECRET_MAX),
    };
    struct err err;
    int r = parse_options(&p, argc, argv, &err);

    if (r > 0)
        return EXIT_SUCCESS;
    if (r == 0) {
        default_id(&p);
        raise_file_limit();
        signals_block(handled_signals);
        signal(SIGPIPE, SIG_IGN);
        log_set_context("program=coordinator");
        rpc_on_deaf(on_deaf);
        r = p.config.allow_commands ? keeper_start(&err) : 0;
    }
    if (r == 0) {
        rpc_start();
        r = run(&p, &err);
        rpc_shutdown();
    }
    if (r < 0) {
        complain(&err);
        return EXIT_COULD_NOT_RUN;
    }
    return p.status;
}
