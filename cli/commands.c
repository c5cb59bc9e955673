/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include "cli/run.h"

#define CHANGE (OPT(DRY_RUN) | OPT(NO_WAIT) | OPT(WAIT))

const struct command cli_commands[] = {
    {
        .words = "dev",
        .summary =
            "try it: a coordinator and sidecars on this machine, in front of two of your services",
        .names = "",
        .options = OPT(LEGACY) | OPT(NEW) | OPT(LISTEN) | OPT(API) | OPT(PLAN) | OPT(DATA) |
                   OPT(NODES) | OPT(LOG_LEVEL),
        .help = "Runs everything as one process tree on the embedded store until Ctrl-C. Without "
                "--plan it applies\n"
                "the plan \"app\": stages shadow, canary-10, quarter, half and all, promoted by "
                "hand, users told\n"
                "apart by the header X-User-Id. With --plan, --legacy and --new replace the plan's "
                "endpoints.",
        .example = "switchyard dev --legacy http://127.0.0.1:8000 --new http://127.0.0.1:8001",
        .run = run_dev,
    },
    {
        .words = "apply",
        .summary = "store a plan, or a change to one",
        .names = "",
        .options = OPT(FILE) | OPT(REASON) | OPT(DRY_RUN),
        .needed = OPT(FILE),
        .help = "The plan is checked as a whole; a problem is told with file, line and the nearest "
                "valid name, and\n"
                "nothing is stored. A changed plan is refused where the change would alter what a "
                "running rollout\n"
                "has already done.",
        .example = "switchyard apply -f orders.yaml\nswitchyard apply -f orders.yaml --dry-run",
        .run = run_apply,
    },
    {
        .words = "get plans",
        .summary = "list the migrations",
        .names = "",
        .run = run_get_plans,
    },
    {
        .words = "get nodes",
        .summary = "list the nodes and what they serve",
        .names = "",
        .run = run_get_nodes,
    },
    {
        .words = "get coordinators",
        .summary = "list the coordinators, and tell which one leads",
        .names = "",
        .help = "Exit status 0: one leads; 1: none does at the moment; 2: it could not be told.",
        .run = run_get_coordinators,
    },
    {
        .words = "status",
        .summary = "where a rollout stands, why, and what to type next",
        .names = "[NAME]",
        .names_max = 1,
        .options = OPT(WATCH),
        .help = "Without NAME: the only migration there is.",
        .example = "switchyard status orders --watch\nswitchyard status orders -o json",
        .run = run_status,
    },
    {
        .words = "health",
        .summary = "healthy, degraded or unhealthy, a line per component",
        .names = "",
        .help = "Exit status 0: healthy; 1: degraded or unhealthy; 2: could not be told.",
        .run = run_health,
    },
    {
        .words = "start",
        .summary = "enter the first stage",
        .names = "NAME",
        .names_min = 1,
        .names_max = 1,
        .options = CHANGE | OPT(REASON),
        .run = run_start,
    },
    {
        .words = "promote",
        .summary = "enter the next stage, or a later one",
        .names = "NAME",
        .names_min = 1,
        .names_max = 1,
        .options = CHANGE | OPT(REASON) | OPT(TO),
        .help = "Refused while the current stage has not baked, its gate does not pass, a trigger "
                "is violated or an\n"
                "emergency order stands; the answer says which, and how long.",
        .example = "switchyard promote orders\nswitchyard promote orders --to half --dry-run",
        .run = run_promote,
    },
    {
        .words = "pause",
        .summary = "stop moving on; the weight stays",
        .names = "NAME",
        .names_min = 1,
        .names_max = 1,
        .options = OPT(DRY_RUN) | OPT(REASON),
        .run = run_pause,
    },
    {
        .words = "resume",
        .summary = "go on where pause stopped",
        .names = "NAME",
        .names_min = 1,
        .names_max = 1,
        .options = OPT(DRY_RUN) | OPT(REASON),
        .run = run_resume,
    },
    {
        .words = "abort",
        .summary = "end the rollout; everything to legacy",
        .names = "NAME",
        .names_min = 1,
        .names_max = 1,
        .options = CHANGE | OPT(REASON),
        .needed = OPT(REASON),
        .run = run_abort,
    },
    {
        .words = "rollback",
        .summary = "back to an earlier stage, or to legacy at once",
        .names = "[NAME]",
        .names_max = 1,
        .options = CHANGE | OPT(REASON) | OPT(TO) | OPT(EMERGENCY) | OPT(CLEAR) | OPT(ALL) |
                   OPT(DIRECT) | OPT(FLEET_FILE),
        .needed = OPT(REASON),
        .help = "Exactly one of --to, --emergency and --clear. An emergency order sends everything "
                "to legacy, beats\n"
                "every other setting, and holds through restarts until it is cleared on purpose. "
                "The answer comes\n"
                "when every node serves it, with the measured time; nodes that lag are named (exit "
                "status 1).\n"
                "When no coordinator answers: --direct orders the sidecars themselves, by the last "
                "known fleet (all, or\n"
                "names) or by address. Exit status 1: not every one serves it; 2: none could be "
                "asked. Coordinators that\n"
                "come back adopt the order.",
        .example = "switchyard rollback orders --to 1 --reason \"p99 doubled\"\n"
                   "switchyard rollback orders --emergency --reason \"INC-1234\"\n"
                   "switchyard rollback --all --emergency --reason \"INC-1234\"\n"
                   "switchyard rollback --all --emergency --direct all --reason \"INC-1234\"\n"
                   "switchyard rollback orders --clear --reason \"fixed in 2.4.1\"",
        .run = run_rollback,
    },
    {
        .words = "recover",
        .summary = "try a rollback again that has not reached every node",
        .names = "NAME",
        .names_min = 1,
        .names_max = 1,
        .options = CHANGE | OPT(REASON) | OPT(QUARANTINE),
        .help = "Sends the decision again, tells of each node that lags what is wrong with it, and "
                "waits as rollback\n"
                "does. A node that will not come back is left out with --quarantine and a reason: "
                "it does not count\n"
                "until it serves the decision.",
        .example = "switchyard recover orders\n"
                   "switchyard recover orders --quarantine node-7 --reason \"its disk is gone\"\n"
                   "switchyard recover orders --quarantine laggards --reason \"zone b is cut off\"",
        .run = run_recover,
    },
    {
        .words = "set weight",
        .summary = "set the share of new by hand, in percent",
        .names = "NAME PCT",
        .names_min = 2,
        .names_max = 2,
        .options = CHANGE | OPT(REASON),
        .needed = OPT(REASON),
        .example = "switchyard set weight orders 12.5 --reason \"slower than planned\"",
        .run = run_set_weight,
    },
    {
        .words = "set override",
        .summary = "send everything to one system, or stop doing so",
        .names = "NAME legacy|new|none",
        .names_min = 2,
        .names_max = 2,
        .options = CHANGE | OPT(REASON),
        .needed = OPT(REASON),
        .help = "legacy beats everything but an emergency order; new beats the weight and still "
                "obeys the breaker.",
        .run = run_set_override,
    },
    {
        .words = "delete",
        .summary = "forget a migration that has no traffic on new",
        .names = "NAME",
        .names_min = 1,
        .names_max = 1,
        .options = OPT(DRY_RUN) | OPT(REASON),
        .run = run_delete,
    },
    {
        .words = "stats",
        .summary = "requests, errors, fallbacks and latency of both systems",
        .names = "[NAME]",
        .names_max = 1,
        .options = OPT(WINDOW) | OPT(WATCH),
        .example = "switchyard stats orders --window 5m",
        .run = run_stats,
    },
    {
        .words = "history",
        .summary = "who did what, when and why, newest first",
        .names = "[NAME]",
        .names_max = 1,
        .options = OPT(LIMIT),
        .run = run_history,
    },
    {
        .words = "backup create",
        .summary = "write the control state into a file",
        .names = "FILE",
        .names_min = 1,
        .names_max = 1,
        .options = OPT(FORCE),
        .help =
            "Plans, rollouts, emergency orders and history, as lines of JSON with a checksum; "
            "any coordinator gives\n"
            "them. FILE is there whole or not at all, for its owner only; - is standard output.",
        .example = "switchyard backup create switchyard-2026-11-21.json",
        .run = run_backup_create,
    },
    {
        .words = "backup verify",
        .summary = "check a backup, and tell what it holds; asks no coordinator",
        .names = "FILE",
        .names_min = 1,
        .names_max = 1,
        .help = "Exit status 0: whole; 1: damaged, with the line; 2: it could not be read.",
        .example = "switchyard backup verify switchyard-2026-11-21.json",
        .run = run_backup_verify,
    },
    {
        .words = "backup restore",
        .summary = "put a backup back into a store without migrations",
        .names = "FILE",
        .names_min = 1,
        .names_max = 1,
        .options = OPT(REASON),
        .needed = OPT(REASON),
        .help = "The whole document is checked before anything is written. Emergency orders stand "
                "on, and the history\n"
                "goes on. This is also the way from one kind of store to another: make a backup, "
                "stop the old\n"
                "coordinators, start new ones on an empty store, restore. Nodes keep serving, and "
                "take the new store's\n"
                "decisions as soon as they reach its coordinators.",
        .example = "switchyard backup restore move.json --endpoints 10.0.0.1:7400 --reason \"to "
                   "etcd\"",
        .run = run_backup_restore,
    },
    {
        .words = "completion bash",
        .summary = "print a completion script for bash",
        .names = "",
        .example = "source <(switchyard completion bash)",
        .run = run_completion_bash,
    },
    {
        .words = "reference",
        .summary = "print the reference of all commands as Markdown",
        .names = "",
        .run = run_reference,
    },
    {.words = NULL},
};
