/* SPDX-License-Identifier: Apache-2.0 */
/* Where the settings come from: options, environment, configuration file, defaults; the first that
 * speaks. */
#include "cli/cli.h"

#include <stdlib.h>

#include "common/base/atomic_file.h"
#include "common/base/login.h"
#include "common/base/units.h"
#include "common/base/yaml.h"

#define CONFIG_MAX (64u << 10)
/* The longest that a coordinator lets a caller wait, see AwaitRequest. */
#define WAIT_MAX dur_s(60)
#define WAIT_MIN dur_ms(10)

/* Joins the file's list of endpoints; a text is taken as it is. */
static bool join_endpoints(const struct json *j, char *ret, size_t size)
{
    CLEANUP(buf_deinitp) struct buf b = BUF_INIT(size - 1);
    const char *text = json_string(j, NULL);

    if (text)
        return str_copy(str_of(text), ret, size);
    JSON_FOREACH (item, j)
        if (json_kind(item) != JSON_STRING ||
            !buf_addf(&b, "%s%s", b.len ? "," : "", json_string(item, "")))
            return false;
    return b.len > 0 && str_copy(buf_view(&b), ret, size);
}

bool cli_config_path(char *ret, size_t size)
{
    const char *path = getenv("SWITCHYARD_CONFIG"); /* allowed: the CLI's settings */
    const char *base = getenv("XDG_CONFIG_HOME");   /* allowed: the CLI's settings */
    const char *home = getenv("HOME");              /* allowed: the CLI's settings */

    if (path && path[0])
        return str_fmt(ret, size, "%s", path);
    if (base && base[0])
        return str_fmt(ret, size, "%s/switchyard/config.yaml", base);
    return home && str_fmt(ret, size, "%s/.config/switchyard/config.yaml", home);
}

static int check_fields(const struct yaml_doc *doc, struct err *err)
{
    static const char *const known[] = {"endpoints", "operator", NULL};
    enum json_kind kind = json_kind(yaml_root(doc));

    if (kind != JSON_OBJECT && kind != JSON_NULL)
        return err_set(err, ERR_INVALID, "%s: a mapping is expected", yaml_source(doc));
    JSON_FOREACH (item, yaml_root(doc)) {
        const char *key = json_key(item), *near;

        if (strcmp(key, known[0]) == 0 || strcmp(key, known[1]) == 0)
            continue;
        near = str_nearest(str_of(key), known);
        return err_set(err, ERR_INVALID, "%s:%u: unknown field \"%s\"%s%s", yaml_source(doc),
                       yaml_line(doc, item), key, near ? "; did you mean " : "", near ? near : "");
    }
    return 0;
}

static int read_config(struct cli *c, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(CONFIG_MAX);
    CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
    const struct json *root;
    char path[4096];
    int r;

    if (!cli_config_path(path, sizeof path))
        return 0;
    r = file_read(path, &text, err);
    if (r == -ERR_NOT_FOUND)
        return 0;
    if (r == 0)
        r = yaml_parse(buf_view(&text), path, &doc, err);
    if (r == 0)
        r = check_fields(doc, err);
    if (r < 0)
        return r;
    root = yaml_root(doc);
    if (json_get(root, "endpoints") &&
        !join_endpoints(json_get(root, "endpoints"), c->endpoints, sizeof c->endpoints))
        return err_set(err, ERR_INVALID, "%s: endpoints: a list of host:port is expected", path);
    if (json_get(root, "operator") && !str_copy(str_of(json_get_string(root, "operator", NULL)),
                                                c->operator_name, sizeof c->operator_name))
        return err_set(err, ERR_INVALID, "%s: operator: a name of at most %zu bytes is expected",
                       path, sizeof c->operator_name - 1);
    return 0;
}

static int override_text(const char *what, const char *text, char *ret, size_t size,
                         struct err *err)
{
    if (!text || !text[0])
        return 0;
    if (!str_copy(str_of(text), ret, size))
        return err_set(err, ERR_INVALID, "%s is longer than %zu bytes", what, size - 1);
    return 0;
}

static int take_output(struct cli *c, const char *text, struct err *err)
{
    static const char *const names[] = {[OUTPUT_TABLE] = "table",
                                        [OUTPUT_JSON] = "json",
                                        [OUTPUT_YAML] = "yaml",
                                        [OUTPUT_MARKDOWN] = "markdown"};

    if (text && strcmp(text, "text") == 0)
        text = names[OUTPUT_TABLE];

    for (unsigned i = 0; text && i < ARRAY_LEN(names); i++)
        if (strcmp(text, names[i]) == 0) {
            c->output = (enum output_format)i;
            return 0;
        }
    return text ? err_set(err, ERR_INVALID, "--output %s: it is table, json or yaml", text) : 0;
}

static int take_duration(const char *option, const char *text, dur_t *ret, struct err *err)
{
    int r = text ? unit_parse_duration(str_of(text), ret, err) : 0;

    if (r < 0)
        return err_ctx(err, "--%s", option);
    if (text && (ret->ns < WAIT_MIN.ns || ret->ns > WAIT_MAX.ns))
        return err_set(err, ERR_INVALID, "--%s %s is not within 10ms and 60s", option, text);
    return 0;
}

static int take_options(struct cli *c, const struct args *a, struct err *err)
{
    int r;

    r = override_text("--endpoints", a->option[OPT_ENDPOINTS], c->endpoints, sizeof c->endpoints,
                      err);
    if (r == 0)
        r = override_text("--operator", a->option[OPT_OPERATOR], c->operator_name,
                          sizeof c->operator_name, err);
    if (r == 0)
        r = take_output(c, a->option[OPT_OUTPUT], err);
    if (r == 0)
        r = take_duration("timeout", a->option[OPT_TIMEOUT], &c->timeout, err);
    if (r == 0)
        r = take_duration("wait", a->option[OPT_WAIT], &c->node_wait, err);
    return r;
}

/* The library would take a missing port for 443 and a URL for a name to resolve. */
static bool is_endpoint(struct str s)
{
    const char *colon = s.n > 0 ? memrchr(s.p, ':', s.n) : NULL;
    uint64_t port = 0;

    if (str_starts(s, STR("unix:")))
        return s.n > 5;
    if (!colon || colon == s.p || memchr(s.p, '/', s.n))
        return false;
    return str_to_u64((struct str){colon + 1, (size_t)(s.p + s.n - colon - 1)}, UINT16_MAX,
                      &port) &&
           port > 0;
}

/* The `i`th of the list, however it is written; false at the end. */
static bool find_endpoint(const struct cli *c, unsigned i, struct str *ret)
{
    struct str rest = str_of(c->endpoints);

    while (rest.n > 0) {
        str_cut(rest, ',', ret, &rest);
        *ret = str_trim(*ret);
        if (ret->n > 0 && i-- == 0)
            return true;
    }
    return false;
}

bool cli_endpoint(const struct cli *c, unsigned i, char ret[ENDPOINT_SIZE])
{
    struct str item;

    return find_endpoint(c, i, &item) && str_copy(item, ret, ENDPOINT_SIZE);
}

static int check_endpoints(const struct cli *c, struct err *err)
{
    struct str item;
    unsigned n = 0;

    for (; find_endpoint(c, n, &item); n++) {
        if (is_endpoint(item) && item.n < ENDPOINT_SIZE)
            continue;
        err_set(err, ERR_INVALID, "\"%.*s\" is no address of a coordinator", (int)item.n, item.p);
        return err_hint(err, "write host:port[,host:port...], as in 127.0.0.1:7400");
    }
    if (n == 0 || n > CLI_ENDPOINTS_MAX)
        return err_set(err, ERR_INVALID, "%u coordinators are given; name 1 to %u", n,
                       CLI_ENDPOINTS_MAX);
    return 0;
}

int cli_init(struct cli *c, const struct args *a, struct err *err)
{
    const char *endpoints = getenv("SWITCHYARD_ENDPOINTS");    /* allowed: the CLI's settings */
    const char *operator_name = getenv("SWITCHYARD_OPERATOR"); /* allowed: the CLI's settings */
    int r;

    *c = (struct cli){.endpoints = "127.0.0.1:7400", .timeout = dur_s(10), .node_wait = dur_s(10)};
    login_name(c->operator_name, sizeof c->operator_name);
    r = read_config(c, err);
    if (r == 0)
        r = override_text("SWITCHYARD_ENDPOINTS", endpoints, c->endpoints, sizeof c->endpoints,
                          err);
    if (r == 0)
        r = override_text("SWITCHYARD_OPERATOR", operator_name, c->operator_name,
                          sizeof c->operator_name, err);
    if (r == 0)
        r = take_options(c, a, err);
    if (r == 0)
        r = check_endpoints(c, err);
    if (r == 0)
        r = loop_new(clock_system, &c->loop, err);
    return r;
}

void cli_deinit(struct cli *c)
{
    loop_free(c->loop);
    c->loop = NULL;
}
