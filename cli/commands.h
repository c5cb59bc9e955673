/* SPDX-License-Identifier: Apache-2.0 */
/* THE table of commands: parsing, help on every level, completion and the reference page are made
 * from it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

/* Every option of every command. An option means the same and takes the same kind of value
 * everywhere, so options and names can stand in any order, also before the command. X(ID, long
 * name, short name or 0, value's name or NULL, help) */
#define CLI_OPTIONS(X)                                                                             \
    X(ENDPOINTS, "endpoints", 0, "LIST",                                                           \
      "coordinators, host:port[,host:port...] (127.0.0.1:7400)")                                   \
    X(OUTPUT, "output", 'o', "FORMAT", "table, json or yaml (table)")                              \
    X(TIMEOUT, "timeout", 0, "DURATION", "longest wait for an answer (10s)")                       \
    X(OPERATOR, "operator", 0, "NAME", "who gives the order, recorded (the login name)")           \
    X(HELP, "help", 'h', NULL, "tell about this command")                                          \
    X(VERSION, "version", 0, NULL, "print the version")                                            \
    X(DRY_RUN, "dry-run", 0, NULL, "tell what would change, change nothing")                       \
    X(REASON, "reason", 0, "TEXT", "why, recorded in the history")                                 \
    X(NO_WAIT, "no-wait", 0, NULL, "do not wait until every node serves the decision")             \
    X(WAIT, "wait", 0, "DURATION", "longest wait for the nodes (10s)")                             \
    X(FILE, "file", 'f', "FILE", "the plan, YAML or JSON; - for standard input")                   \
    X(ENV, "env", 0, "NAME", "the environment whose overlay is laid over the plan")                \
    X(WATCH, "watch", 'w', NULL, "show again each second until Ctrl-C")                            \
    X(TO, "to", 0, "STAGE", "number or name of the stage; 0 is before the first")                  \
    X(EMERGENCY, "emergency", 0, NULL, "everything to legacy, now; holds until it is cleared")     \
    X(DIRECT, "direct", 0, "LIST", "order these nodes themselves: names, addresses, or all")       \
    X(FLEET_FILE, "fleet-file", 0, "FILE", "the same, from what `get nodes -o json` printed")      \
    X(CLEAR, "clear", 0, NULL, "lift an emergency order; the weight stays 0")                      \
    X(ALL, "all", 0, NULL, "every migration; set flag: every flag of that kind")                   \
    X(FULL, "full", 0, NULL, "to the last stage at once: no bake, gate or check; needs a reason")  \
    X(GRADUAL, "gradual", 0, NULL, "back through the stages, one at a time")                       \
    X(STEP, "step", 0, "DURATION", "between two steps of --gradual (60s)")                         \
    X(STAGE, "stage", 0, "STAGE", "number or name of a stage (the next one)")                      \
    X(SCOPE, "scope", 0, "SELECTOR", "these nodes: cluster=eu-1, name=node-7, or *")               \
    X(SHADOW, "shadow", 0, NULL, "measure only: nobody is moved")                                  \
    X(WITHIN, "within", 0, "DURATION", "it fails when it takes longer (as the plan says, or 30s)") \
    X(CHECKLIST_DONE, "checklist-done", 0, NULL, "the plan's checklist has been gone through")     \
    X(DEFAULT, "default", 0, NULL, "what stage or plan says again, instead of a value by hand")    \
    X(ROLLBACK, "rollback", 0, NULL, "when there is a violation, roll back at once")               \
    X(CRITICAL, "critical", 0, NULL, "critical differences only")                                  \
    X(ROLLBACKS, "rollbacks", 0, NULL, "rollbacks and aborts only")                                \
    X(QUARANTINE, "quarantine", 0, "LIST",                                                         \
      "nodes that no longer count until they serve the decision, or laggards")                     \
    X(KEY, "key", 0, "KEY", "of the user, as the plan's routing key gives it")                     \
    X(NODE, "node", 0, "NODE", "this node, which is asked itself if it can be")                    \
    X(FOR, "for", 0, "DURATION", "so long (30s)")                                                  \
    X(LABEL, "label", 0, "LABELS", "a node with these labels: cluster=eu-1,zone=a")                \
    X(SYSTEM, "system", 0, "SYSTEM", "legacy, new or both (both)")                                 \
    X(BYPASS_BREAKER, "bypass-breaker", 0, NULL, "ask new although its breaker is open")           \
    X(PATH, "path", 0, "PATH", "what is asked for (/)")                                            \
    X(HEADER, "header", 0, "'NAME: VALUE'", "sent along")                                          \
    X(REQUESTS, "requests", 0, "FILE", "a request a line: PATH, HEAD PATH, or JSON records")       \
    X(RUNS, "runs", 0, "N", "so many requests (each of the file once, or 100)")                    \
    X(REPORT, "report", 0, "FILE", "write the report there, too: JSON for *.json, else Markdown")  \
    X(WINDOW, "window", 0, "DURATION", "only the last so long (since the coordinator started)")    \
    X(LIMIT, "limit", 0, "N", "at most so many (20)")                                              \
    X(FOLLOW, "follow", 0, NULL, "go on with what happens, until Ctrl-C")                          \
    X(SINCE, "since", 0, "REVISION", "only what happened after it (0, all that is kept)")          \
    X(KIND, "kind", 0, "LIST", "only these, as in docs/reference/events.md (all)")                 \
    X(FORCE, "force", 0, NULL, "replace a file that exists")                                       \
    X(LEGACY, "legacy", 0, "URL", "the system that serves today, http://host:port")                \
    X(NEW, "new", 0, "URL", "its replacement, http://host:port")                                   \
    X(LISTEN, "listen", 0, "ADDR",                                                                 \
      "where requests come in (127.0.0.1:8080; more nodes: next ports)")                           \
    X(API, "api", 0, "ADDR", "where the coordinator answers (127.0.0.1:7400)")                     \
    X(PLAN, "plan", 0, "FILE", "a plan to apply instead of the default one")                       \
    X(DATA, "data", 0, "DIR", "keep the state here (a temporary folder)")                          \
    X(NODES, "nodes", 0, "N", "sidecars to run, 1 to 16 (1)")                                      \
    X(LOG_LEVEL, "log-level", 0, "LEVEL", "of the programs started (warn)")

enum cli_option {
#define X(id, name, letter, value, help) OPT_##id,
    CLI_OPTIONS(X)
#undef X
        OPT_COUNT
};

_Static_assert(OPT_COUNT <= 64, "a command says by bits which options it takes");

struct option_spec {
    const char *name;
    char letter;
    const char *value; /* NULL: takes none */
    const char *help;
};
extern const struct option_spec cli_options[OPT_COUNT];

/* A parsed command line; texts are borrowed from argv. */
struct args {
    const char *option[OPT_COUNT]; /* NULL: not given; "" for options without a value */
    const char *name[16];          /* what stands after the command's words */
    unsigned name_count;
};

static inline bool args_has(const struct args *a, enum cli_option o)
{
    return a->option[o] != NULL;
}

struct cli; /* the running program: settings, connection, output (cli.h) */

#define OPT(id) (1ull << OPT_##id)

struct command {
    const char *words;   /* "status", "get plans" */
    const char *summary; /* one line */
    const char *names;   /* usage of names: "NAME", "[NAME]", "NAME PCT", "" */
    unsigned names_min, names_max;
    unsigned long long options; /* OPT() bits besides the global ones */
    unsigned long long needed;  /* of these, without which it cannot run */
    const char *help;           /* paragraphs; may be NULL */
    const char *example;        /* lines; may be NULL */
    bool markdown;              /* takes -o markdown, too */
    bool writes_file;           /* -o is the file that it writes, and comes as OPT_FILE */
    /* 0, or <0 with *err; *ret_status is the exit status of a command that ran. */
    int (*run)(struct cli *cli, const struct args *a, int *ret_status, struct err *err);
};

/* Ends with a zeroed line. */
extern const struct command cli_commands[];

/* The options every command takes. */
#define OPT_GLOBAL (OPT(ENDPOINTS) | OPT(OUTPUT) | OPT(TIMEOUT) | OPT(OPERATOR) | OPT(HELP))
