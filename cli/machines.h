/* SPDX-License-Identifier: Apache-2.0 */
/* The state machines of coordinator and sidecar in words. The CLI links neither of them: these
 * texts are printed from their tables by cmake/machines.c when it is built. */
#pragma once

enum machine_form { MACHINE_TEXT, MACHINE_DOT, MACHINE_MERMAID, MACHINE_JSON, MACHINE_FORM_COUNT };

struct machine_text {
    const char *name, *help;
    const char *text[MACHINE_FORM_COUNT];
};

/* Ends with a zeroed one. */
extern const struct machine_text machine_texts[];
