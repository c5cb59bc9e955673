/* SPDX-License-Identifier: Apache-2.0 */
/* The fleets that are kept: switchyard/fleets/HASH.json for each set of endpoints, in the form that
 * `get nodes -o json` has, so that one reader takes both. A file's age is its modification time:
 * most commands look at that and at nothing else. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/fleet_list.h"
#include "common/base/atomic_file.h"
#include "common/base/hash.h"

#define FILE_MAX       (16u << 20)
#define FLEETS_MAX     16u
#define HASH_DIGITS    16
#define SUFFIX         ".json"
#define REFRESH_S      60
#define REFRESH_WITHIN dur_ms(500)

/* ---- places ---------------------------------------------------------------------------------- */

static bool cache_folder(char *ret, size_t size)
{
    const char *base = getenv("XDG_CACHE_HOME"); /* allowed: the CLI's settings */
    const char *home = getenv("HOME");           /* allowed: the CLI's settings */

    if (base && base[0])
        return str_fmt(ret, size, "%s/switchyard/fleets", base);
    return home && home[0] && str_fmt(ret, size, "%s/.cache/switchyard/fleets", home);
}

static bool cache_path(const char *endpoints, char *ret, size_t size)
{
    struct sha256 hash = sha256_of(endpoints, strlen(endpoints));
    char folder[PATH_MAX], hex[SHA256_HEX];

    return cache_folder(folder, sizeof folder) &&
           str_fmt(ret, size, "%s/%.*s" SUFFIX, folder, HASH_DIGITS, sha256_hex(&hash, hex));
}

/* The files that are there, and which of them were written last and first. */
struct survey {
    unsigned count;
    char latest[PATH_MAX], oldest[PATH_MAX]; /* "" while there is none */
    struct timespec latest_at, oldest_at;
};

static bool is_before(struct timespec a, struct timespec b)
{
    return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

static void look_at(struct survey *s, const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return;
    s->count++;
    if (s->count == 1 || is_before(s->latest_at, st.st_mtim)) {
        str_fmt(s->latest, sizeof s->latest, "%s", path);
        s->latest_at = st.st_mtim;
    }
    if (s->count == 1 || is_before(st.st_mtim, s->oldest_at)) {
        str_fmt(s->oldest, sizeof s->oldest, "%s", path);
        s->oldest_at = st.st_mtim;
    }
}

static bool is_fleet_file(const char *name)
{
    return strlen(name) == HASH_DIGITS + sizeof SUFFIX - 1 &&
           strcmp(name + HASH_DIGITS, SUFFIX) == 0;
}

static void survey_files(struct survey *ret)
{
    char folder[PATH_MAX], path[PATH_MAX];
    DIR *d;

    *ret = (struct survey){.count = 0};
    if (!cache_folder(folder, sizeof folder) || !(d = opendir(folder)))
        return;
    for (const struct dirent *e; (e = readdir(d));)
        if (is_fleet_file(e->d_name) && str_fmt(path, sizeof path, "%s/%s", folder, e->d_name))
            look_at(ret, path);
    closedir(d);
}

/* ---- what is known --------------------------------------------------------------------------- */

static bool read_endpoints(const char *path, char *ret, size_t size)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(FILE_MAX);
    CLEANUP(json_freep) struct json *j = NULL;

    return file_read(path, &text, NULL) == 0 && json_parse(buf_view(&text), &j, NULL) == 0 &&
           str_fmt(ret, size, "%s", json_get_string(j, "endpoints", "")) && ret[0];
}

static int no_such_fleet(const struct cli *c, struct err *err)
{
    char latest[sizeof c->endpoints];
    struct survey s;

    survey_files(&s);
    err_set(err, ERR_NOT_FOUND, "no fleet is known from the coordinators %s", c->endpoints);
    if (s.count > 0 && read_endpoints(s.latest, latest, sizeof latest) &&
        strcmp(latest, c->endpoints) != 0)
        return err_hint(err, "the last one known is from --endpoints %s", latest);
    return err_hint(err, "give addresses with --direct HOST:PORT,..., or --fleet-file FILE");
}

/* A damaged file is no file. */
int fleet_list_known(const struct cli *c, struct fleet_list *ret, struct err *err)
{
    char path[PATH_MAX];

    if (cache_path(c->endpoints, path, sizeof path) && fleet_list_read(path, ret, NULL) == 0)
        return 0;
    fleet_list_deinit(ret);
    return no_such_fleet(c, err);
}

/* ---- keeping --------------------------------------------------------------------------------- */

/* Beside it and renamed: whoever reads meanwhile gets one or the other. It need not survive a power
 * cut, so nothing waits for the disk. */
static void write_file(const char *path, const struct json *root)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(FILE_MAX);
    char fresh[PATH_MAX + 32];
    bool written;
    int fd;

    if (!json_print(root, false, &text) ||
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

static struct json *fleet_json(const char *endpoints, const Switchyard__V1__Nodes *nodes)
{
    struct json *root = json_object(), *list = json_array();

    for (size_t i = 0; i < nodes->n_nodes; i++) {
        struct json *node = json_object();

        json_add(node, "name", json_from_string(nodes->nodes[i]->name));
        json_add(node, "controlAddress", json_from_string(nodes->nodes[i]->control_address));
        json_append(list, node);
    }
    json_set_string(root, "endpoints", endpoints);
    json_set(root, "nodes", list);
    return root;
}

static void drop_oldest(void)
{
    struct survey s;

    survey_files(&s);
    if (s.count > FLEETS_MAX)
        unlink(s.oldest);
}

/* A fleet without nodes is no reason to forget where they were. */
void fleet_list_keep(const struct cli *c, const Switchyard__V1__Nodes *nodes)
{
    CLEANUP(json_freep) struct json *root = NULL;
    char folder[PATH_MAX], path[PATH_MAX];

    if (nodes->n_nodes == 0 || !cache_folder(folder, sizeof folder) ||
        !cache_path(c->endpoints, path, sizeof path) || dir_make(folder, NULL) < 0)
        return;
    root = fleet_json(c->endpoints, nodes);
    write_file(path, root);
    drop_oldest();
}

static bool is_fresh(const struct cli *c)
{
    char path[PATH_MAX];
    struct stat st;
    int64_t age;

    if (!cache_path(c->endpoints, path, sizeof path))
        return true; /* there is nowhere to keep it */
    if (stat(path, &st) < 0)
        return false;
    age = loop_wall(c->loop).ns / 1000000000 - st.st_mtim.tv_sec;
    return age >= 0 && age < REFRESH_S;
}

void fleet_list_refresh(struct cli *c)
{
    CLEANUP(cli_reply_freep) ProtobufCMessage *reply = NULL;
    Switchyard__V1__NodesRequest request = SWITCHYARD__V1__NODES_REQUEST__INIT;

    if (is_fresh(c))
        return;
    c->timeout = REFRESH_WITHIN;
    if (cli_call(c, "ListNodes", &request.base, dur_ms(0), &reply, NULL) == 0)
        fleet_list_keep(c, (const Switchyard__V1__Nodes *)reply);
}
