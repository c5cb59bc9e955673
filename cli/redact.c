/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/redact.h"

#define REDACTED "(redacted)"
#define TEXT_MAX (1u << 20)

bool redact_is_secret(const char *name)
{
    static const char *const words[] = {
        "password", "passwd",        "secret",     "token",   "apikey",
        "api_key",  "authorization", "credential", "private", "cookie",
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_icontains(str_of(name), str_of(words[i])))
            return true;
    return false;
}

/* ---- text ------------------------------------------------------------------------------------ */

/* How many bytes at the start of `s` name a secret that follows: "password=", "Bearer ". */
static size_t label_at(struct str s)
{
    static const char *const labels[] = {
        "password=", "passwd=", "secret=", "token=", "bearer ", "basic "};

    for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
        struct str label = str_of(labels[i]);

        if (str_istarts(s, label))
            return label.n;
    }
    return 0;
}

static size_t word_length(struct str s)
{
    size_t n = 0;

    while (n < s.n && !strchr(" \t\n&;,'\"", s.p[n]))
        n++;
    return n;
}

/* How far a secret goes. In quotes, to the next of that kind; where a text around it has escaped
 * the first, it has the last. */
static size_t secret_length(struct str s)
{
    const bool escaped = s.n > 0 && s.p[0] == '\\';
    const char quote = escaped < s.n ? s.p[escaped] : '\0';
    size_t n = escaped + 1u;

    if (quote != '"' && quote != '\'')
        return word_length(s);
    for (; n < s.n && s.p[n] != '\n'; n++)
        if (s.p[n] == quote && (escaped || s.p[n - 1] != '\\'))
            return n + 1;
    return n;
}

/* At "://": the bytes up to the password in "://user:password@host", and of it; 0 when there is
 * none. */
static size_t password_at(struct str s, size_t *ret_length)
{
    size_t colon = 0, i = 3;

    if (s.n < 3 || memcmp(s.p, "://", 3) != 0)
        return 0;
    for (; i < s.n && !strchr("/?# \t\n@", s.p[i]); i++)
        if (s.p[i] == ':' && colon == 0)
            colon = i;
    if (i == s.n || s.p[i] != '@' || colon == 0)
        return 0;
    *ret_length = i - colon - 1;
    return colon + 1;
}

void redact_text(struct str text, struct buf *b)
{
    while (text.n > 0) {
        size_t secret = 0, before = password_at(text, &secret);

        if (before == 0 && (before = label_at(text)) > 0)
            secret = secret_length((struct str){text.p + before, text.n - before});
        if (before == 0)
            before = 1;
        buf_addf(b, "%.*s%s", (int)before, text.p, secret > 0 ? REDACTED : "");
        text = (struct str){text.p + before + secret, text.n - before - secret};
    }
}

/* ---- trees ----------------------------------------------------------------------------------- */

static struct json *redact_string(const struct json *j)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(TEXT_MAX);

    redact_text(str_of(json_string(j, "")), &b);
    return json_from_string(buf_text(&b));
}

static struct json *redact_member(const struct json *j)
{
    enum json_kind kind = json_kind(j);

    if (redact_is_secret(json_key(j)) && kind != JSON_OBJECT && kind != JSON_NULL)
        return json_from_string(REDACTED);
    return redact_json(j);
}

static struct json *redact_object(const struct json *j)
{
    struct json *copy = json_object();

    JSON_FOREACH (member, j)
        json_add(copy, json_key(member), redact_member(member));
    return copy;
}

static struct json *redact_array(const struct json *j)
{
    struct json *copy = json_array();

    JSON_FOREACH (item, j)
        json_append(copy, redact_json(item));
    return copy;
}

struct json *redact_json(const struct json *j)
{
    switch (json_kind(j)) {
    case JSON_STRING:
        return redact_string(j);
    case JSON_OBJECT:
        return redact_object(j);
    case JSON_ARRAY:
        return redact_array(j);
    case JSON_NULL:
    case JSON_BOOL:
    case JSON_NUMBER:
        break;
    }
    return json_dup(j);
}
