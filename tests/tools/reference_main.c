/* SPDX-License-Identifier: Apache-2.0 */
/* Prints a page of docs/reference from the table that it is about: `reference
 * errors|events|log-events|metrics|plan`. tests/lint/docs.sh compares the pages with this, so that
 * a changed table asks for its page. */
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/units.h"
#include "common/model/event_kinds.h"
#include "common/model/plan_schema.h"
#include "common/model/plan_values.h"

#define PAGE_MAX       (256u << 10)
#define PATH_MAX_BYTES 128

/* ---- errors ---------------------------------------------------------------------------------- */

/* What the caller may take a kind to mean. A new kind has to be explained here. */
static const char *meaning(enum err_code code)
{
    switch (code) {
    case ERR_INVALID:
        return "What was given is wrong in itself: a plan, an option, a name. Change it.";
    case ERR_NOT_FOUND:
        return "There is no such migration, stage, node or file.";
    case ERR_EXISTS:
        return "It is there already.";
    case ERR_DENIED:
        return "The system does not permit it: file permissions, a read-only disk.";
    case ERR_REFUSED:
        return "Well formed, and not now: the hint says what has to be done first.";
    case ERR_CONFLICT:
        return "Somebody else changed the same thing meanwhile. Look, then type it again.";
    case ERR_EXHAUSTED:
        return "A limit is reached: disk full, queue full, too many of something.";
    case ERR_UNAVAILABLE:
        return "Nobody answers there, or not yet. Nothing was changed.";
    case ERR_TIMEOUT:
        return "No answer in time.";
    case ERR_CANCELLED:
        return "Given up by the one who asked, or because a program ends.";
    case ERR_UNKNOWN_OUTCOME:
        return "The connection was lost after a command was sent: it may have been carried out. "
               "`switchyard status` tells.";
    case ERR_CORRUPT:
        return "Stored or received data fails its check. It is not used.";
    case ERR_UNSUPPORTED:
        return "This version does not know it; another one may.";
    case ERR_IO:
        return "Reading or writing failed.";
    case ERR_INTERNAL:
        return "A flaw of Switchyard. Report it with the log.";
    case ERR_NONE:
    case ERR_COUNT:
        break;
    }
    return "";
}

static void print_errors(struct buf *b)
{
    buf_addf(b,
             "# Errors\n\n"
             "Every failure has a kind, which says what the caller can do, a message, which says "
             "what happened and why,\nand often a hint: what to type next.\n"
             "Made from `common/base/err_codes.h`; `tests/lint/docs.sh --write` renews this "
             "page.\n\n"
             "| kind | what it means | trying again can help | gRPC status | exit status |\n"
             "|---|---|---|---|---|\n");
    for (unsigned i = ERR_NONE + 1; i < ERR_COUNT; i++) {
        enum err_code code = (enum err_code)i;

        buf_addf(b, "| `%s` | %s | %s | %d | %d |\n", err_text(code), meaning(code),
                 err_retryable(code) ? "yes" : "no", err_grpc_status(code), err_exit_status(code));
    }
    buf_addf(b,
             "\nExit status 1: refused or failed, and the answer is sure. 2: the command could "
             "not run, or its outcome is\nnot known.\n");
}

/* ---- log events ------------------------------------------------------------------------------ */

static void print_log_events(struct buf *b)
{
    static const char *const help[] = {
#define X(id, name, text) [LOG_##id] = text,
        LOG_EVENTS(X)
#undef X
    };

    buf_addf(b,
             "# Log events\n\n"
             "All programs log to standard error, one line per fact: `time=... level=... "
             "event=NAME key=value ...`.\n"
             "`level=error`: somebody must act; `warn`: the program acts by itself and runs "
             "degraded; `info`: state moved.\n"
             "Names are an interface: new ones may come, none is renamed. Made from "
             "`common/base/log_events.h`;\n`tests/lint/docs.sh --write` renews this page.\n\n"
             "| event | says |\n|---|---|\n");
    for (unsigned i = 0; i < LOG_EVENT_COUNT; i++)
        buf_addf(b, "| `%s` | %s |\n", log_event_name((enum log_event)i), help[i]);
}

/* ---- metrics --------------------------------------------------------------------------------- */

static void print_metrics(struct buf *b)
{
    buf_addf(b,
             "# Metrics\n\n"
             "`/metrics` on the address of `--admin`, of a sidecar and of a coordinator, in the "
             "text form of Prometheus. A sidecar's\ncounters are a second behind its requests at "
             "most, and those of a migration go with its route. Units are in the\nnames. Names "
             "are an interface: new ones may come, none is renamed. Made from "
             "`common/base/metrics_tbl.h`;\n`tests/lint/docs.sh --write` renews this page.\n\n"
             "| metric | type | labels | says |\n|---|---|---|---|\n");
    for (unsigned i = 0; i < METRIC_COUNT; i++) {
        enum metric m = (enum metric)i;

        buf_addf(b, "| `%s` | %s | %s | %s |\n", metric_name(m), metric_type(m), metric_labels(m),
                 metric_help(m));
    }
}

/* ---- the plan -------------------------------------------------------------------------------- */

static void print_words(struct buf *b, const char *const *words)
{
    for (const char *const *word = words; *word; word++)
        buf_addf(b, "%s`%s`", word == words ? "" : ", ", *word);
}

static void print_range(struct buf *b, const struct plan_field *f)
{
    char low[UNIT_TEXT_MAX], high[UNIT_TEXT_MAX];

    buf_addf(b, "duration, %s to %s", unit_duration_text(dur_ns(f->min), low),
             unit_duration_text(dur_ns(f->max), high));
}

/* What may be written: told by the reader of the value, or by the table. */
static void print_form(struct buf *b, const struct plan_field *f)
{
    char high[UNIT_TEXT_MAX];

    if (f->form)
        buf_addf(b, "%s", f->form);
    else if (f->words)
        print_words(b, f->words);
    else if (f->section)
        buf_addf(b, "mapping");
    else if (f->read == plan_value_bool)
        buf_addf(b, "`true`, `false`");
    else if (f->read == plan_value_count)
        buf_addf(b, "whole number, %lld to %lld", (long long)f->min, (long long)f->max);
    else if (f->read == plan_value_duration || f->read == plan_value_millis)
        print_range(b, f);
    else if (f->read == plan_value_ratio)
        buf_addf(b, "percentage with its sign, 0.0001%% to 100%%");
    else if (f->read == plan_value_confidence)
        buf_addf(b, "percentage with its sign, 50%% to 99.9999%%");
    else if (f->read == plan_value_thousandths)
        buf_addf(b, "number, 0.001 to %lld", (long long)f->max);
    else if (f->read == plan_value_weight)
        buf_addf(b, "percentage, 0 to 100, steps of 0.01");
    else if (f->read == plan_value_factor)
        buf_addf(b, "number over 1, at most 1000");
    else if (f->read == plan_value_size)
        buf_addf(b, "size, at most %s", unit_size_text((uint64_t)f->max, high));
    else if (f->read == plan_value_key)
        buf_addf(b, "`header:NAME`, `cookie:NAME`, `path:N`, `client-ip`, `random`");
}

static void print_field(struct buf *b, const struct plan_field *f)
{
    CHECK(f->help && (f->required || f->preset)); /* a new field explains itself */
    buf_addf(b, "| `%s` | ", f->name);
    print_form(b, f);
    buf_addf(b, " | %s | %s |\n", f->required ? "required" : f->preset, f->help);
}

static void print_later(struct buf *b, const char *const *later)
{
    if (!later)
        return;
    buf_addf(b, "\nRefused by name, because nobody enforces it yet: ");
    print_words(b, later);
    buf_addf(b, ".\n");
}

/* A section, then those inside it. A list's items are sections as well. */
static void print_section(struct buf *b, const char *path, const struct plan_section *s)
{
    if (path[0])
        buf_addf(b, "\n## %s\n", path);
    buf_addf(b, "\n| field | value | when absent | meaning |\n|---|---|---|---|\n");
    for (unsigned i = 0; i < s->count; i++)
        print_field(b, &s->fields[i]);
    print_later(b, s->later);
    for (unsigned i = 0; i < s->count; i++) {
        const struct plan_field *f = &s->fields[i];
        char inner[PATH_MAX_BYTES];
        bool in_list = f->section && f->form;

        if (!f->section)
            continue;
        str_fmt(inner, sizeof inner, "%s%s%s%s", path, path[0] ? "." : "", f->name,
                in_list ? "[]" : "");
        print_section(b, inner, f->section);
    }
}

static void print_plan(struct buf *b)
{
    buf_addf(b,
             "# Plans\n\n"
             "A plan is a YAML or JSON file of at most 1 MiB, without aliases or tags. "
             "`switchyard apply -f FILE` checks it as a whole\nand stores nothing when there is "
             "a problem; `--dry-run` only checks. Unknown fields are refused with the nearest "
             "name.\n"
             "[orders.yaml](../../deploy/examples/orders.yaml) has every field once. Made from "
             "`common/model/plan_schema*.c`;\n`tests/lint/docs.sh --write` renews this page.\n\n"
             "Durations: `250ms`, `1.5s`, `10m`, `2h`, `7d`. Sizes: `512`, `64KiB`, `1MiB`. "
             "Ratios always with their sign: `0.1%%`.\n");
    print_section(b, "", &plan_schema);
}

/* ---- events ---------------------------------------------------------------------------------- */

static void print_events(struct buf *b)
{
    buf_addf(b,
             "# Events\n\n"
             "What `switchyard events` prints and webhooks are sent. Names are an interface: new "
             "ones may come, none is\nrenamed. Made from `common/model/event_kinds.h`; "
             "`tests/lint/docs.sh --write` renews this page.\n\n"
             "| kind | what happened |\n|---|---|\n");
    for (unsigned i = 0; i < EVENT_KIND_COUNT; i++)
        buf_addf(b, "| `%s` | %s |\n", event_kind_name((enum event_kind)i),
                 event_kind_help((enum event_kind)i));
    buf_addf(b,
             "\n| field | what it says |\n|---|---|\n"
             "| `revision` | of the store, when it was stored; hand it to `--since` to go on |\n"
             "| `sequence` | rises by one per migration, and goes on when a deleted plan comes "
             "back |\n"
             "| `kind` | one of those above |\n"
             "| `migration`, `stage` | what it is about |\n"
             "| `time` | RFC 3339, UTC |\n"
             "| `operator` | who ordered it; `switchyard` for what happens by itself |\n"
             "| `node` | breakers: the node, when it is one |\n"
             "| `text` | a sentence: why, or what |\n"
             "| `lost` | so many of this migration before this one were not kept; who goes on "
             "from a revision is told the most there can have been |\n");
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*print)(struct buf *b);
    } pages[] = {{"errors", print_errors},
                 {"events", print_events},
                 {"log-events", print_log_events},
                 {"metrics", print_metrics},
                 {"plan", print_plan}};

    for (size_t i = 0; argc == 2 && i < ARRAY_LEN(pages); i++) {
        CLEANUP(buf_deinitp) struct buf b = BUF_INIT(PAGE_MAX);

        if (strcmp(argv[1], pages[i].name) != 0)
            continue;
        pages[i].print(&b);
        fputs(buf_text(&b), stdout);
        return 0;
    }
    fputs("usage: reference errors|events|log-events|metrics|plan\n", stderr);
    return 2;
}
