/* SPDX-License-Identifier: Apache-2.0 */
/* switchyard-sidecar: options, the parts, run, exit status. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "common/base/log.h"
#include "common/base/options.h"
#include "common/loop/signals.h"
#include "common/rpc/rpc.h"
#include "sidecar/emergency.h"
#include "sidecar/proxy/access_log.h"
#include "sidecar/sidecar.h"

/* Exit statuses, as the CLI's: 0 stopped on request, 2 could not run. */
enum { EXIT_DONE = 0, EXIT_NOT_RUN = 2 };

struct options {
    struct sidecar_config sidecar;
    struct name node;
    bool die_with_parent;
};

static int take_node(void *to, const char *value, struct err *err)
{
    return name_parse_node(str_of(value), to, err);
}

static int take_labels(void *to, const char *value, struct err *err)
{
    return labels_parse(str_of(value), to, err);
}

static int take_threads(void *to, const char *value, struct err *err)
{
    return option_number(value, PROXY_THREADS_MAX, to, err);
}

static int take_connections(void *to, const char *value, struct err *err)
{
    return option_number(value, 1000000, to, err);
}

static int take_rate(void *to, const char *value, struct err *err)
{
    uint64_t rate;

    if (!str_to_u64(str_of(value), 1000000000, &rate))
        return err_set(err, ERR_INVALID, "\"%s\" is no number from 0 to 1000000000", value);
    *(uint32_t *)to = (uint32_t)rate;
    return 0;
}

static int take_forwarded(void *to, const char *value, struct err *err)
{
    static const char *const words[] = {
        [PROXY_FORWARDED_APPEND] = "append",
        [PROXY_FORWARDED_REPLACE] = "replace",
        [PROXY_FORWARDED_OFF] = "off",
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(value, words[i]) == 0) {
            *(enum proxy_forwarded *)to = (enum proxy_forwarded)i;
            return 0;
        }
    }
    return err_set(err, ERR_INVALID, "\"%s\" is none of append, replace and off", value);
}

static int take_certificate(void *to, const char *value, struct err *err)
{
    struct tls_server_config *tls = to;

    if (tls->pair_count == TLS_PAIRS_MAX)
        return err_set(err, ERR_INVALID, "more than %d: put them into a folder, --tls-certs",
                       TLS_PAIRS_MAX);
    tls->pair[tls->pair_count++] = (struct tls_pair){.cert = value};
    return 0;
}

static int take_key(void *to, const char *value, struct err *err)
{
    struct tls_server_config *tls = to;

    if (tls->pair_count == 0 || tls->pair[tls->pair_count - 1].key)
        return err_set(err, ERR_INVALID, "a key follows its --tls-cert");
    tls->pair[tls->pair_count - 1].key = value;
    return 0;
}

/* "5%", "0.1%", "1/100" */
static int take_sample(void *to, const char *value, struct err *err)
{
    struct str text = str_of(value), rest;
    uint32_t *sample = to;
    uint64_t one_of;
    double percent;

    if (str_starts(text, STR("1/")) && str_to_u64(str_of(value + 2), ACCESS_ALL, &one_of) &&
        one_of > 0)
        *sample = (uint32_t)(ACCESS_ALL / one_of);
    else if (text.n > 1 && text.p[text.n - 1] == '%' && str_cut(text, '%', &text, &rest) &&
             str_to_decimal(text, &percent) && percent <= 100)
        *sample = (uint32_t)(percent * ACCESS_ALL / 100);
    else
        return err_set(err, ERR_INVALID, "\"%s\" is no share: write it as 5%% or 1/100", value);
    return 0;
}

static const struct option_row table[] = {
    {"node", "NAME", "unique in the fleet", OPTION_INTO(take_node, options, node)},
    {"data", "DIR", "keeps the last good rule set; one sidecar at a time",
     OPTION_INTO(option_text, options, sidecar.data)},
    {"listen", "ADDR:PORT", "where requests come in (127.0.0.1:8080)",
     OPTION_INTO(option_text, options, sidecar.proxy.listen)},
    {"tls-listen", "ADDR:PORT", "where requests come in by TLS (off)",
     OPTION_INTO(option_text, options, sidecar.proxy.tls_listen)},
    {"tls-cert", "FILE", "certificate for it in PEM, with its chain; once for each name to serve",
     OPTION_INTO(take_certificate, options, sidecar.tls)},
    {"tls-key", "FILE", "the key of the --tls-cert before it, unless that file holds it",
     OPTION_INTO(take_key, options, sidecar.tls)},
    {"tls-certs", "DIR", "in place of these: each NAME.crt or NAME.pem in it, with NAME.key",
     OPTION_INTO(option_text, options, sidecar.tls.dir)},
    {"tls-client-ca", "FILE", "clients must show a certificate that one of these has signed (off)",
     OPTION_INTO(option_text, options, sidecar.tls.client_ca)},
    {"admin", "ADDR:PORT", "answer /healthz, /readyz, /status and /metrics there (off)",
     OPTION_INTO(option_text, options, sidecar.admin)},
    {"decide", "ADDR:PORT", "tell other proxies there where a request shall go (off)",
     OPTION_INTO(option_text, options, sidecar.proxy.edge)},
    {"control", "ADDR:PORT", "take emergency orders from other machines there (off)",
     OPTION_INTO(option_text, options, sidecar.control)},
    {"access-log", "FILE", "a line of JSON per request; \"-\": to standard output (off)",
     OPTION_INTO(option_text, options, sidecar.access_log)},
    {"access-log-sample", "SHARE",
     "of the requests that go well: 5%, 1/100 (100%); failed ones always",
     OPTION_INTO(take_sample, options, sidecar.access_sample)},
    {"access-log-query", NULL, "paths with what follows the question mark",
     OPTION_INTO(option_flag, options, sidecar.access_query)},
    {"coordinator", "LIST",
     "host:port[,host:port...]; the next one when one fails (127.0.0.1:7400)",
     OPTION_INTO(option_text, options, sidecar.coordinators)},
    {"labels", "LIST", "cluster=eu-1,zone=a", OPTION_INTO(take_labels, options, sidecar.labels)},
    {"threads", "N", "proxy threads (one per core)",
     OPTION_INTO(take_threads, options, sidecar.proxy.threads)},
    {"max-connections", "N", "clients at once (20000)",
     OPTION_INTO(take_connections, options, sidecar.proxy.max_connections)},
    {"min-rate", "BYTES",
     "a second: clients that send a body or take an answer more slowly are cut (100; 0: off)",
     OPTION_INTO(take_rate, options, sidecar.proxy.min_rate)},
    {"tunnel-idle", "DURATION", "a WebSocket or the like that is silent for so long ends (1h)",
     OPTION_INTO(option_duration, options, sidecar.proxy.tunnel_idle)},
    {"tunnel-drain", "DURATION",
     "tunnels and streams that a rollback takes away end spread over this (30s)",
     OPTION_INTO(option_duration, options, sidecar.proxy.tunnel_drain)},
    {"resolver", "ADDR:PORT", "ask this DNS server for names of systems (/etc/resolv.conf)",
     OPTION_INTO(option_text, options, sidecar.proxy.resolver)},
    {"forwarded", "HOW", "append to, replace or leave (off) X-Forwarded-* of requests (append)",
     OPTION_INTO(take_forwarded, options, sidecar.proxy.forwarded)},
    {"via", NULL, "add \"1.1 switchyard\" to the Via of requests",
     OPTION_INTO(option_flag, options, sidecar.proxy.via)},
    {"drain", "DURATION", "longest wait for requests in flight on stop (10s)",
     OPTION_INTO(option_duration, options, sidecar.drain)},
    {"log-level", "LEVEL", "error, warn, info, debug, trace (info)", option_log_level, 0},
    {"die-with-parent", NULL, "stop when the process that started this one ends",
     OPTION_INTO(option_flag, options, die_with_parent)},
    {.name = NULL},
};

static void print_help(void)
{
    CLEANUP(buf_deinitp) struct buf lines = BUF_INIT(8192);

    options_help(table, &lines);
    printf(/* allowed: the program's own help */
           "usage: switchyard-sidecar --node NAME --data DIR [options]\n"
           "       switchyard-sidecar emergency --data DIR --reason TEXT [options]\n"
           "\n"
           "Enforces the coordinator's decisions on this node's requests.\n"
           "\n"
           "%s"
           "\n"
           "The environment stands in for an option: SWITCHYARD_SIDECAR_LABELS=cluster=eu-1.\n"
           "\n"
           "SIGTERM stops it after its requests, SIGUSR1 sends everything to legacy until\n"
           "`switchyard rollback --clear`, and so does a file DIR/emergency, which holds the "
           "reason.\nSIGHUP opens the access log anew and reads the certificates anew.\n",
           buf_text(&lines));
}

static int check_tls(const struct sidecar_config *c, struct err *err)
{
    bool has_certs = c->tls.dir || c->tls.pair_count > 0;

    if (c->tls.dir && c->tls.pair_count > 0)
        return err_set(err, ERR_INVALID, "--tls-cert and --tls-certs exclude each other");
    if (c->proxy.tls_listen && !has_certs)
        return err_set(err, ERR_INVALID, "--tls-listen needs --tls-cert or --tls-certs");
    if (!c->proxy.tls_listen && (has_certs || c->tls.client_ca))
        return err_set(err, ERR_INVALID, "certificates need --tls-listen: where to serve them");
    return 0;
}

/* As options_parse(), which it is with what is needed besides. */
static int take_options(int argc, char **argv, struct options *o, struct err *err)
{
    int r = options_parse(table, argc, argv, o, err);

    if (r == 0)
        r = options_environment(table, "SWITCHYARD_SIDECAR_", argc, argv, getenv, o, err);
    if (r == OPTIONS_HELP)
        print_help();
    else if (r == OPTIONS_VERSION)
        puts("switchyard-sidecar " SWITCHYARD_VERSION); /* allowed: the program's own version */
    else if (r == 0 && (o->node.s[0] == '\0' || !o->sidecar.data))
        return err_set(err, ERR_INVALID, "--node and --data are needed");
    else if (r == 0)
        return check_tls(&o->sidecar, err);
    return r;
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

    if (signo == SIGHUP) {
        sidecar_reopen(run->sidecar);
        return;
    }
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

static const int known_signals[] = {SIGTERM, SIGINT, SIGUSR1, SIGHUP, 0};

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
    struct options o = {.sidecar = {.coordinators = "127.0.0.1:7400",
                                    .proxy = {.listen = "127.0.0.1:8080",
                                              .max_body_bytes = PROXY_MAX_BODY_BYTES,
                                              .min_rate = PROXY_MIN_RATE},
                                    .tls = {.alpn = "h2,http/1.1"},
                                    .access_sample = ACCESS_ALL,
                                    .drain = dur_s(10)}};
    struct err err = {0};
    int r;

    if (argc > 1 && strcmp(argv[1], "emergency") == 0)
        return emergency_run(argc - 1, argv + 1);
    r = take_options(argc, argv, &o, &err);
    if (r > 0)
        return EXIT_DONE;
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
