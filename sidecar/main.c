/* SPDX-License-Identifier: Apache-2.0 */
/* switchyard-sidecar: options, the parts, run, exit status. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "common/base/log.h"
#include "common/base/units.h"
#include "common/loop/signals.h"
#include "common/rpc/rpc.h"
#include "sidecar/emergency.h"
#include "sidecar/sidecar.h"

/* Exit statuses, as the CLI's: 0 stopped on request, 2 could not run. */
enum { EXIT_DONE = 0, EXIT_NOT_RUN = 2 };

struct options {
    struct sidecar_config sidecar;
    struct name node;
    bool die_with_parent;
};

static const char usage[] =
    "usage: switchyard-sidecar --node NAME --data DIR [options]\n"
    "       switchyard-sidecar emergency --data DIR --reason TEXT [options]\n"
    "\n"
    "Enforces the coordinator's decisions on this node's requests.\n"
    "\n"
    "  --node NAME             unique in the fleet\n"
    "  --data DIR              keeps the last good rule set; one sidecar at a time\n"
    "  --listen ADDR:PORT      where requests come in (127.0.0.1:8080)\n"
    "  --admin ADDR:PORT       answer /healthz, /readyz and /status there (off)\n"
    "  --control ADDR:PORT     take emergency orders from other machines there (off)\n"
    "  --coordinator LIST      host:port[,host:port...] (127.0.0.1:7400)\n"
    "  --labels LIST           cluster=eu-1,zone=a\n"
    "  --threads N             proxy threads (one per core)\n"
    "  --max-connections N     clients at once (20000)\n"
    "  --drain DURATION        longest wait for requests in flight on stop (10s)\n"
    "  --log-level LEVEL       error, warn, info, debug, trace (info)\n"
    "  --die-with-parent       stop when the process that started this one ends\n"
    "  --help, --version\n"
    "\n"
    "SIGTERM stops it after its requests, SIGUSR1 sends everything to legacy until\n"
    "`switchyard rollback --clear`, and so does a file DIR/emergency, which holds the reason.\n";

static const struct option long_options[] = {
    {"node", required_argument, NULL, 'n'},
    {"data", required_argument, NULL, 'd'},
    {"listen", required_argument, NULL, 'l'},
    {"admin", required_argument, NULL, 'a'},
    {"control", required_argument, NULL, 'C'},
    {"coordinator", required_argument, NULL, 'c'},
    {"labels", required_argument, NULL, 'L'},
    {"threads", required_argument, NULL, 't'},
    {"max-connections", required_argument, NULL, 'm'},
    {"drain", required_argument, NULL, 'D'},
    {"log-level", required_argument, NULL, 'v'},
    {"die-with-parent", no_argument, NULL, 'p'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static int take_number(const char *what, const char *text, uint64_t max, unsigned *ret,
                       struct err *err)
{
    uint64_t n;

    if (!str_to_u64(str_of(text), max, &n) || n == 0)
        return err_set(err, ERR_INVALID, "--%s %s is not a number from 1 to %lu", what, text,
                       (unsigned long)max);
    *ret = (unsigned)n;
    return 0;
}

static int take_duration(const char *what, const char *text, dur_t *ret, struct err *err)
{
    int r = unit_parse_duration(str_of(text), ret, err);

    return r < 0 ? err_ctx(err, "--%s %s", what, text) : 0;
}

static int take_node(const char *text, struct name *ret, struct err *err)
{
    int r = name_parse_node(str_of(text), ret, err);

    return r < 0 ? err_ctx(err, "--node") : 0;
}

static int take_level(const char *text, struct err *err)
{
    enum log_level level;

    if (!log_level_parse(text, &level))
        return err_set(err, ERR_INVALID, "--log-level %s: use error, warn, info, debug or trace",
                       text);
    log_set_level(level);
    return 0;
}

/* `given` is the option as typed. */
static int take_option(int c, const char *value, const char *given, struct options *o,
                       struct err *err)
{
    switch (c) {
    case 'n':
        return take_node(value, &o->node, err);
    case 'd':
        o->sidecar.data = value;
        return 0;
    case 'l':
        o->sidecar.proxy.listen = value;
        return 0;
    case 'a':
        o->sidecar.admin = value;
        return 0;
    case 'C':
        o->sidecar.control = value;
        return 0;
    case 'c':
        o->sidecar.coordinators = value;
        return 0;
    case 'L':
        return labels_parse(str_of(value), &o->sidecar.labels, err);
    case 't':
        return take_number("threads", value, PROXY_THREADS_MAX, &o->sidecar.proxy.threads, err);
    case 'm':
        return take_number("max-connections", value, 1000000, &o->sidecar.proxy.max_connections,
                           err);
    case 'D':
        return take_duration("drain", value, &o->sidecar.drain, err);
    case 'v':
        return take_level(value, err);
    case 'p':
        o->die_with_parent = true;
        return 0;
    case 'h':
        fputs(usage, stdout); /* allowed: the program's own help */
        exit(EXIT_DONE);
    case 'V':
        puts("switchyard-sidecar " SWITCHYARD_VERSION); /* allowed: the program's own version */
        exit(EXIT_DONE);
    case ':':
        return err_set(err, ERR_INVALID, "%s needs a value", given);
    default:
        return err_set(err, ERR_INVALID, "unknown option %s", given);
    }
}

static int take_options(int argc, char **argv, struct options *o, struct err *err)
{
    int c, r;

    opterr = 0; /* we say it ourselves */
    while ((c = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
        r = take_option(c, optarg, argv[optind - 1], o, err);
        if (r < 0)
            return r;
    }
    if (optind < argc)
        return err_set(err, ERR_INVALID, "unexpected argument \"%s\"", argv[optind]);
    if (o->node.s[0] == '\0' || !o->sidecar.data)
        return err_set(err, ERR_INVALID, "--node and --data are needed");
    return 0;
}

/* Two descriptors per client, the client's and the upstream's. */
static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* ---- running --------------------------------------------------------------------------------- */

struct run {
    struct loop *loop;
    struct sidecar *sidecar;
    bool stopping;
};

static void on_stopped(void *ctx)
{
    struct run *run = ctx;

    loop_stop(run->loop);
}

static void on_signal(void *ctx, int signo)
{
    struct run *run = ctx;

    if (signo == SIGUSR1) {
        sidecar_emergency(run->sidecar, "signal");
        return;
    }
    log_line(LOG_INFO, LOG_STOPPED, "signal=%d again=%d", signo, run->stopping);
    if (run->stopping)
        loop_stop(run->loop); /* asked twice: do not wait for the drain */
    else
        sidecar_stop(run->sidecar, on_stopped, run);
    run->stopping = true;
}

static const int known_signals[] = {SIGTERM, SIGINT, SIGUSR1, 0};

static int run_sidecar(const struct options *o, struct err *err)
{
    CLEANUP(loop_freep) struct loop *loop = NULL;
    CLEANUP(signals_freep) struct signals *signals = NULL;
    struct run run = {0};
    int r;

    r = loop_new(clock_system, &loop, err);
    if (r < 0)
        return r;
    run.loop = loop;
    r = signals_new(loop, known_signals, on_signal, &run, &signals, err);
    if (r < 0)
        return r;
    r = sidecar_start(&o->sidecar, loop, &run.sidecar, err);
    if (r < 0)
        return r;
    loop_run(loop);
    sidecar_free(run.sidecar);
    return 0;
}

int main(int argc, char **argv)
{
    struct options o = {
        .sidecar = {.coordinators = "127.0.0.1:7400",
                    .proxy = {.listen = "127.0.0.1:8080", .max_body_bytes = PROXY_MAX_BODY_BYTES},
                    .drain = dur_s(10)}};
    struct err err = {0};
    int r;

    if (argc > 1 && strcmp(argv[1], "emergency") == 0)
        return emergency_run(argc - 1, argv + 1);
    r = take_options(argc, argv, &o, &err);
    if (r < 0) {
        /* allowed: before the log has a context */
        fprintf(stderr, "error: %s\nhint: %s\n", err.msg,
                err.hint[0] ? err.hint : "`switchyard-sidecar --help` lists the options");
        return EXIT_NOT_RUN;
    }
    o.sidecar.node = o.node.s;
    log_set_context("program=sidecar node=%s", o.node.s);
    signals_block(known_signals);
    signal(SIGPIPE, SIG_IGN);
    raise_file_limit();
    if (o.die_with_parent)
        prctl(PR_SET_PDEATHSIG, SIGTERM);
    rpc_start();
    r = run_sidecar(&o, &err);
    rpc_shutdown();
    if (r < 0) {
        log_err(LOG_ERROR, LOG_STOPPED, &err, "status=failed");
        return EXIT_NOT_RUN;
    }
    log_line(LOG_INFO, LOG_STOPPED, "status=done");
    return EXIT_DONE;
}
