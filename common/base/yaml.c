/* SPDX-License-Identifier: Apache-2.0 */
/* Events of libyaml to a tree. Its event interface is used rather than its documents, because that
 * resolves aliases before anyone could refuse them. */
#include "common/base/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>
#include <yaml.h>

#include "common/base/mem.h"
#include "common/base/yaml_scalar.h"

struct line_entry {
    UT_hash_handle hh;
    const struct json *node; /* the key */
    unsigned line;
};

struct yaml_doc {
    struct json *root;        /* owned */
    struct line_entry *lines; /* owned, by node */
    char *source;             /* owned */
};

/* A container that is being filled. */
struct level {
    struct json *node; /* borrowed from the tree */
    char *key;         /* owned: the key whose value comes next, or NULL */
    unsigned key_line;
};

struct builder {
    struct yaml_doc *doc;
    struct level levels[YAML_MAX_DEPTH];
    unsigned depth;
    unsigned nodes;
    unsigned documents;
    struct err *err;
};

static unsigned line_of(yaml_mark_t mark)
{
    return (unsigned)mark.line + 1;
}

static int refuse(struct builder *b, unsigned line, const char *fmt, ...) PRINTF(3, 4);

static int refuse(struct builder *b, unsigned line, const char *fmt, ...)
{
    char why[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    return err_set(b->err, ERR_INVALID, "%s:%u: %s", b->doc->source, line, why);
}

static void note_line(struct yaml_doc *d, const struct json *node, unsigned line)
{
    struct line_entry *entry = xnew(struct line_entry);

    entry->node = node;
    entry->line = line;
    HASH_ADD_PTR(d->lines, node, entry);
}

static struct level *current(struct builder *b)
{
    return b->depth ? &b->levels[b->depth - 1] : NULL;
}

/* Put a finished scalar or a new container where it belongs. Takes `node` in any case. */
static int place(struct builder *b, struct json *node, unsigned line)
{
    struct level *in = current(b);

    if (++b->nodes > YAML_MAX_NODES) {
        json_free(node);
        return refuse(b, line, "more than %d values", YAML_MAX_NODES);
    }
    if (!in) {
        b->doc->root = node;
    } else if (in->key) {
        json_add(in->node, in->key, node);
        line = in->key_line;
        xfreep(&in->key);
    } else {
        json_append(in->node, node);
    }
    note_line(b->doc, node, line);
    return 0;
}

static bool wants_key(struct builder *b)
{
    struct level *in = current(b);

    return in && json_kind(in->node) == JSON_OBJECT && !in->key;
}

static int open_container(struct builder *b, struct json *node, yaml_mark_t mark)
{
    if (wants_key(b) || b->depth == YAML_MAX_DEPTH) {
        json_free(node);
        return wants_key(b)
                   ? refuse(b, line_of(mark), "a key must be a string")
                   : refuse(b, line_of(mark), "nested deeper than %d levels", YAML_MAX_DEPTH);
    }
    int r = place(b, node, line_of(mark));
    if (r < 0)
        return r;
    b->levels[b->depth++] = (struct level){.node = node};
    return 0;
}

static int on_key(struct builder *b, struct str text, struct json *value, unsigned line)
{
    CLEANUP(json_freep) struct json *key = value;
    struct level *in = current(b);

    if (json_kind(key) != JSON_STRING) {
        int r = refuse(b, line, "a key must be a string, and \"%.64s\" is %s", text.n ? text.p : "",
                       json_kind_name(json_kind(key)));
        err_hint(b->err, "put it in quotes");
        return r;
    }
    in->key = xstrdup(json_string(key, ""));
    in->key_line = line;
    return 0;
}

static int on_scalar(struct builder *b, const yaml_event_t *e)
{
    struct str text = {(const char *)e->data.scalar.value, e->data.scalar.length};
    bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    unsigned line = line_of(e->start_mark);
    struct json *value = NULL;

    if (text.n > 0 && memchr(text.p, '\0', text.n))
        return refuse(b, line, "a string may not hold the character NUL");
    if (!plain)
        value = json_from_str(text);
    else if (!yaml_scalar_resolve(text, &value))
        return refuse(b, line, "%.64s is not a number that can be kept", text.p);
    return wants_key(b) ? on_key(b, text, value, line) : place(b, value, line);
}

static int refuse_decorated(struct builder *b, const yaml_event_t *e, const yaml_char_t *anchor,
                            const yaml_char_t *tag)
{
    if (anchor)
        return refuse(b, line_of(e->start_mark),
                      "the anchor &%.64s is not supported; write the value out",
                      (const char *)anchor);
    if (tag)
        return refuse(b, line_of(e->start_mark), "the tag %.64s is not supported",
                      (const char *)tag);
    return 0;
}

/* A lone "!" leaves no tag behind, only a plain scalar that may not be resolved. */
static int refuse_scalar_decoration(struct builder *b, const yaml_event_t *e)
{
    if (e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !e->data.scalar.plain_implicit &&
        !e->data.scalar.tag)
        return refuse(b, line_of(e->start_mark), "the tag ! is not supported");
    return refuse_decorated(b, e, e->data.scalar.anchor, e->data.scalar.tag);
}

static int on_event(struct builder *b, const yaml_event_t *e)
{
    int r = 0;

    switch (e->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (b->documents++ > 0)
            return refuse(b, line_of(e->start_mark),
                          "a second document begins; one file holds one");
        return 0;
    case YAML_ALIAS_EVENT:
        return refuse(b, line_of(e->start_mark),
                      "the alias *%.64s is not supported; write the value out",
                      (const char *)e->data.alias.anchor);
    case YAML_SCALAR_EVENT:
        r = refuse_scalar_decoration(b, e);
        return r < 0 ? r : on_scalar(b, e);
    case YAML_MAPPING_START_EVENT:
        r = refuse_decorated(b, e, e->data.mapping_start.anchor, e->data.mapping_start.tag);
        return r < 0 ? r : open_container(b, json_object(), e->start_mark);
    case YAML_SEQUENCE_START_EVENT:
        r = refuse_decorated(b, e, e->data.sequence_start.anchor, e->data.sequence_start.tag);
        return r < 0 ? r : open_container(b, json_array(), e->start_mark);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        b->depth--;
        return 0;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return 0;
    }
    return 0;
}

static int refuse_syntax(struct builder *b, const yaml_parser_t *parser, struct str text)
{
    const char *problem = parser->problem ? parser->problem : "not readable as YAML";
    unsigned line = line_of(parser->problem_mark);

    if (parser->error == YAML_READER_ERROR) { /* it knows the byte, not the line */
        line = 1;
        for (size_t i = 0; i < parser->problem_offset && i < text.n; i++)
            line += text.p[i] == '\n';
    }
    if (parser->context)
        return refuse(b, line, "%s, %s", problem, parser->context);
    return refuse(b, line, "%s", problem);
}

static int read_events(struct builder *b, yaml_parser_t *parser, struct str text)
{
    bool end = false;
    int r = 0;

    while (!end && r == 0) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event))
            return refuse_syntax(b, parser, text);
        end = event.type == YAML_STREAM_END_EVENT;
        r = on_event(b, &event);
        yaml_event_delete(&event);
    }
    return r;
}

static int build(struct builder *b, struct str text)
{
    yaml_parser_t parser;

    if (text.n > YAML_MAX_BYTES)
        return refuse(b, 1, "larger than %u bytes", YAML_MAX_BYTES);
    if (!yaml_parser_initialize(&parser))
        return err_set(b->err, ERR_INTERNAL, "%s: no YAML parser", b->doc->source);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)(text.n ? text.p : ""), text.n);
    int r = read_events(b, &parser, text);
    yaml_parser_delete(&parser);
    for (unsigned i = 0; i < YAML_MAX_DEPTH; i++)
        xfreep(&b->levels[i].key);
    return r;
}

static int check_duplicates(struct builder *b)
{
    const struct json *duplicate = json_find_duplicate(b->doc->root);

    if (!duplicate)
        return 0;
    return refuse(b, yaml_line(b->doc, duplicate), "the key %.128s stands twice",
                  json_key(duplicate));
}

int yaml_parse(struct str text, const char *source, struct yaml_doc **ret, struct err *err)
{
    CLEANUP(yaml_doc_freep) struct yaml_doc *d = xnew(struct yaml_doc);
    struct builder b = {.doc = d, .err = err};

    d->source = xstrdup(source);
    int r = build(&b, text);
    if (r < 0)
        return r;
    if (!d->root) /* empty, or comments only: the core schema calls that null */
        d->root = json_null();
    r = check_duplicates(&b);
    if (r < 0)
        return r;
    *ret = steal(d);
    return 0;
}

void yaml_doc_free(struct yaml_doc *d)
{
    struct line_entry *entry, *next;

    if (!d)
        return;
    HASH_ITER (hh, d->lines, entry, next) {
        HASH_DEL(d->lines, entry);
        free(entry);
    }
    json_free(d->root);
    free(d->source);
    free(d);
}

const struct json *yaml_root(const struct yaml_doc *d)
{
    return d->root;
}

struct json *yaml_take_root(struct yaml_doc *d)
{
    return steal(d->root);
}

const char *yaml_source(const struct yaml_doc *d)
{
    return d->source;
}

unsigned yaml_line(const struct yaml_doc *d, const struct json *node)
{
    struct line_entry *entry = NULL;

    HASH_FIND_PTR(d->lines, &node, entry);
    return entry ? entry->line : 0;
}
