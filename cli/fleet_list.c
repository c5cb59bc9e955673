/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/fleet_list.h"

#include "common/base/atomic_file.h"
#include "common/base/mem.h"

#define FILE_MAX (16u << 20)

void fleet_list_deinit(struct fleet_list *l)
{
    xfreep(&l->item);
    l->count = 0;
}

void fleet_list_add(struct fleet_list *l, const char *name, const char *address)
{
    struct fleet_entry *e;

    l->item = xrealloc(l->item, (l->count + 1) * sizeof *l->item);
    e = &l->item[l->count++];
    str_fmt(e->name, sizeof e->name, "%s", name);
    str_fmt(e->address, sizeof e->address, "%s", address);
}

const struct fleet_entry *fleet_list_find(const struct fleet_list *l, const char *name)
{
    for (unsigned i = 0; i < l->count; i++)
        if (strcmp(l->item[i].name, name) == 0)
            return &l->item[i];
    return NULL;
}

static int take_nodes(const struct json *nodes, const char *source, struct fleet_list *ret,
                      struct err *err)
{
    if (json_kind(nodes) != JSON_ARRAY)
        return err_set(err, ERR_INVALID, "%s holds no list \"nodes\"", source);
    JSON_FOREACH (node, nodes) {
        const char *name = json_get_string(node, "name", "");
        const char *address = json_get_string(node, "controlAddress", "");

        if (name[0] == '\0' || strlen(name) >= NAME_SIZE || strlen(address) >= ENDPOINT_SIZE)
            return err_set(err, ERR_INVALID, "%s: node %u has no usable name or address", source,
                           ret->count + 1);
        if (ret->count == FLEET_LIST_MAX)
            return err_set(err, ERR_EXHAUSTED, "%s: more than %d nodes", source, FLEET_LIST_MAX);
        if (address[0])
            fleet_list_add(ret, name, address);
    }
    return 0;
}

static int read_json(const char *path, struct json **ret, struct err *err)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(FILE_MAX);
    int r = file_read(path, &text, err);

    if (r == 0)
        r = json_parse(buf_view(&text), ret, err);
    return r < 0 ? err_ctx(err, "%s", path) : 0;
}

int fleet_list_read(const char *path, struct fleet_list *ret, struct err *err)
{
    CLEANUP(json_freep) struct json *j = NULL;
    int r = read_json(path, &j, err);

    if (r == 0)
        r = take_nodes(json_get(j, "nodes"), path, ret, err);
    if (r == -ERR_INVALID)
        return err_hint(err, "it is what `switchyard get nodes -o json` prints");
    return r;
}
