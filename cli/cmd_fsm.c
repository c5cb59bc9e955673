/* SPDX-License-Identifier: Apache-2.0 */
/* `fsm`: the state machines, as this version runs them. */
#include "cli/cli.h"
#include "cli/machines.h"
#include "cli/run.h"

static int unknown_machine(const char *name, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf list = BUF_INIT(200);

    for (const struct machine_text *m = machine_texts; m->name; m++)
        buf_addf(&list, "%s%s", list.len ? ", " : "", m->name);
    err_set(err, ERR_INVALID, "there is no machine \"%.64s\"", name);
    return err_hint(err, "one of: %s", buf_text(&list));
}

static void list_machines(void)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(4096);

    buf_addf(&b, "MACHINE\tIT KEEPS TRACK OF\n");
    for (const struct machine_text *m = machine_texts; m->name; m++)
        buf_addf(&b, "%s\t%s\n", m->name, m->help);
    cli_print_table(buf_text(&b));
}

static int show(const struct args *a, enum machine_form form, struct err *err)
{
    if (a->name_count == 0) {
        list_machines();
        return 0;
    }
    for (const struct machine_text *m = machine_texts; m->name; m++)
        if (strcmp(m->name, a->name[0]) == 0) {
            cli_say("%s", m->text[form]);
            return 0;
        }
    return unknown_machine(a->name[0], err);
}

#define FSM_COMMAND(word, form)                                                       \
    int run_fsm_##word(struct cli *cli UNUSED, const struct args *a, int *ret UNUSED, \
                       struct err *err)                                               \
    {                                                                                 \
        return show(a, form, err);                                                    \
    }

FSM_COMMAND(show, MACHINE_TEXT)
FSM_COMMAND(dot, MACHINE_DOT)
FSM_COMMAND(mermaid, MACHINE_MERMAID)
FSM_COMMAND(json, MACHINE_JSON)
