/* SPDX-License-Identifier: Apache-2.0 */
/* The commands' functions; see struct command.run. */
#pragma once

#include "cli/commands.h"

#define COMMAND(name) \
    int run_##name(struct cli *cli, const struct args *a, int *ret_status, struct err *err)

COMMAND(dev); /* dev.c */

COMMAND(apply); /* cmd_change.c */
COMMAND(pause);
COMMAND(resume);
COMMAND(delete);

COMMAND(start); /* cmd_move.c */
COMMAND(promote);
COMMAND(abort);
COMMAND(approve);
COMMAND(decommission);

COMMAND(rollback); /* cmd_rollback.c */
COMMAND(direct);   /* cmd_direct.c: a part of it */
COMMAND(recover);  /* cmd_recover.c */
COMMAND(drill);    /* cmd_drill.c */

COMMAND(set_weight); /* cmd_set.c */
COMMAND(set_override);
COMMAND(set_mirror);
COMMAND(set_flag);

COMMAND(breaker_open); /* cmd_breaker.c */
COMMAND(breaker_close);
COMMAND(breaker_reset);
COMMAND(breaker_show);
COMMAND(breaker_tune);

COMMAND(logs); /* cmd_logs.c */
COMMAND(set_log_level);

COMMAND(get_coordinators); /* cmd_coordinators.c */
COMMAND(get_flags);        /* cmd_flags.c */

COMMAND(measure); /* cmd_measure.c */
COMMAND(why);     /* cmd_why.c */
COMMAND(probe);   /* cmd_probe.c */
COMMAND(debug);   /* cmd_debug.c */

COMMAND(get_plans); /* cmd_show.c */
COMMAND(get_nodes);
COMMAND(health);

COMMAND(alerts); /* cmd_alerts.c */

COMMAND(status);        /* cmd_status.c */
COMMAND(check_health);  /* cmd_check_health.c */
COMMAND(check);         /* cmd_check.c */
COMMAND(history);       /* cmd_history.c */
COMMAND(stats);         /* cmd_stats.c */
COMMAND(ab);            /* cmd_ab.c */
COMMAND(discrepancies); /* cmd_discrepancies.c */

COMMAND(events); /* cmd_events.c */

COMMAND(report_daily); /* cmd_report.c */
COMMAND(report_weekly);
COMMAND(report_stage);

COMMAND(diag); /* cmd_diag.c */

COMMAND(fsm_show); /* cmd_fsm.c */
COMMAND(fsm_dot);
COMMAND(fsm_mermaid);
COMMAND(fsm_json);

COMMAND(plan_lint); /* cmd_plan.c */
COMMAND(plan_diff);
COMMAND(plan_explain);

COMMAND(backup_create); /* cmd_backup.c */
COMMAND(backup_verify);
COMMAND(backup_restore);

COMMAND(completion_bash); /* help.c */
COMMAND(reference);
