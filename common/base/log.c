/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log_ring.h"
#include "common/base/str.h"

#define LINE_MAX_BYTES 4096
#define QUOTE_SLOTS    8
#define QUOTE_SIZE     256

static const char *const level_names[LOG_LEVEL_COUNT] = {"error", "warn", "info", "debug", "trace"};

static const char *const event_names[LOG_EVENT_COUNT] = {
#define X(id, name, help) [LOG_##id] = name,
    LOG_EVENTS(X)
#undef X
};

static atomic_int threshold = LOG_INFO;

/* Protects `context`; no other lock is taken while it is held. */
static pthread_mutex_t context_lock = PTHREAD_MUTEX_INITIALIZER;
static char context[256];

const char *log_event_name(enum log_event ev)
{
    return event_names[ev];
}

const char *log_level_name(enum log_level l)
{
    return level_names[l];
}

bool log_level_parse(const char *name, enum log_level *ret)
{
    for (unsigned i = 0; i < LOG_LEVEL_COUNT; i++)
        if (strcmp(name, level_names[i]) == 0) {
            *ret = (enum log_level)i;
            return true;
        }
    return false;
}

void log_set_level(enum log_level l)
{
    atomic_store(&threshold, (int)l);
}

enum log_level log_get_level(void)
{
    return (enum log_level)atomic_load(&threshold);
}

bool log_enabled(enum log_level l)
{
    return (int)l <= atomic_load_explicit(&threshold, memory_order_relaxed);
}

void log_set_context(const char *fmt, ...)
{
    va_list ap;

    pthread_mutex_lock(&context_lock);
    va_start(ap, fmt);
    vsnprintf(context, sizeof context, fmt, ap);
    va_end(ap);
    pthread_mutex_unlock(&context_lock);
}

/* A line under construction. What does not fit is cut, and the line says so. */
struct line {
    char text[LINE_MAX_BYTES];
    size_t len;
    bool cut;
};

static void add_char(struct line *l, char c)
{
    if (l->len < sizeof l->text - sizeof "...\n")
        l->text[l->len++] = c;
    else
        l->cut = true;
}

/* Text as it stands, but on one line. */
static void add(struct line *l, const char *s)
{
    for (; *s; s++)
        add_char(l, (unsigned char)*s < 0x20 || *s == 0x7f ? ' ' : *s);
}

static bool is_bare(const char *s)
{
    if (!*s)
        return false;
    for (; *s; s++)
        if ((unsigned char)*s <= 0x20 || *s == 0x7f || *s == '"' || *s == '=' || *s == '\\')
            return false;
    return true;
}

/* The text that stands for `c` inside quotes, or NULL for itself. In a text that would not stand
 * in one line of UTF-8 every other byte than ASCII is suspect. */
static const char *escape(char c, bool is_line, char scratch[8])
{
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\t':
        return "\\t";
    default:
        if ((unsigned char)c >= 0x20 && c != 0x7f && (is_line || (unsigned char)c < 0x80))
            return NULL;
        snprintf(scratch, 8, "\\x%02x", (unsigned)(unsigned char)c);
        return scratch;
    }
}

/* Quote into `dst`, which ends as a closed quote even when the value is cut. */
static void quote(const char *s, char *dst, size_t size)
{
    size_t len = 0;
    size_t room = size - sizeof "...\"";
    bool is_line = str_is_line(str_of(s), NULL);

    if (is_line && is_bare(s) && strlen(s) < size) {
        memcpy(dst, s, strlen(s) + 1);
        return;
    }
    dst[len++] = '"';
    for (; *s; s++) {
        char scratch[8];
        const char *escaped = escape(*s, is_line, scratch);
        size_t n = escaped ? strlen(escaped) : 1;
        if (len + n > room)
            break;
        memcpy(dst + len, escaped ? escaped : s, n);
        len += n;
    }
    str_fmt(dst + len, size - len, "%s\"", *s ? "..." : "");
}

const char *log_quote(const char *value)
{
    static _Thread_local char slots[QUOTE_SLOTS][QUOTE_SIZE];
    static _Thread_local unsigned next;
    char *slot = slots[next++ % QUOTE_SLOTS];

    quote(value ? value : "", slot, QUOTE_SIZE);
    return slot;
}

static void add_pair(struct line *l, const char *key, const char *value)
{
    char quoted[2 * sizeof((struct err *)0)->msg];

    quote(value, quoted, sizeof quoted);
    add(l, key);
    add(l, quoted);
}

static void begin(struct line *l, enum log_level level, enum log_event ev)
{
    char now[WALL_TEXT_MAX];

    l->len = 0;
    l->cut = false;
    add(l, "time=");
    add(l, wall_text(clock_system->wall(clock_system), now));
    add(l, " level=");
    add(l, log_level_name(level));
    add(l, " event=");
    add(l, log_event_name(ev));

    pthread_mutex_lock(&context_lock);
    if (context[0])
        add_char(l, ' ');
    add(l, context);
    pthread_mutex_unlock(&context_lock);
}

static void add_words(struct line *l, const char *fmt, va_list ap) PRINTF(2, 0);

static void add_words(struct line *l, const char *fmt, va_list ap)
{
    char words[LINE_MAX_BYTES];

    vsnprintf(words, sizeof words, fmt, ap);
    if (words[0])
        add_char(l, ' ');
    add(l, words);
}

/* A log that cannot be written has nobody left to tell: the line is dropped. */
static void emit(struct line *l)
{
    if (l->cut) {
        memcpy(l->text + l->len, "...", 3);
        l->len += 3;
    }
    l->text[l->len++] = '\n';
    log_ring_add((struct str){l->text, l->len});
    for (size_t done = 0; done < l->len;) {
        ssize_t n = write(STDERR_FILENO, l->text + done, l->len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        done += (size_t)n;
    }
}

void log_line(enum log_level l, enum log_event ev, const char *fmt, ...)
{
    struct line line;
    va_list ap;

    if (!log_enabled(l))
        return;
    begin(&line, l, ev);
    va_start(ap, fmt);
    add_words(&line, fmt, ap);
    va_end(ap);
    emit(&line);
}

void log_err(enum log_level l, enum log_event ev, const struct err *err, const char *fmt, ...)
{
    struct line line;
    va_list ap;

    if (!log_enabled(l))
        return;
    begin(&line, l, ev);
    va_start(ap, fmt);
    add_words(&line, fmt, ap);
    va_end(ap);
    add_pair(&line, " error=", err_text(err->code));
    add_pair(&line, " why=", err->msg);
    if (err->hint[0])
        add_pair(&line, " hint=", err->hint);
    emit(&line);
}
