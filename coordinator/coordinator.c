/* SPDX-License-Identifier: Apache-2.0 */
/* The parts and the wires between them:
 *
 *   service ─ commands ─► driver ─ transactions ─► store thread
 *      ▲  │                 │ ▲
 *      │  └─ for the leader │ └─ nodes, reports, pasts ── roster ◄── fleet, peers
 *      └───── answers ──────┤
 *                           ├──── routes, orders ─► fleet
 *                           └──── who is there ───► peers
 *
 * Shutdown: waiting callers are answered; the lease is given up, so that another one leads at once;
 * the links and the nodes' streams end; the server ends, which means that every call has been
 * answered; the store's thread finishes; then the parts go, users before what they use. */
#include "coordinator/coordinator.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/atomic_file.h"
#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/pages/pages.h"
#include "coordinator/coordinator_state.h"

#define STORE_FILE   "switchyard.db"
#define JOURNAL_FILE "journal"
#define ID_DEFAULT   "coordinator"

/* On top of a full fleet's streams, so that operators get through. */
#define OPERATOR_CALLS_MAX 2000

#define LEAVE_PATIENCE dur_s(1)

/* ---- from the driver ------------------------------------------------------------------------- */

static void on_loaded(void *ctx, int r, const struct err *err)
{
    struct coordinator *c = ctx;
    struct err failed;

    if (r == 0) {
        r = rpc_server_start(c->server, &failed);
        err = &failed;
    }
    if (r == 0) {
        cut_off_start(c);
        restarts_start(c->restarts, c->driver);
    }
    c->events->on_ready(c->events_ctx, r, r < 0 ? err : NULL);
}

static void on_publish(void *ctx, uint64_t revision, const struct fleet_route *route,
                       unsigned count)
{
    struct coordinator *c = ctx;

    fleet_publish(c->fleet, revision, route, count);
    mesh_tell_orders(c, route, count);
}

/* For the nodes of the others, too: their stores may be the same one. */
static void on_push_order(void *ctx, const struct emergency *order)
{
    struct coordinator *c = ctx;

    fleet_push_order(c->fleet, order);
    peers_push_order(c->peers, order);
}

static void on_answer(void *ctx, const struct core_update *u, uint64_t revision,
                      uint64_t unstored_epoch)
{
    struct coordinator *c = ctx;

    if (u->refused.code == ERR_NONE)
        c->commands_done++;
    else
        c->commands_refused++;
    service_answer(c->service, u, revision, unstored_epoch);
}

static void on_settled(void *ctx)
{
    struct coordinator *c = ctx;

    service_settled(c->service);
    webhooks_look(c->webhooks);
}

static void on_run_job(void *ctx, const struct core_job *job)
{
    struct coordinator *c = ctx;

    errands_run(c->errands, c->driver, job);
}

static void on_stop_job(void *ctx, uint64_t id)
{
    struct coordinator *c = ctx;

    errands_stop(c->errands, id);
}

static const struct driver_ports driver_ports = {
    .on_ready = on_loaded,
    .publish = on_publish,
    .push_order = on_push_order,
    .answer = on_answer,
    .ask_past = roster_ask_past,
    .run_job = on_run_job,
    .stop_job = on_stop_job,
    .on_leader = mesh_on_leader,
    .on_member = mesh_on_member,
    .on_settled = on_settled,
};

/* ---- life ------------------------------------------------------------------------------------ */

static int open_file(const struct coordinator *c, struct store **ret, struct err *err)
{
    char path[COORDINATOR_PATH_MAX];
    int r = 0;

    if (!str_fmt(path, sizeof(path), "%s/%s", c->config.data_dir, STORE_FILE))
        return err_set(err, ERR_INVALID, "the data directory's path is too long");
    if (c->config.restored)
        r = store_sqlite_renew(path, err);
    return r < 0 ? r : store_sqlite_open(path, ret, err);
}

static int open_etcd(const struct coordinator *c, struct store **ret, struct err *err)
{
    int r = c->config.restored ? store_etcd_renew(c->config.etcd, err) : 0;

    return r < 0 ? r : store_etcd_open(c->config.etcd, ret, err);
}

static int open_store(struct coordinator *c, struct err *err)
{
    struct store *s;
    int r;

    if (c->config.etcd)
        r = open_etcd(c, &s, err);
    else if (c->config.data_dir)
        r = open_file(c, &s, err);
    else
        r = store_mem_new(&s, err);
    if (r < 0)
        return err_ctx(err, "open the store");
    r = store_thread_new(c->loop, s, &c->store, err);
    if (r < 0)
        store_free(s);
    return r;
}

static int open_fleet(struct coordinator *c, struct err *err)
{
    struct fleet_config config = {.term = 1, .report_silence = c->config.report_silence};

    CHECK(str_copy(str_of(store_thread_incarnation(c->store)), config.incarnation,
                   sizeof(config.incarnation)));
    return fleet_new(&config, c->loop, &roster_fleet_events, c, &c->fleet, err);
}

static int fill_self(struct coordinator *c, struct err *err)
{
    const char *address = c->config.advertise ? c->config.advertise : c->config.listen;
    const char *id = c->config.id ? c->config.id : ID_DEFAULT;
    struct member *m = &c->self;
    struct rng rng;

    rng_seed_system(&rng);
    str_fmt(m->boot, sizeof(m->boot), "%016" PRIx64, rng_u64(&rng));
    str_fmt(m->version, sizeof(m->version), "%s", SWITCHYARD_VERSION);
    m->since = loop_wall(c->loop);
    if (!str_copy(str_of(address), m->address, sizeof(m->address)))
        return err_set(err, ERR_INVALID, "the address %.40s... is too long", address);
    return name_parse_node(str_of(id), &m->id, err);
}

static int open_peers(struct coordinator *c, struct err *err)
{
    struct peers_config config = {.id = c->self.id};

    memcpy(config.boot, c->self.boot, sizeof(config.boot));
    memcpy(config.version, c->self.version, sizeof(config.version));
    CHECK(str_copy(str_of(store_thread_incarnation(c->store)), config.incarnation,
                   sizeof(config.incarnation)));
    return peers_new(&config, c->loop, &mesh_peers_events, c, &c->peers, err);
}

static int open_server(struct coordinator *c, struct err *err)
{
    struct rpc_server_config config = {
        .listen = c->config.listen,
        .max_calls = FLEET_NODES_MAX + OPERATOR_CALLS_MAX,
    };
    struct service_host host = host_of(c);
    int r = rpc_server_new(&config, &c->server, err);

    if (r == 0)
        r = service_new(&host, c->registry, c->loop, &c->service, err);
    if (r == 0)
        r = service_serve(c->service, c->server, err);
    if (r == 0)
        r = peers_serve(c->peers, c->server, err);
    return r < 0 ? r : fleet_serve(c->fleet, c->server, err);
}

static int open_journal(struct coordinator *c, struct err *err)
{
    int r = 0;

    if (!c->config.data_dir)
        return 0;
    if (!str_fmt(c->journal, sizeof(c->journal), "%s/%s", c->config.data_dir, JOURNAL_FILE))
        return err_set(err, ERR_INVALID, "the data directory's path is too long");
    r = dir_make(c->config.data_dir, err);
    return r < 0 ? err_ctx(err, "make the data directory") : 0;
}

static int open_errands(struct coordinator *c, struct err *err)
{
    struct checker_config checker = {.commands = c->config.allow_commands,
                                     .id = c->self.id.s,
                                     .folder = c->config.data_dir,
                                     .facts = &c->check_facts};
    struct errands_config errands = {.data_dir = c->config.data_dir, .backup = &c->backup};
    int r;

    c->check_facts = (struct check_facts){c, roster_count};
    c->checker = checker_new(&checker, c->loop);
    errands.checker = c->checker;
    r = errands_new(&errands, c->loop, &c->errands, err);
    return r < 0 ? r : restarts_new(c->loop, &c->restarts, err);
}

static int open_driver(struct coordinator *c, struct err *err)
{
    struct driver_config config = {
        .core = c->config.core,
        .self = c->self,
        .lease_ttl = c->config.lease_ttl,
        .journal = c->journal[0] ? c->journal : NULL,
    };
    struct rng rng;

    rng_seed_system(&rng);
    config.seed = rng_u64(&rng);
    return driver_new(&config, c->loop, c->store, &driver_ports, c, &c->driver, err);
}

static int open_webhooks(struct coordinator *c, struct err *err)
{
    const struct webhooks_config config = {.notify = c->config.webhooks,
                                           .shared = c->config.etcd != NULL};

    return webhooks_new(&config, c->loop, c->store, &c->driver, &c->webhooks, err);
}

static int open_parts(struct coordinator *c, struct err *err)
{
    static int (*const parts[])(struct coordinator * c, struct err * err) = {
        fill_self,  open_store,  open_journal,  open_errands, open_fleet,
        open_peers, open_server, open_webhooks, open_driver,  coordinator_open_pages,
    };
    int r = 0;

    for (size_t i = 0; r == 0 && i < ARRAY_LEN(parts); i++)
        r = parts[i](c, err);
    c->backup = (struct backup_ports){c->store, c->driver};
    return r;
}

int coordinator_new(const struct coordinator_config *config, struct loop *l,
                    const struct coordinator_events *events, void *ctx, struct coordinator **ret,
                    struct err *err)
{
    CLEANUP(coordinator_freep) struct coordinator *c = xnew(struct coordinator);
    int r;

    c->config = *config;
    c->loop = l;
    c->events = events;
    c->events_ctx = ctx;
    c->registry = registry_new();
    r = open_parts(c, err);
    if (r < 0)
        return r;
    *ret = steal(c);
    return 0;
}

int coordinator_port(const struct coordinator *c)
{
    return rpc_server_port(c->server);
}

uint16_t coordinator_admin_port(const struct coordinator *c)
{
    return c->pages ? pages_port(c->pages) : 0;
}

static void on_server_stopped(void *ctx)
{
    struct coordinator *c = ctx;

    c->events->on_stopped(c->events_ctx);
}

static void on_left(void *ctx)
{
    struct coordinator *c = ctx;

    cut_off_stop(c);
    errands_stop_all(c->errands);
    peers_stop(c->peers);
    fleet_dismiss(c->fleet, "the coordinator stops");
    rpc_server_stop(c->server, c->grace, c->loop, on_server_stopped, c);
}

void coordinator_stop(struct coordinator *c, dur_t grace)
{
    c->grace = grace;
    service_stop(c->service);
    webhooks_stop(c->webhooks);
    driver_leave(c->driver, LEAVE_PATIENCE, on_left, c);
}

void coordinator_free(struct coordinator *c)
{
    if (!c)
        return;
    pages_free(c->pages);
    loop_undefer(&c->look);
    cut_off_stop(c);
    restarts_free(c->restarts);
    store_thread_free(c->store);
    errands_free(c->errands);
    webhooks_free(c->webhooks);
    driver_free(c->driver);
    fleet_stop(c->fleet);
    rpc_server_free(c->server);
    peers_free(c->peers);
    fleet_free(c->fleet);
    service_free(c->service);
    checker_free(c->checker);
    registry_free(c->registry);
    free(c);
}
