/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/agent/agent_state.h"

#include "common/base/json.h"
#include "common/base/mem.h"

#define FORMAT 1

/* ---- writing --------------------------------------------------------------------------------- */

static char *to_hex(struct str bytes)
{
    static const char digit[] = "0123456789abcdef";
    char *hex = xalloc(bytes.n * 2 + 1);

    for (size_t i = 0; i < bytes.n; i++) {
        unsigned char c = (unsigned char)bytes.p[i];

        hex[2 * i] = digit[c >> 4];
        hex[2 * i + 1] = digit[c & 15];
    }
    return hex;
}

static struct json *encode_route(const struct ruleset_entry *e)
{
    struct json *j = json_object();
    char *hex = to_hex(e->rule);

    json_set_string(j, "migration", e->route.migration.s);
    json_set_string(j, "stage", e->route.stage);
    json_set_number(j, "weight", (double)e->route.weight_bp / 100.0);
    json_set_string(j, "rule", hex);
    xfreep(&hex);
    return j;
}

static struct json *encode_order(const struct emergency *o)
{
    struct json *j = json_object();

    json_set_string(j, "migration", o->migration.s);
    json_set_u64(j, "epoch", o->epoch);
    json_set_bool(j, "active", o->active);
    json_set_string(j, "reason", o->reason);
    json_set_string(j, "operator", o->operator_name);
    json_set_i64(j, "orderedAt", o->ordered_at.ns);
    return j;
}

bool agent_state_encode(const struct ruleset *set, const struct epochs *epochs, struct buf *b)
{
    CLEANUP(json_freep) struct json *root = json_object();
    struct json *routes = json_array(), *orders = json_array();
    char hex[SHA256_HEX];

    json_set_number(root, "format", FORMAT);
    json_set_string(root, "incarnation", set->incarnation);
    json_set_u64(root, "term", set->term);
    json_set_u64(root, "revision", set->revision);
    json_set_string(root, "checksum", sha256_hex(&set->checksum, hex));
    for (unsigned i = 0; i < set->count; i++)
        json_append(routes, encode_route(&set->entry[i]));
    for (unsigned i = 0; i < epochs->count; i++)
        json_append(orders, encode_order(&epochs->item[i]));
    json_set(root, "routes", routes);
    json_set(root, "emergencies", orders);
    return json_print(root, true, b);
}

/* ---- reading --------------------------------------------------------------------------------- */

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

static bool from_hex(struct str hex, struct buf *b)
{
    if (hex.n % 2 != 0)
        return false;
    for (size_t i = 0; i < hex.n; i += 2) {
        int high = nibble(hex.p[i]), low = nibble(hex.p[i + 1]);
        char byte;

        if (high < 0 || low < 0)
            return false;
        byte = (char)(high << 4 | low);
        if (!buf_add(b, &byte, 1))
            return false;
    }
    return true;
}

static int decode_route(const struct json *j, agent_route_fn decode, struct ruleset *set,
                        struct err *err)
{
    CLEANUP(buf_deinitp) struct buf rule = BUF_INIT(AGENT_RULE_MAX);
    const char *migration = json_get_string(j, "migration", "");
    struct route route;
    int r;

    if (!from_hex(str_of(json_get_string(j, "rule", "")), &rule))
        return err_set(err, ERR_CORRUPT, "the rule of \"%s\" is not hex, or longer than %u bytes",
                       migration, AGENT_RULE_MAX);
    r = decode(buf_view(&rule), &route, err);
    if (r < 0)
        return err_ctx(err, "rule of \"%s\"", migration);
    return ruleset_add(set, &route, buf_view(&rule), err);
}

static int decode_order(const struct json *j, struct epochs *epochs, struct err *err)
{
    struct emergency o = {.epoch = json_get_u64(j, "epoch", 0),
                          .active = json_get_bool(j, "active", true)};
    int r;

    r = name_parse(str_of(json_get_string(j, "migration", "")), "migration", &o.migration, err);
    if (r < 0)
        return err_ctx(err, "emergency order");
    if (o.epoch == 0)
        return err_set(err, ERR_CORRUPT, "the emergency order for %s has no epoch", o.migration.s);
    o.ordered_at.ns = json_get_i64(j, "orderedAt", 0);
    if (!str_copy(str_of(json_get_string(j, "reason", "")), o.reason, sizeof o.reason) ||
        !str_copy(str_of(json_get_string(j, "operator", "")), o.operator_name,
                  sizeof o.operator_name))
        return err_set(err, ERR_CORRUPT, "the emergency order for %s has too long a text",
                       o.migration.s);
    if (epochs_take(epochs, &o) != EPOCH_NEWER)
        return err_set(err, ERR_CORRUPT, "two emergency orders for %s, or too many", o.migration.s);
    return 0;
}

static int decode_lists(const struct json *root, agent_route_fn decode, struct ruleset *set,
                        struct epochs *epochs, struct err *err)
{
    int r;

    JSON_FOREACH (item, json_get(root, "routes")) {
        r = decode_route(item, decode, set, err);
        if (r < 0)
            return r;
    }
    JSON_FOREACH (item, json_get(root, "emergencies")) {
        r = decode_order(item, epochs, err);
        if (r < 0)
            return r;
    }
    return ruleset_finish(set, err);
}

static int check_header(const struct json *root, struct sha256 *ret_sum, struct err *err)
{
    const char *incarnation = json_get_string(root, "incarnation", "");

    if (json_get_u64(root, "format", 0) != FORMAT)
        return err_set(err, ERR_CORRUPT, "format is not %d", FORMAT);
    if (incarnation[0] == '\0' || strlen(incarnation) >= sizeof((struct ruleset *)0)->incarnation)
        return err_set(err, ERR_CORRUPT, "no store incarnation");
    if (json_get_u64(root, "revision", 0) == 0)
        return err_set(err, ERR_CORRUPT, "no revision");
    if (!sha256_parse(str_of(json_get_string(root, "checksum", "")), ret_sum))
        return err_set(err, ERR_CORRUPT, "no checksum");
    return 0;
}

int agent_state_decode(struct str text, agent_route_fn decode, struct ruleset **ret_set,
                       struct epochs *ret_epochs, struct err *err)
{
    CLEANUP(json_freep) struct json *root = NULL;
    CLEANUP(ruleset_unrefp) struct ruleset *set = NULL;
    struct sha256 sum;
    int r;

    ret_epochs->count = 0;
    r = json_parse(text, &root, err);
    if (r < 0)
        return err_set(err, ERR_CORRUPT, "it is not JSON");
    r = check_header(root, &sum, err);
    if (r < 0)
        return r;
    set = ruleset_new(json_get_string(root, "incarnation", ""), json_get_u64(root, "term", 0),
                      json_get_u64(root, "revision", 0));
    r = decode_lists(root, decode, set, ret_epochs, err);
    if (r < 0)
        return r;
    if (!sha256_eq(&set->checksum, &sum))
        return err_set(err, ERR_CORRUPT, "its checksum does not match its rules");
    epochs_stamp(ret_epochs, set);
    *ret_set = steal(set);
    return 0;
}
