/* SPDX-License-Identifier: Apache-2.0 */
/* `backup create`, `backup verify`, `backup restore`. */
#include <inttypes.h>
#include <unistd.h>

#include "cli/backup_summary.h"
#include "cli/cli.h"
#include "cli/leader.h"
#include "cli/run.h"
#include "cli/transfer.h"
#include "common/base/atomic_file.h"

#define TABLE_MAX (16u << 20)

static bool is_standard(const char *path)
{
    return strcmp(path, "-") == 0;
}

static const char *name_of(const char *path)
{
    return is_standard(path) ? "standard input" : path;
}

/* ---- telling --------------------------------------------------------------------------------- */

static void add_plan(struct buf *b, const struct json *p)
{
    buf_addf(b, "%s\t%s\t%s\t%g %%\t%s\t%g\n", json_get_string(p, "name", ""),
             json_get_string(p, "stage", ""), json_get_string(p, "phase", ""),
             json_get_number(p, "weight", 0), json_get_bool(p, "emergency", false) ? "yes" : "no",
             json_get_number(p, "history", 0));
}

/* "backup.json: 42 keys at revision 17 of store 5f0c1d, made at 2026-11-21T10:07:04.123Z" */
static void tell_summary(const char *path, const struct json *s)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(TABLE_MAX);

    cli_say("%s: %" PRIu64 " keys at revision %" PRIu64 " of store %s, made at %s\n", name_of(path),
            json_get_u64(s, "keys", 0), json_get_u64(s, "revision", 0),
            json_get_string(s, "incarnation", ""), json_get_string(s, "createdAt", ""));
    if (json_count(json_get(s, "plans")) == 0) {
        cli_say("no migrations\n");
        return;
    }
    buf_addf(&b, "NAME\tSTAGE\tPHASE\tWEIGHT\tEMERGENCY\tHISTORY\n");
    JSON_FOREACH (plan, json_get(s, "plans"))
        add_plan(&b, plan);
    cli_print_table(buf_text(&b));
}

static int tell_backup(const struct cli *cli, const char *path, const struct backup *backup,
                       struct err *err)
{
    CLEANUP(json_freep) struct json *j = backup_summary(backup);

    if (cli->output == OUTPUT_TABLE) {
        tell_summary(path, j);
        return 0;
    }
    json_set_string(j, "file", path);
    return cli_print_json(cli, j, err);
}

/* ---- create ---------------------------------------------------------------------------------- */

/* Told before a coordinator is asked. */
static int check_target(const struct args *a, const char *path, struct err *err)
{
    if (is_standard(path) || args_has(a, OPT_FORCE) || access(path, F_OK) != 0)
        return 0;
    err_set(err, ERR_EXISTS, "%s exists already", path);
    return err_hint(err, "choose another name, or replace it with --force");
}

/* What was given is checked before it takes the place of an older one. */
static int keep(const struct cli *cli, const struct args *a, struct str doc, struct err *err)
{
    const char *path = a->name[0];
    struct backup backup;
    int r = backup_read(doc, &backup, err);

    if (r < 0)
        return err_ctx(err, "the backup arrived damaged");
    if (is_standard(path))
        cli_say("%.*s", (int)doc.n, doc.p);
    else
        r = file_write(path, doc, args_has(a, OPT_FORCE), err);
    if (r == 0 && !is_standard(path))
        r = tell_backup(cli, path, &backup, err);
    backup_deinit(&backup);
    return r;
}

int run_backup_create(struct cli *cli, const struct args *a, int *ret_status UNUSED,
                      struct err *err)
{
    CLEANUP(buf_deinitp) struct buf doc = BUF_INIT(BACKUP_BYTES_MAX);
    int r = check_target(a, a->name[0], err);

    if (r == 0)
        r = transfer_fetch(cli, &doc, err);
    return r < 0 ? r : keep(cli, a, buf_view(&doc), err);
}

/* ---- verify ---------------------------------------------------------------------------------- */

static int read_backup(const char *path, struct buf *doc, struct err *err)
{
    int r = cli_read(path, doc, err);

    if (r == -ERR_EXHAUSTED)
        return err_hint(err, "a backup is at most %u MiB; is %s a backup?", BACKUP_BYTES_MAX >> 20,
                        path);
    return r;
}

int run_backup_verify(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf doc = BUF_INIT(BACKUP_BYTES_MAX);
    const char *path = a->name[0];
    struct backup backup;
    int r = read_backup(path, &doc, err);

    if (r < 0)
        return r;
    if (backup_read(buf_view(&doc), &backup, err) < 0) {
        err_ctx(err, "%s", name_of(path));
        cli_complain(err);
        *ret_status = 1;
        return 0;
    }
    r = tell_backup(cli, path, &backup, err);
    backup_deinit(&backup);
    return r;
}

/* ---- restore --------------------------------------------------------------------------------- */

static int tell_restored(struct cli *cli, const struct args *a, const struct transfer_result *done,
                         int *ret_status, struct err *err)
{
    CLEANUP(json_freep) struct json *j = NULL;

    if (cli->output == OUTPUT_TABLE) {
        cli_say("restored %u keys: the store %s is at revision %" PRIu64 "\n", done->keys,
                done->incarnation, done->revision);
        return run_get_plans(cli, a, ret_status, err);
    }
    j = json_object();
    json_set_u64(j, "keys", done->keys);
    json_set_u64(j, "revision", done->revision);
    json_set_string(j, "incarnation", done->incarnation);
    return cli_print_json(cli, j, err);
}

int run_backup_restore(struct cli *cli, const struct args *a, int *ret_status, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf doc = BUF_INIT(BACKUP_BYTES_MAX);
    char leader[ENDPOINT_SIZE];
    struct transfer_result done;
    struct backup backup;
    int r = read_backup(a->name[0], &doc, err);

    if (r == 0)
        r = backup_read(buf_view(&doc), &backup, err);
    if (r < 0)
        return err_ctx(err, "%s", name_of(a->name[0]));
    backup_deinit(&backup);
    r = leader_find(cli, leader, err);
    if (r == 0)
        r = transfer_restore(cli, leader, buf_view(&doc), a->option[OPT_REASON], &done, err);
    return r < 0 ? r : tell_restored(cli, a, &done, ret_status, err);
}
