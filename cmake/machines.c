/* SPDX-License-Identifier: Apache-2.0 */
/* Run in the build: prints the state machines' tables, in every form that `switchyard fsm` has, as
 * the C file of cli/machines.h. So the CLI has the tables of its own version without linking the
 * programs that run them. */
#include <stdio.h>

#include "common/fsm/sm_dump.h"
#include "coordinator/core/drill_fsm.h"
#include "coordinator/core/fleet_breaker_fsm.h"
#include "coordinator/core/stage_fsm.h"
#include "coordinator/election/election.h"
#include "sidecar/proxy/breaker_fsm.h"
#include "sidecar/proxy/endpoint_fsm.h"

#define DUMP_MAX (1u << 20)

static const struct sm_machine *const machines[] = {
    &stage_machine,    &drill_machine,   &fleet_breaker_machine,
    &election_machine, &breaker_machine, &endpoint_machine,
};

static const struct {
    const char *form;
    enum sm_format format;
} forms[] = {
    {"MACHINE_TEXT", SM_TEXT},
    {"MACHINE_DOT", SM_DOT},
    {"MACHINE_MERMAID", SM_MERMAID},
    {"MACHINE_JSON", SM_JSON},
};

/* As a C literal, a line of it for each line. */
static void print_literal(const char *text)
{
    printf("\"");
    for (; *text; text++) {
        if (*text == '\n')
            printf("\\n\"%s", text[1] ? "\n        \"" : "");
        else
            printf(*text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
    }
}

static bool print_form(const struct sm_machine *m, unsigned form)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(DUMP_MAX);

    if (!sm_dump(m, forms[form].format, &b))
        return false;
    if (b.len == 0 || b.data[b.len - 1] != '\n')
        buf_addf(&b, "\n");
    printf("        [%s] =\n        ", forms[form].form);
    print_literal(buf_text(&b));
    printf(",\n");
    return true;
}

static bool print_machine(const struct sm_machine *m)
{
    printf("    {\n        \"%s\",\n        \"%s\",\n        {\n", m->name, m->help);
    for (unsigned i = 0; i < ARRAY_LEN(forms); i++)
        if (!print_form(m, i))
            return false;
    printf("        },\n    },\n");
    return true;
}

int main(int argc, char **argv)
{
    if (argc != 2 || !freopen(argv[1], "w", stdout)) {
        fprintf(stderr, "usage: machines FILE.c\n");
        return 2;
    }
    printf(
        "/* Made by cmake/machines.c. */\n#include \"cli/machines.h\"\n\n"
        "const struct machine_text machine_texts[] = {\n");
    for (unsigned i = 0; i < ARRAY_LEN(machines); i++)
        if (!print_machine(machines[i]))
            return 1;
    printf("    {.name = 0},\n};\n");
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
