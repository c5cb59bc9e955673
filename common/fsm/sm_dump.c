/* SPDX-License-Identifier: Apache-2.0 */
#include "common/fsm/sm_dump.h"

#include "common/base/json.h"

#define STAYS "(stay)" /* in place of a next state */

struct out {
    struct buf *b;
    bool ok;
};

static void put(struct out *o, const char *fmt, ...) PRINTF(2, 3);

static void put(struct out *o, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    o->ok = o->ok && buf_vaddf(o->b, fmt, ap);
    va_end(ap);
}

/* Text with `special` characters behind a backslash. */
static void put_escaped(struct out *o, const char *text, const char *special)
{
    for (; *text; text++)
        put(o, strchr(special, *text) ? "\\%c" : "%c", *text);
}

static const char *const format_words[SM_FORMAT_COUNT] = {
#define X(name, word) [SM_##name] = word,
    SM_FORMATS(X)
#undef X
};

int sm_format_parse(struct str word, enum sm_format *ret, struct err *err)
{
    for (unsigned i = 0; i < SM_FORMAT_COUNT; i++)
        if (str_eq(word, str_of(format_words[i]))) {
            *ret = (enum sm_format)i;
            return 0;
        }
    int r = err_set(err, ERR_INVALID, "unknown format \"%.*s\"", word.n > 64 ? 64 : (int)word.n,
                    word.n ? word.p : "");
#define X(name, word) " " word
    err_hint(err, "formats are:" SM_FORMATS(X));
#undef X
    return r;
}

static const char *to_name(const struct sm_machine *m, const struct sm_row *row)
{
    return row->to == SM_STAY ? STAYS : sm_state_name(m, row->to);
}

/* For the widths of the text form. */
static int longest_state(const struct sm_machine *m)
{
    size_t longest = sizeof STAYS - 1;

    for (unsigned i = 0; i < m->state_count; i++)
        if (strlen(m->states[i].name) > longest)
            longest = strlen(m->states[i].name);
    return (int)longest;
}

static int longest_event(const struct sm_machine *m)
{
    size_t longest = 0;

    for (unsigned i = 0; i < m->event_count; i++)
        if (strlen(m->events[i]) > longest)
            longest = strlen(m->events[i]);
    return (int)longest;
}

static void put_flags(struct out *o, const struct sm_state *s, const char *separator)
{
    if (s->flags & SM_INITIAL)
        put(o, "%sinitial", separator);
    if (s->flags & SM_FINAL)
        put(o, "%sfinal", separator);
}

static void put_next(struct out *o, const struct sm_machine *m, int state, const char *separator)
{
    const char *before = "";

    for (int to = 0; to < (int)m->state_count; to++)
        if (sm_allows(m, state, to)) {
            put(o, "%s%s", before, sm_state_name(m, to));
            before = separator;
        }
}

static void put_effects(struct out *o, const struct sm_machine *m, uint32_t effects)
{
    const char *before = "";

    for (unsigned i = 0; i < m->effect_count && i < 32; i++)
        if (effects & (UINT32_C(1) << i)) {
            put(o, "%s%s", before, m->effects[i]);
            before = ", ";
        }
}

static void dump_text(const struct sm_machine *m, struct out *o)
{
    int state_width = longest_state(m);
    int event_width = longest_event(m);

    put(o, "machine %s: %s\n\nstates\n", m->name, m->help);
    for (unsigned i = 0; i < m->state_count; i++) {
        const struct sm_state *s = &m->states[i];
        put(o, "  %-*s  %s", state_width, s->name, s->coarse);
        put_flags(o, s, ", ");
        put(o, "; %s\n", s->help);
    }
    put(o, "\nrows (the first whose guard holds applies)\n");
    for (unsigned i = 0; i < m->row_count; i++) {
        const struct sm_row *row = &m->rows[i];
        put(o, "  %-*s  %-*s  -> %-*s  %s", state_width, sm_state_name(m, row->state), event_width,
            sm_event_name(m, row->event), state_width, to_name(m, row), row->why);
        if (row->guard)
            put(o, " [if %s]", row->guard_name);
        if (row->effects) {
            put(o, " {");
            put_effects(o, m, row->effects);
            put(o, "}");
        }
        put(o, "\n");
    }
    put(o, "\nignored on purpose\n");
    for (unsigned i = 0; i < m->ignored_count; i++)
        put(o, "  %-*s  %-*s  %s\n", state_width, sm_state_name(m, m->ignored[i].state),
            event_width, sm_event_name(m, m->ignored[i].event), m->ignored[i].why);
}

static void dump_dot(const struct sm_machine *m, struct out *o)
{
    put(o, "digraph \"%s\" {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n", m->name);
    for (unsigned i = 0; i < m->state_count; i++) {
        const struct sm_state *s = &m->states[i];
        put(o, "  \"%s\" [%s%stooltip=\"", s->name,
            s->flags & SM_INITIAL ? "style=\"rounded,bold\", " : "",
            s->flags & SM_FINAL ? "peripheries=2, " : "");
        put_escaped(o, s->help, "\"\\");
        put(o, "\"];\n");
    }
    for (unsigned i = 0; i < m->row_count; i++) {
        const struct sm_row *row = &m->rows[i];
        if (row->to == SM_STAY)
            continue;
        put(o, "  \"%s\" -> \"%s\" [label=\"%s", sm_state_name(m, row->state),
            sm_state_name(m, row->to), sm_event_name(m, row->event));
        if (row->guard)
            put(o, " [%s]", row->guard_name);
        put(o, "\"];\n");
    }
    put(o, "}\n");
}

/* Mermaid's identifiers take no '-' or '.', so states are s0, s1, ... with their name as
 * description. */
static void dump_mermaid(const struct sm_machine *m, struct out *o)
{
    put(o, "stateDiagram-v2\n");
    for (unsigned i = 0; i < m->state_count; i++)
        put(o, "  s%u : %s\n", i, m->states[i].name);
    for (unsigned i = 0; i < m->state_count; i++)
        if (m->states[i].flags & SM_INITIAL)
            put(o, "  [*] --> s%u\n", i);
    for (unsigned i = 0; i < m->row_count; i++) {
        const struct sm_row *row = &m->rows[i];
        if (row->to == SM_STAY)
            continue;
        put(o, "  s%d --> s%d : %s", row->state, row->to, sm_event_name(m, row->event));
        if (row->guard)
            put(o, " [%s]", row->guard_name);
        put(o, "\n");
    }
    for (unsigned i = 0; i < m->state_count; i++)
        if (m->states[i].flags & SM_FINAL)
            put(o, "  s%u --> [*]\n", i);
}

static struct json *state_json(const struct sm_machine *m, int state)
{
    const struct sm_state *s = &m->states[state];
    struct json *j = json_object();
    struct json *next = json_array();

    json_set_string(j, "name", s->name);
    json_set_string(j, "coarse", s->coarse);
    json_set_bool(j, "initial", s->flags & SM_INITIAL);
    json_set_bool(j, "final", s->flags & SM_FINAL);
    json_set_string(j, "help", s->help);
    for (int to = 0; to < (int)m->state_count; to++)
        if (sm_allows(m, state, to))
            json_append(next, json_from_string(sm_state_name(m, to)));
    json_set(j, "next", next);
    return j;
}

static struct json *row_json(const struct sm_machine *m, const struct sm_row *row)
{
    struct json *j = json_object();
    struct json *effects = json_array();

    json_set_string(j, "state", sm_state_name(m, row->state));
    json_set_string(j, "event", sm_event_name(m, row->event));
    json_set_string(j, "guard", row->guard_name);
    json_set_string(j, "to", sm_state_name(m, row->to == SM_STAY ? row->state : row->to));
    for (unsigned i = 0; i < m->effect_count && i < 32; i++)
        if (row->effects & (UINT32_C(1) << i))
            json_append(effects, json_from_string(m->effects[i]));
    json_set(j, "effects", effects);
    json_set_string(j, "why", row->why);
    return j;
}

static struct json *ignore_json(const struct sm_machine *m, const struct sm_ignore *ignored)
{
    struct json *j = json_object();

    json_set_string(j, "state", sm_state_name(m, ignored->state));
    json_set_string(j, "event", sm_event_name(m, ignored->event));
    json_set_string(j, "why", ignored->why);
    return j;
}

static void dump_json(const struct sm_machine *m, struct out *o)
{
    CLEANUP(json_freep) struct json *j = json_object();
    struct json *states = json_array();
    struct json *rows = json_array();
    struct json *ignored = json_array();

    for (unsigned i = 0; i < m->state_count; i++)
        json_append(states, state_json(m, (int)i));
    for (unsigned i = 0; i < m->row_count; i++)
        json_append(rows, row_json(m, &m->rows[i]));
    for (unsigned i = 0; i < m->ignored_count; i++)
        json_append(ignored, ignore_json(m, &m->ignored[i]));
    json_set_string(j, "machine", m->name);
    json_set_string(j, "help", m->help);
    json_set(j, "states", states);
    json_set(j, "rows", rows);
    json_set(j, "ignored", ignored);
    o->ok = o->ok && json_print(j, true, o->b);
    put(o, "\n");
}

/* "| a | b " with what would end a cell escaped. */
static void put_cell(struct out *o, const char *text)
{
    put(o, "| ");
    put_escaped(o, text, "|");
    put(o, " ");
}

static void markdown_states(const struct sm_machine *m, struct out *o)
{
    put(o, "## States\n\n| state | coarse | next | guaranteed |\n|---|---|---|---|\n");
    for (unsigned i = 0; i < m->state_count; i++) {
        const struct sm_state *s = &m->states[i];
        put(o, "| **%s**", s->name);
        put_flags(o, s, ", ");
        put(o, " ");
        put_cell(o, s->coarse);
        put(o, "| ");
        put_next(o, m, (int)i, ", ");
        put(o, " ");
        put_cell(o, s->help);
        put(o, "|\n");
    }
}

static void markdown_rows(const struct sm_machine *m, struct out *o)
{
    put(o, "\n## Rows\n\nThe first row of a pair whose guard holds applies.\n\n");
    put(o, "| state | event | if | to | effects | why |\n|---|---|---|---|---|---|\n");
    for (unsigned i = 0; i < m->row_count; i++) {
        const struct sm_row *row = &m->rows[i];
        put_cell(o, sm_state_name(m, row->state));
        put_cell(o, sm_event_name(m, row->event));
        put_cell(o, row->guard ? row->guard_name : "");
        put_cell(o, to_name(m, row));
        put(o, "| ");
        put_effects(o, m, row->effects);
        put(o, " ");
        put_cell(o, row->why);
        put(o, "|\n");
    }
}

static void markdown_ignored(const struct sm_machine *m, struct out *o)
{
    put(o, "\n## Ignored on purpose\n\n| state | event | why |\n|---|---|---|\n");
    for (unsigned i = 0; i < m->ignored_count; i++) {
        put_cell(o, sm_state_name(m, m->ignored[i].state));
        put_cell(o, sm_event_name(m, m->ignored[i].event));
        put_cell(o, m->ignored[i].why);
        put(o, "|\n");
    }
}

static void dump_markdown(const struct sm_machine *m, struct out *o)
{
    put(o, "# Machine: %s\n\n%s\n\n```mermaid\n", m->name, m->help);
    dump_mermaid(m, o);
    put(o, "```\n\n");
    markdown_states(m, o);
    markdown_rows(m, o);
    if (m->ignored_count > 0)
        markdown_ignored(m, o);
}

bool sm_dump(const struct sm_machine *m, enum sm_format format, struct buf *b)
{
    static void (*const dumps[SM_FORMAT_COUNT])(const struct sm_machine *, struct out *) = {
        [SM_TEXT] = dump_text, [SM_DOT] = dump_dot,           [SM_MERMAID] = dump_mermaid,
        [SM_JSON] = dump_json, [SM_MARKDOWN] = dump_markdown,
    };
    struct out o = {.b = b, .ok = true};

    dumps[format](m, &o);
    return o.ok;
}

bool sm_dump_history(const struct sm *sm, struct buf *b)
{
    struct out o = {.b = b, .ok = true};
    const struct sm_step *step;
    char at[WALL_TEXT_MAX];

    for (unsigned n = 0; (step = sm_history(sm, n)); n++)
        put(&o, "%s %s -> %s on %s: %s\n", wall_text(step->at, at),
            sm_state_name(sm->machine, step->from), sm_state_name(sm->machine, step->to),
            sm_event_name(sm->machine, step->row->event), step->row->why);
    return o.ok;
}
