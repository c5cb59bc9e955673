/* SPDX-License-Identifier: Apache-2.0 */
/* switchyard: find the command, run it, exit status. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/fleet_list.h"
#include "cli/help.h"

#define HELP_MAX (256u << 10)

enum { STATUS_DONE = 0, STATUS_NOT_RUN = 2 };

static int show_help(const struct command *command, const char *prefix)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(HELP_MAX);

    if (command)
        help_command(&b, command);
    else
        help_overview(&b, prefix);
    cli_say("%s", buf_text(&b));
    return STATUS_DONE;
}

static int fail(const struct err *err, int status)
{
    cli_complain(err);
    return status;
}

/* Something was typed that is no command: show what would be, and fail unless help was asked
 * for. */
static int no_command(const struct args *a, const char *prefix)
{
    if (args_has(a, OPT_VERSION)) {
        cli_say("switchyard " SWITCHYARD_VERSION "\n");
        return STATUS_DONE;
    }
    show_help(NULL, prefix);
    return args_has(a, OPT_HELP) ? STATUS_DONE : STATUS_NOT_RUN;
}

static int check_output(const struct command *command, const struct cli *c, struct err *err)
{
    if (c->output != OUTPUT_MARKDOWN || command->markdown)
        return 0;
    return err_set(err, ERR_INVALID, "`switchyard %s` prints table, json or yaml, no markdown",
                   command->words);
}

static int run(const struct command *command, const struct args *a)
{
    struct err err = {0};
    struct cli cli;
    int status = STATUS_DONE;
    int r;

    r = cli_init(&cli, a, &err);
    if (r == 0)
        r = check_output(command, &cli, &err);
    if (r < 0) {
        cli_deinit(&cli);
        return fail(&err, STATUS_NOT_RUN);
    }
    rpc_start();
    r = command->run(&cli, a, &status, &err);
    if (r >= 0 && cli.asked)
        fleet_list_refresh(&cli);
    rpc_shutdown();
    cli_deinit(&cli);
    if (r < 0)
        return fail(&err, cli.asked ? err_exit_status(err.code) : STATUS_NOT_RUN);
    return status;
}

/* What was printed into a full disk was not told. */
static int finish(int status)
{
    struct err err = {0};

    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    err_set(&err, ERR_IO, "the answer could not be written to standard output");
    return fail(&err, STATUS_NOT_RUN);
}

int main(int argc, char **argv)
{
    const struct command *command;
    struct err err = {0};
    struct args args;
    char prefix[32];

    signal(SIGPIPE, SIG_IGN);
    if (args_parse(argc, argv, &args, &command, prefix, sizeof prefix, &err) < 0)
        return fail(&err, STATUS_NOT_RUN);
    if (!command)
        return finish(no_command(&args, prefix));
    if (args_has(&args, OPT_HELP))
        return finish(show_help(command, prefix));
    return finish(run(command, &args));
}
