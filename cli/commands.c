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
        .options = OPT(FILE) | OPT(ENV) | OPT(REASON) | OPT(DRY_RUN),
        .needed = OPT(FILE),
        .help = "The plan is checked as a whole; a problem is told with file, line and the nearest "
                "valid name, and\n"
                "nothing is stored. A changed plan is refused where the change would alter what a "
                "running rollout\n"
                "has already done.",
        .example = "switchyard apply -f orders.yaml\nswitchyard apply -f orders.yaml --env prod "
                   "--dry-run",
        .run = run_apply,
    },
    {
        .words = "plan lint",
        .summary = "check a plan, and tell what looks like a mistake; asks no coordinator",
        .names = "FILE",
        .names_min = 1,
        .names_max = 1,
        .options = OPT(ENV),
        .help = "Without --env the plan by itself and in each of its environments. Exit status 0: "
                "nothing looks wrong;\n"
                "1: errors or warnings; 2: it could not be read.",
        .example = "switchyard plan lint orders.yaml",
        .run = run_plan_lint,
    },
    {
        .words = "plan diff",
        .summary = "tell what a plan would change, against what is in force",
        .names = "FILE",
        .names_min = 1,
        .names_max = 1,
        .options = OPT(ENV),
        .help = "Field by field: - is in force, + is in the file. Exit status 0: the same; 1: it "
                "differs, or nothing is in\n"
                "force; 2: it could not be told. Lines `by hand` tell what operators have set over "
                "the plan. Whether the\n"
                "change is allowed now: apply --dry-run.",
        .example = "switchyard plan diff orders.yaml --env prod",
        .run = run_plan_diff,
    },
    {
        .words = "plan explain",
        .summary = "tell in sentences what a plan does, with its defaults",
        .names = "FILE|NAME",
        .names_min = 1,
        .names_max = 1,
        .options = OPT(ENV),
        .help = "A file, or the name of a migration for the plan that is in force.",
        .example = "switchyard plan explain orders.yaml\nswitchyard plan explain orders",
        .run = run_plan_explain,
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
        .help = "Exit status 0: one leads; 1: none does at the moment, or the coordinator that "
                "answers is "
                "cut off and cannot\n"
                "tell; 2: none answers.",
        .run = run_get_coordinators,
    },
    {
        .words = "get flags",
        .summary = "list the feature flags, their values, and who set them",
        .names = "[NAME]",
        .names_max = 1,
        .run = run_get_flags,
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
        .words = "alerts",
        .summary = "what somebody has to look at now, how soon, and what to type",
        .names = "[NAME]",
        .names_max = 1,
        .help = "Without NAME: of all migrations. Names, severities and times are those of "
                "docs/OPERATIONS.md. Exit status\n"
                "0: none; 1: there are some; 2: it could not be told.",
        .example = "switchyard alerts\nswitchyard alerts orders -o json",
        .run = run_alerts,
    },
    {
        .words = "check-health",
        .summary = "what triggers and gate find right now, violation by violation",
        .names = "NAME",
        .names_min = 1,
        .names_max = 1,
        .options = OPT(ROLLBACK) | OPT(REASON) | OPT(DRY_RUN) | OPT(NO_WAIT) | OPT(WAIT),
        .help = "Exit status 0: nothing is violated; 1: something is; 2: it could not be told, "
                "because too little was\n"
                "measured or no coordinator answers. --rollback goes back to where the plan's "
                "triggers go when something\n"
                "is violated; the reason names it, unless one is given.",
        .example = "switchyard check-health orders\nswitchyard check-health orders --rollback",
        .run = run_check_health,
    },
    {
        .words = "check",
        .summary = "run the readiness checks of the next stage, and tell what else holds it back",
        .names = "NAME",
        .names_min = 1,
        .names_max = 1,
        .options = OPT(STAGE),
        .help =
            "All checks are run, on the coordinator that is asked; nothing changes. Exit status "
            "0: the stage may be\n"
            "entered; 1: a check or the gate fails; 2: something could not be told, or is not over "
            "yet.",
        .example = "switchyard check orders\nswitchyard check orders --stage canary-10 -o json",
        .run = run_check,
    },
    {
        .words = "start",
        .summary = "enter the first stage",
        .names = "NAME",
        .names_min = 1,
        .names_max = 1,
        .options = CHANGE | OPT(REASON),
        .help =
            "With --dry-run the stage's checks are run as well, as `check` does; the exit status "
            "is theirs then.",
        .run = run_start,
    },
    {
        .words = "promote",
        .summary = "enter the next stage or wave, or a later stage",
        .names = "NAME",
        .names_min = 1,
        .names_max = 1,
        .options = CHANGE | OPT(REASON) | OPT(TO) | OPT(FULL),
        .help = "Refused while the current stage has not baked, its gate does not pass, a trigger "
                "is violated, a freeze or\n"
                "an emergency order stands, or an approval or a drill is missing; the answer says "
                "which, and how long.\n"
                "Two operators who promote at once take one step: the second one is told where the "
                "rollout is by now. With\n"
                "--dry-run the stage's checks are run as well, as `check` does; the exit status is "
                "theirs then.",
        .example = "switchyard promote orders\nswitchyard promote orders --to half --dry-run\n"
                   "switchyard promote orders --full --reason \"the board decided\"",
        .run = run_promote,
    },
    {
        .words = "approve",
        .summary = "agree to a stage that asks for several operators",
        .names = "NAME",
        .names_min = 1,
        .names_max = 1,
        .options = OPT(DRY_RUN) | OPT(REASON) | OPT(STAGE),
        .needed = OPT(REASON),
        .example = "switchyard approve orders --stage half --reason \"load test of 11-20\"",
        .run = run_approve,
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
        .options = CHANGE | OPT(REASON) | OPT(GRADUAL) | OPT(STEP),
        .needed = OPT(REASON),
        .help = "At once, or with --gradual back through the stages, one each --step, so that "
                "legacy can warm up. The\n"
                "times of the steps are stored: they go on through restarts and changes of leader.",
        .example = "switchyard abort orders --reason \"not before the holidays\"\n"
                   "switchyard abort orders --gradual --step 5m --reason \"legacy is cold\"",
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
        .summary = "look, and try a rollback again that has not reached every node",
        .names = "NAME",
        .names_min = 1,
        .names_max = 1,
        .options = CHANGE | OPT(REASON) | OPT(QUARANTINE) | OPT(PATH),
        .help =
            "Step by step: the health of all; the breaker of new and, where it is open, a probe "
            "of --path past it; the\n"
            "rollback; the health again. The decision is sent again, what is wrong with each "
            "node that lags is told,\n"
            "and the nodes are waited for as rollback does. A node that will not come back is "
            "left out with\n"
            "--quarantine and a reason: it does not count until it serves the decision. Exit "
            "status 0 as well when\n"
            "there is nothing to recover.",
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
        .words = "set mirror",
        .summary = "set the share of legacy's requests that is copied to new by hand",
        .names = "NAME [PCT|off]",
        .names_min = 1,
        .names_max = 2,
        .options = CHANGE | OPT(REASON) | OPT(DEFAULT),
        .needed = OPT(REASON),
        .help = "Shadow traffic on and off, at any stage; users' answers stay legacy's. It holds "
                "until --default: what the\n"
                "stage says again. Another stage, entered or fallen back to, ends a share that is "
                "larger than its own.",
        .example = "switchyard set mirror orders 25 --reason \"new cannot take more yet\"\n"
                   "switchyard set mirror orders off --reason \"INC-1234\"\n"
                   "switchyard set mirror orders --default --reason \"as planned\"",
        .run = run_set_mirror,
    },
    {
        .words = "set flag",
        .summary = "give a feature flag a value by hand, or what its stage says again",
        .names = "NAME [FLAG] [VALUE]",
        .names_min = 1,
        .names_max = 3,
        .options = CHANGE | OPT(REASON) | OPT(DEFAULT) | OPT(ALL),
        .needed = OPT(REASON),
        .help = "VALUE is true, false, a number or a text. --default takes its place, and --all "
                "that of FLAG: every flag\n"
                "whose value is of the same kind.",
        .example = "switchyard set flag orders event_driven true --reason \"try it\"\n"
                   "switchyard set flag orders event_driven --default --reason \"as planned\"\n"
                   "switchyard set flag orders --all false --reason \"INC-1234\"",
        .run = run_set_flag,
    },
    {
        .words = "breaker show",
        .summary = "the breakers of one migration: the fleet's, the settings, and each node's",
        .names = "NAME",
        .names_min = 1,
        .names_max = 1,
        .help = "Settings by the plan and by hand; per node the state, the errors in the window, "
                "since when and why.",
        .example = "switchyard breaker show orders\nswitchyard breaker show orders -o json",
        .run = run_breaker_show,
    },
    {
        .words = "breaker tune",
        .summary = "change settings of the breakers while they count, over what the plan says",
        .names = "NAME [SETTING=VALUE...]",
        .names_min = 1,
        .names_max = 11,
        .options = CHANGE | OPT(REASON) | OPT(DEFAULT),
        .needed = OPT(REASON),
        .help = "Settings and forms are those of `spec.breaker`: errors, window, openFor, "
                "halfOpenRequests, errorRate, slow,\n"
                "slowRate, minRequests, reRamp and mode. They hold until --default: the settings "
                "named, or all of them, are\n"
                "the plan's again.",
        .example = "switchyard breaker tune orders errors=10 window=600s --reason \"too nervous\"\n"
                   "switchyard breaker tune orders --default --reason \"as planned\"",
        .run = run_breaker_tune,
    },
    {
        .words = "breaker open",
        .summary = "open the breaker of every node: all to legacy",
        .names = "NAME",
        .names_min = 1,
        .names_max = 1,
        .options = CHANGE | OPT(REASON),
        .needed = OPT(REASON),
        .help = "It stays open until `breaker close` or `breaker reset`, through rollbacks and "
                "restarts. Refused where\n"
                "legacy is forbidden: nobody could be answered.",
        .example = "switchyard breaker open orders --reason \"INC-1234\"",
        .run = run_breaker_open,
    },
    {
        .words = "breaker close",
        .summary = "hold the breaker of every node closed, whatever new does",
        .names = "NAME",
        .names_min = 1,
        .names_max = 1,
        .options = CHANGE | OPT(REASON),
        .needed = OPT(REASON),
        .help = "Until `breaker open` or `breaker reset`, or until the rollout falls. Triggers "
                "still fire.",
        .example = "switchyard breaker close orders --reason \"it trips on a known fault\"",
        .run = run_breaker_close,
    },
    {
        .words = "breaker reset",
        .summary = "close the breaker of every node and forget what it counted",
        .names = "NAME",
        .names_min = 1,
        .names_max = 1,
        .options = CHANGE | OPT(REASON),
        .needed = OPT(REASON),
        .help = "From there on each node decides by itself again, as the plan has it.",
        .example = "switchyard breaker reset orders --reason \"fixed in 2.4.1\"",
        .run = run_breaker_reset,
    },
    {
        .words = "set log-level",
        .summary = "how much a coordinator or a node logs, until it ends",
        .names = "error|warn|info|debug|trace",
        .names_min = 1,
        .names_max = 1,
        .options = OPT(NODE),
        .help = "Of the coordinator that answers first, or of the node. Programs start with what "
                "their --log-level says.",
        .example = "switchyard set log-level debug --node node-7\n"
                   "switchyard set log-level info --endpoints 10.0.0.1:7400",
        .run = run_set_log_level,
    },
    {
        .words = "measure",
        .summary = "report what gates and triggers judge by and what is measured elsewhere",
        .names = "NAME KEY=VALUE...",
        .names_min = 2,
        .names_max = 4,
        .help = "restartsPerMinute and criticalDiscrepancies are numbers, syncLag is in seconds or "
                "a duration. A value\n"
                "counts for three times the plan's `every`, a minute at least; then the gate holds "
                "until it is told again.",
        .example = "switchyard measure orders restartsPerMinute=0.5 syncLag=250ms",
        .run = run_measure,
    },
    {
        .words = "why",
        .summary = "why a key goes where it goes, layer by layer",
        .names = "NAME",
        .names_min = 1,
        .names_max = 1,
        .options = OPT(KEY) | OPT(NODE) | OPT(LABEL),
        .needed = OPT(KEY),
        .help =
            "Emergency order, enforcement, override, breaker, drill, wave and weight, strongest "
            "first; the one marked *\n"
            "decides. --node asks that node itself what it serves now; when it cannot be asked, "
            "the coordinator answers\n"
            "by the labels it knows, and says so. Without --node: as on a node with the labels "
            "given.",
        .example = "switchyard why orders --key 4711 --node node-7\n"
                   "switchyard why orders --key 4711 --label cluster=eu-1",
        .run = run_why,
    },
    {
        .words = "debug",
        .summary = "the requests and connections of a migration or of one key on one node",
        .names = "NAME",
        .names_min = 1,
        .names_max = 1,
        .options = OPT(KEY) | OPT(NODE) | OPT(FOR),
        .help =
            "A line of JSON per request that ends, with the fields of the access log (which need "
            "not be on): what was\n"
            "decided and why, how it ended, at which endpoint. A connection that is split as a "
            "whole has one when it\n"
            "stands (its `end` is null) and one when it ends, a WebSocket one when it ends. Keys "
            "are told as hashes,\n"
            "paths without their queries. At most 200 a second; nothing waits for it. One such "
            "command at a time on a node.",
        .example = "switchyard debug orders --node node-7 --key 4711\n"
                   "switchyard debug orders --node node-7 --for 2m",
        .run = run_debug,
    },
    {
        .words = "probe",
        .summary = "one real request through a node, to see how both systems answer",
        .names = "NAME",
        .names_min = 1,
        .names_max = 1,
        .options = OPT(SYSTEM) | OPT(BYPASS_BREAKER) | OPT(PATH) | OPT(HEADER) | OPT(NODE),
        .help = "A GET by the addresses and timeouts that the node serves with, marked with the "
                "header X-Switchyard-Probe.\n"
                "It counts in no gate. Exit status 0: every system that was asked answered below "
                "500; 1: one did not; 2:\n"
                "no node could be asked.",
        .example = "switchyard probe orders --path /api/v2/health\n"
                   "switchyard probe orders --system new --bypass-breaker --node node-7",
        .run = run_probe,
    },
    {
        .words = "drill",
        .summary = "rehearse a rollback on a part of the fleet, measure it, and restore",
        .names = "NAME",
        .names_min = 1,
        .names_max = 1,
        .options =
            OPT(DRY_RUN) | OPT(NO_WAIT) | OPT(REASON) | OPT(SCOPE) | OPT(SHADOW) | OPT(WITHIN),
        .needed = OPT(SCOPE) | OPT(REASON),
        .help = "The nodes of the scope send everything to legacy, are measured as in a rollback, "
                "and take back what they\n"
                "served. A plan can ask for a drill that is young and was fast before a raise. "
                "Exit status 0: passed;\n"
                "1: failed; 2: could not be told.",
        .example = "switchyard drill orders --scope cluster=canary --within 500ms --reason "
                   "\"monthly\"\n"
                   "switchyard drill orders --scope '*' --shadow --reason \"before the raise\"",
        .run = run_drill,
    },
    {
        .words = "decommission",
        .summary = "legacy is not needed any more",
        .names = "NAME",
        .names_min = 1,
        .names_max = 1,
        .options = OPT(DRY_RUN) | OPT(REASON) | OPT(CHECKLIST_DONE),
        .needed = OPT(REASON),
        .help = "Refused before the time of standby after the last stage is over, and while the "
                "plan has a checklist\n"
                "that nobody has gone through; the answer lists it.",
        .example = "switchyard decommission orders --checklist-done --reason \"CHG-77\"",
        .run = run_decommission,
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
        .summary = "requests, errors, fallbacks and times of both systems, side by side",
        .names = "[NAME]",
        .names_max = 1,
        .options = OPT(WINDOW) | OPT(WATCH),
        .example = "switchyard stats orders --window 5m",
        .run = run_stats,
    },
    {
        .words = "ab",
        .summary = "run requests on both systems, and compare answers and times",
        .names = "NAME",
        .names_min = 1,
        .names_max = 1,
        .options = OPT(RUNS) | OPT(REQUESTS) | OPT(PATH) | OPT(NODE) | OPT(REPORT),
        .markdown = true,
        .help = "A node asks both systems, one request after the other; users notice nothing, "
                "and no gate counts them.\n"
                "The plan's `compare` says what a difference is. Exit status 1: something critical "
                "differs,\n"
                "or one of them did not answer.",
        .example = "switchyard ab orders --path /orders/17 --runs 200\n"
                   "switchyard ab orders --requests access.log --report ab.md",
        .run = run_ab,
    },
    {
        .words = "discrepancies",
        .summary = "what comparing the answers of both systems came to, with examples",
        .names = "[NAME]",
        .names_max = 1,
        .options = OPT(WINDOW) | OPT(LIMIT) | OPT(CRITICAL) | OPT(WATCH),
        .help = "The plan's `compare` says which requests are answered by both systems and what "
                "counts as a difference.\n"
                "The latest 64 examples are kept; values that may be secret are left out.",
        .example = "switchyard discrepancies orders\n"
                   "switchyard discrepancies orders --critical --limit 5 --window 10m",
        .run = run_discrepancies,
    },
    {
        .words = "history",
        .summary = "who did what, when and why, newest first",
        .names = "[NAME]",
        .names_max = 1,
        .options = OPT(LIMIT) | OPT(ROLLBACKS),
        .example = "switchyard history orders --limit 5\nswitchyard history orders --rollbacks",
        .run = run_history,
    },
    {
        .words = "events",
        .summary = "what happened, in order: stages, rollbacks, gates, breakers, flags",
        .names = "[NAME]",
        .names_max = 1,
        .options = OPT(FOLLOW) | OPT(SINCE) | OPT(KIND),
        .help = "Without NAME: of all migrations. With -o json each is one line; its `revision` "
                "is what --since takes to\n"
                "go on. When the coordinator that tells them goes, another one is asked, and "
                "nothing is missed or told\n"
                "twice. The latest 256 of each migration are kept; `lost` tells how many were not.",
        .example = "switchyard events orders --follow\n"
                   "switchyard events --since 812 --kind rollback,emergency_rollback -o json",
        .run = run_events,
    },
    {
        .words = "report daily",
        .summary = "the last day: health, both systems, copies, rollbacks, changes",
        .names = "[NAME]",
        .names_max = 1,
        .markdown = true,
        .example = "switchyard report daily\nswitchyard report daily orders -o markdown",
        .run = run_report_daily,
    },
    {
        .words = "report weekly",
        .summary = "the last seven days, day by day",
        .names = "[NAME]",
        .names_max = 1,
        .markdown = true,
        .run = run_report_weekly,
    },
    {
        .words = "report stage",
        .summary = "what the stage that runs was meant to show, and what it shows",
        .names = "[NAME]",
        .names_max = 1,
        .markdown = true,
        .help = "Objectives, gate and triggers, both systems since the stage was entered (at most "
                "24 hours back), and\n"
                "what was done in it.",
        .run = run_report_stage,
    },
    {
        .words = "logs",
        .summary = "the last lines that a coordinator or a node has logged",
        .names = "",
        .options = OPT(NODE),
        .help = "Of the coordinator that answers first, or of the node; the last 64 KiB since it "
                "was started.",
        .example = "switchyard logs --node node-7\nswitchyard logs --endpoints 10.0.0.1:7400",
        .run = run_logs,
    },
    {
        .words = "diag",
        .summary = "collect what support asks for into one file, without secrets",
        .names = "",
        .options = OPT(FORCE),
        .help = "Versions, the CLI's settings and environment, health, coordinators (each asked by "
                "itself), nodes, flags,\n"
                "events, of every migration status, statistics, history and plan, and the last log "
                "lines of coordinators\n"
                "and of up to 16 nodes that can be asked from here, those with trouble first. "
                "Passwords, tokens and their\n"
                "kin are left out. FILE is there whole or not at all, for its owner only. What "
                "could not be collected is\n"
                "told, is in MISSING.json, and makes the exit status 1; the rest is there all the "
                "same.",
        .example = "switchyard diag -o inc-1234.tar.gz",
        .writes_file = true,
        .run = run_diag,
    },
    {
        .words = "fsm show",
        .summary = "print a state machine, or list them; asks no coordinator",
        .names = "[MACHINE]",
        .names_max = 1,
        .example = "switchyard fsm show stage",
        .run = run_fsm_show,
    },
    {
        .words = "fsm dot",
        .summary = "the same for graphviz",
        .names = "[MACHINE]",
        .names_max = 1,
        .example = "switchyard fsm dot stage",
        .run = run_fsm_dot,
    },
    {
        .words = "fsm mermaid",
        .summary = "the same for Mermaid",
        .names = "[MACHINE]",
        .names_max = 1,
        .run = run_fsm_mermaid,
    },
    {
        .words = "fsm json",
        .summary = "the same as JSON, row by row",
        .names = "[MACHINE]",
        .names_max = 1,
        .run = run_fsm_json,
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
