/* SPDX-License-Identifier: Apache-2.0 */
/* switchyard-coordinator: options, the parts, the run, the exit status. */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/atomic_file.h"
#include "common/base/log.h"
#include "common/base/units.h"
#include "common/loop/signals.h"
#include "common/rpc/rpc.h"
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
    char host[256];
    struct loop *loop;
    struct coordinator *coordinator;
    bool ready;
    bool stopping;
    int signal; /* that ended it */
    int status;
};

/* ---- options --------------------------------------------------------------------------------- */

static int set_listen(struct program *p, const char *value, struct err *err UNUSED)
{
    p->config.listen = value;
    return 0;
}

static int set_data(struct program *p, const char *value, struct err *err UNUSED)
{
    p->config.data_dir = value;
    return 0;
}

static int set_id(struct program *p, const char *value, struct err *err)
{
    struct name id;

    p->config.id = value;
    return name_parse_node(str_of(value), &id, err);
}

static int set_advertise(struct program *p, const char *value, struct err *err UNUSED)
{
    p->config.advertise = value;
    return 0;
}

static int set_lease_ttl(struct program *p, const char *value, struct err *err)
{
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

static int set_store(struct program *p, const char *value, struct err *err)
{
    p->store = value;
    if (strcmp(value, "sqlite") != 0 && strcmp(value, "etcd") != 0 && strcmp(value, "memory") != 0)
        return err_set(err, ERR_INVALID, "unknown store \"%s\": sqlite, etcd or memory", value);
    return 0;
}

static int set_etcd_endpoints(struct program *p, const char *value, struct err *err UNUSED)
{
    p->etcd.endpoints = value;
    return 0;
}

static int set_etcd_prefix(struct program *p, const char *value, struct err *err UNUSED)
{
    p->etcd.space = value;
    return 0;
}

static int set_etcd_ca(struct program *p, const char *value, struct err *err UNUSED)
{
    p->etcd.ca = value;
    return 0;
}

static int set_etcd_cert(struct program *p, const char *value, struct err *err UNUSED)
{
    p->etcd.cert = value;
    return 0;
}

static int set_etcd_key(struct program *p, const char *value, struct err *err UNUSED)
{
    p->etcd.key = value;
    return 0;
}

static int set_etcd_user(struct program *p, const char *value, struct err *err UNUSED)
{
    p->etcd.user = value;
    return 0;
}

/* From a file, because a command line is for everybody to see. Its first line counts. */
static int set_etcd_password_file(struct program *p, const char *value, struct err *err)
{
    struct str line, rest;
    int r;

    buf_clear(&p->password);
    r = file_read(value, &p->password, err);
    if (r < 0)
        return r;
    str_cut(buf_view(&p->password), '\n', &line, &rest);
    p->password.len = line.n;
    if (line.n == 0)
        return err_set(err, ERR_INVALID, "%s has no password in its first line", value);
    p->password.data[line.n] = '\0';
    p->etcd.password = p->password.data;
    return 0;
}

static int set_log_level(struct program *p UNUSED, const char *value, struct err *err)
{
    enum log_level level;

    if (!log_level_parse(value, &level))
        return err_set(err, ERR_INVALID,
                       "unknown log level \"%s\": error, warn, info, debug, trace", value);
    log_set_level(level);
    return 0;
}

static int set_node_grace(struct program *p, const char *value, struct err *err)
{
    return unit_parse_duration(str_of(value), &p->config.core.node_grace, err);
}

static int set_startup_grace(struct program *p, const char *value, struct err *err)
{
    return unit_parse_duration(str_of(value), &p->config.core.startup_grace, err);
}

static int set_report_silence(struct program *p, const char *value, struct err *err)
{
    return unit_parse_duration(str_of(value), &p->config.report_silence, err);
}

static int set_restored(struct program *p, const char *value UNUSED, struct err *err UNUSED)
{
    p->config.restored = true;
    return 0;
}

static int set_die_with_parent(struct program *p UNUSED, const char *value UNUSED, struct err *err)
{
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
        return err_errno(err, errno, "prctl");
    return 0;
}

/* One line per option; parsing and --help are made from it. */
static const struct {
    const char *name, *value, *help;
    int (*set)(struct program *p, const char *value, struct err *err);
} options[] = {
    {"listen", "ADDR", "address for the CLI and the sidecars (default 127.0.0.1:7400)", set_listen},
    {"data", "DIR",
     "where the state is kept, if not in etcd, and the journal of emergency\n"
     "                           orders (default ./switchyard-data)",
     set_data},
    {"id", "NAME", "among the coordinators on one etcd (default: the host's name)", set_id},
    {"advertise", "ADDR", "where the others and the CLI reach it (default: as --listen)",
     set_advertise},
    {"lease-ttl", "TIME", "another one leads this long after a leader died (default 5s)",
     set_lease_ttl},
    {"store", "KIND", "sqlite (default), etcd, or memory: lost with the process", set_store},
    {"etcd-endpoints", "LIST", "http://HOST:2379,...: all members", set_etcd_endpoints},
    {"etcd-prefix", "/NAME", "in front of all keys, when an etcd is shared", set_etcd_prefix},
    {"etcd-ca", "FILE", "whom to trust about https endpoints (default: as the system does)",
     set_etcd_ca},
    {"etcd-cert", "FILE", "client certificate for etcd", set_etcd_cert},
    {"etcd-key", "FILE", "its key", set_etcd_key},
    {"etcd-user", "NAME", "user of etcd", set_etcd_user},
    {"etcd-password-file", "FILE", "its password, in the first line", set_etcd_password_file},
    {"restored", NULL, "once, on a store put back from a copy: nodes must take it again",
     set_restored},
    {"node-grace", "TIME", "a node that left counts as lagging this long (default 30s)",
     set_node_grace},
    {"startup-grace", "TIME", "nothing moves on by itself this long after a start (default 5s)",
     set_startup_grace},
    {"report-silence", "TIME", "a node that is silent longer is cut off (default 10s)",
     set_report_silence},
    {"log-level", "LEVEL", "error, warn, info (default), debug or trace", set_log_level},
    {"die-with-parent", NULL, "stop when the process that started this one ends",
     set_die_with_parent},
    {"help", NULL, "print this and exit", NULL},
    {"version", NULL, "print the version and exit", NULL},
};

static void print_help(void)
{
    puts(
        "usage: switchyard-coordinator [--listen ADDR] [--data DIR] [OPTION...]\n\n"
        "Keeps the state of every migration and pushes decisions to the sidecars.\n");
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        char form[40];

        str_fmt(form, sizeof(form), "--%s %s", options[i].name,
                options[i].value ? options[i].value : "");
        printf("  %-24s %s\n", form, options[i].help);
    }
}

/* Returns 1 when the program has nothing more to do. */
static int take_option(struct program *p, size_t i, const char *value, struct err *err)
{
    if (options[i].set) {
        int r = options[i].set(p, value, err);

        return r < 0 ? err_ctx(err, "--%s", options[i].name) : 0;
    }
    if (strcmp(options[i].name, "help") == 0)
        print_help();
    else
        puts("switchyard-coordinator " SWITCHYARD_VERSION);
    return 1;
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

static int parse_options(struct program *p, int argc, char **argv, struct err *err)
{
    struct option table[ARRAY_LEN(options) + 1] = {{.name = NULL}};
    int r = 0;

    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        table[i] = (struct option){options[i].name, options[i].value != NULL, NULL, (int)i + 1};
    opterr = 0;
    while (r == 0) {
        int found = getopt_long(argc, argv, ":", table, NULL);

        if (found == -1)
            break;
        if (found == ':')
            return err_set(err, ERR_INVALID, "%s needs a value", argv[optind - 1]);
        if (found == '?')
            return err_set(err, ERR_INVALID, "unknown option %s", argv[optind - 1]);
        r = take_option(p, (size_t)found - 1, optarg, err);
    }
    if (r == 0 && optind < argc)
        r = err_set(err, ERR_INVALID, "unexpected word \"%s\"", argv[optind]);
    if (r == 0 && p->config.restored && strcmp(p->store, "memory") == 0)
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
        log_line(LOG_INFO, LOG_STARTED, "version=%s listen=%s port=%d store=%s id=%s",
                 SWITCHYARD_VERSION, LOGQ(p->config.listen), coordinator_port(p->coordinator),
                 p->store, LOGQ(p->config.id ? p->config.id : ""));
        return;
    }
    log_err(LOG_ERROR, LOG_STOPPED, err, "program=coordinator");
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
    buf_deinit(&p->password);
}

int main(int argc, char **argv)
{
    CLEANUP(program_deinit)
    struct program p = {
        .config = {.listen = "127.0.0.1:7400", .data_dir = "switchyard-data"},
        .store = "sqlite",
        .password = BUF_INIT(PASSWORD_MAX),
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
