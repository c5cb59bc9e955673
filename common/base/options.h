/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of a program that runs for long: one table, from which parsing and --help are
 * made. (The CLI has commands and a grammar of its own.) Pure. */
#pragma once

#include "common/base/buf.h"
#include "common/base/clock.h"

/* Put what the option says where `to` points. `value` is borrowed from the command line and lives
 * as long as the program; NULL for an option without one. */
typedef int (*option_fn)(void *to, const char *value, struct err *err);

/* A table ends with a zeroed row. --help and --version are known without one. */
struct option_row {
    const char *name;  /* without its dashes */
    const char *value; /* what --help calls its value; NULL: it has none */
    const char *help;  /* one sentence */
    option_fn take;
    size_t at; /* `to`, as the offset in what is filled */
};

/* The last two fields: hand `field` of `struct type` to `fn`. */
#define OPTION_INTO(fn, type, field) (fn), offsetof(struct type, field)

int option_text(void *to, const char *value, struct err *err);      /* a const char * */
int option_flag(void *to, const char *value, struct err *err);      /* a bool */
int option_duration(void *to, const char *value, struct err *err);  /* a dur_t, "10s" */
int option_log_level(void *to, const char *value, struct err *err); /* of this process */
/* For the functions of a program: a number from 1 to `max`. */
int option_number(const char *value, unsigned max, unsigned *ret, struct err *err) MUST_CHECK;

enum options_outcome { OPTIONS_HELP = 1, OPTIONS_VERSION };

/* Fill *ret from the words after the first; "--name value" and "--name=value". OPTIONS_HELP and
 * OPTIONS_VERSION when that is asked for: what came before is in *ret. INVALID names the word, and
 * the option that it may have meant. */
int options_parse(const struct option_row *table, int argc, char **argv, void *ret,
                  struct err *err) MUST_CHECK;

/* What the environment says of options that the command line does not give. The variable of "drain"
 * is `prefix` and DRAIN, with '_' for '-'; of an option without a value it is true or false. `look`
 * is getenv(). INVALID names the variable. */
int options_environment(const struct option_row *table, const char *prefix, int argc, char **argv,
                        char *(*look)(const char *name), void *ret, struct err *err) MUST_CHECK;

/* The lines of --help, folded to 80 columns. */
void options_help(const struct option_row *table, struct buf *ret);
