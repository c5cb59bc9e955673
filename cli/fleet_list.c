/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/fleet_list.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/atomic_file.h"
#include "common/base/mem.h"

#define FILE_MAX       (16u << 20)
#define CLUSTERS_MAX   16
#define REFRESH_S      60
#define REFRESH_WITHIN dur_ms(500)

/* {"clusters": [{"endpoints": "...", "savedAt": 1795255200, "nodes": [...]}]}; the latest first,
 * nodes as `get nodes` prints them. */

/* ---- lists ----------------------------------------------------------------------------------- */

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

/* ---- what is kept ---------------------------------------------------------------------------- */

static bool cache_folder(char *ret, size_t size)
{
    const char *base = getenv("XDG_CACHE_HOME"); /* allowed: the CLI's settings */
    const char *home = getenv("HOME");           /* allowed: the CLI's settings */

    if (base && base[0])
        return str_fmt(ret, size, "%s/switchyard", base);
    return home && home[0] && str_fmt(ret, size, "%s/.cache/switchyard", home);
}

static bool cache_path(char *ret, size_t size)
{
    char folder[PATH_MAX];

    return cache_folder(folder, sizeof folder) && str_fmt(ret, size, "%s/fleet.json", folder);
}

/* A damaged file is no file. */
static struct json *read_cache(const char *path)
{
    struct json *root = NULL;
    struct err why;

    return read_json(path, &root, &why) < 0 ? NULL : root;
}

static struct json *find_cluster(const struct json *root, const char *endpoints)
{
    JSON_FOREACH (cluster, json_get(root, "clusters"))
        if (strcmp(json_get_string(cluster, "endpoints", ""), endpoints) == 0)
            return cluster;
    return NULL;
}

static int no_such_cluster(const struct cli *c, const struct json *root, struct err *err)
{
    const char *latest = json_get_string(json_first(json_get(root, "clusters")), "endpoints", NULL);

    err_set(err, ERR_NOT_FOUND, "no fleet is known from the coordinators %s", c->endpoints);
    if (latest)
        return err_hint(err, "the last one known is from --endpoints %s", latest);
    return err_hint(err, "give addresses with --direct HOST:PORT,..., or --fleet-file FILE");
}

int fleet_list_known(const struct cli *c, struct fleet_list *ret, struct err *err)
{
    CLEANUP(json_freep) struct json *root = NULL;
    const struct json *cluster;
    char path[PATH_MAX];

    root = cache_path(path, sizeof path) ? read_cache(path) : NULL;
    cluster = find_cluster(root, c->endpoints);
    if (!cluster)
        return no_such_cluster(c, root, err);
    return take_nodes(json_get(cluster, "nodes"), path, ret, err);
}

/* ---- keeping --------------------------------------------------------------------------------- */

/* Beside it and renamed: whoever reads meanwhile gets one or the other. */
static void write_file(const char *path, const struct json *root)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(FILE_MAX);
    char fresh[PATH_MAX + 32];
    bool written;
    int fd;

    if (!json_print(root, true, &text) ||
        !str_fmt(fresh, sizeof fresh, "%s.%ld", path, (long)getpid()))
        return;
    fd = open(fresh, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    written = write(fd, text.data, text.len) == (ssize_t)text.len;
    close(fd);
    if (!written || rename(fresh, path) < 0)
        unlink(fresh);
}

static struct json *nodes_json(const Switchyard__V1__Nodes *nodes)
{
    struct json *list = json_array();

    for (size_t i = 0; i < nodes->n_nodes; i++) {
        struct json *node = json_object();

        json_set_string(node, "name", nodes->nodes[i]->name);
        json_set_string(node, "controlAddress", nodes->nodes[i]->control_address);
        json_append(list, node);
    }
    return list;
}

/* The other clusters as they were, behind the new one. */
static struct json *with_cluster(const struct json *root, const char *endpoints, double now,
                                 struct json *nodes)
{
    struct json *fresh = json_object(), *clusters = json_array(), *cluster = json_object();
    unsigned count = 1;

    json_set_string(cluster, "endpoints", endpoints);
    json_set_number(cluster, "savedAt", now);
    json_set(cluster, "nodes", nodes);
    json_append(clusters, cluster);
    JSON_FOREACH (old, json_get(root, "clusters"))
        if (strcmp(json_get_string(old, "endpoints", ""), endpoints) != 0 && count++ < CLUSTERS_MAX)
            json_append(clusters, json_dup(old));
    json_set(fresh, "clusters", clusters);
    return fresh;
}

static double now_s(const struct cli *c)
{
    return (double)(loop_wall(c->loop).ns / 1000000000);
}

/* A fleet without nodes is no reason to forget where they were. */
void fleet_list_keep(const struct cli *c, const Switchyard__V1__Nodes *nodes)
{
    CLEANUP(json_freep) struct json *root = NULL;
    CLEANUP(json_freep) struct json *fresh = NULL;
    char folder[PATH_MAX], path[PATH_MAX];
    struct err why;

    if (nodes->n_nodes == 0 || !cache_folder(folder, sizeof folder) ||
        !cache_path(path, sizeof path) || dir_make(folder, &why) < 0)
        return;
    root = read_cache(path);
    fresh = with_cluster(root, c->endpoints, now_s(c), nodes_json(nodes));
    write_file(path, fresh);
}

static bool is_fresh(const struct cli *c)
{
    CLEANUP(json_freep) struct json *root = NULL;
    char path[PATH_MAX];
    double age;

    if (!cache_path(path, sizeof path))
        return true; /* there is nowhere to keep it */
    root = read_cache(path);
    age = now_s(c) - json_get_number(find_cluster(root, c->endpoints), "savedAt", 0);
    return age >= 0 && age < REFRESH_S;
}

void fleet_list_refresh(struct cli *c)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    Switchyard__V1__NodesRequest request = SWITCHYARD__V1__NODES_REQUEST__INIT;
    struct err why;

    if (is_fresh(c))
        return;
    c->timeout = REFRESH_WITHIN;
    if (cli_call(c, "ListNodes", &request.base, dur_ms(0), &reply, &why) == 0)
        fleet_list_keep(c, (const Switchyard__V1__Nodes *)reply);
}
