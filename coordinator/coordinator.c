/* SPDX-License-Identifier: Apache-2.0 */
/* The parts and the wires between them:
 *
 *   service ─ commands ─► driver ─ transactions ─► store thread
 *      ▲                    │ ▲
 *      └───── answers ──────┤ └── nodes, reports ── fleet
 *                           └──── routes ─────────► fleet
 *
 * Shutdown: waiting callers are answered and the nodes' streams ended; the server ends, which means
 * that every call has been answered; the store's thread finishes; then the parts go, users before
 * what they use. */
#include "coordinator/coordinator.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/atomic_file.h"
#include "common/base/check.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "coordinator/backup_ports.h"
#include "coordinator/driver/driver.h"
#include "coordinator/service/service.h"

#define STORE_FILE    "switchyard.db"
#define PATH_SIZE_MAX 4096

/* On top of a full fleet's streams, so that operators get through. */
#define OPERATOR_CALLS_MAX 2000

#define JOURNAL_FILE   "journal"
#define ID_DEFAULT     "coordinator"
#define LEAVE_PATIENCE dur_s(1)

struct coordinator {
    struct coordinator_config config;
    struct loop *loop; /* borrowed */
    const struct coordinator_events *events;
    void *events_ctx;
    wall_t started_at;
    char journal[PATH_SIZE_MAX];

    struct store_thread *store;
    struct driver *driver;
    struct registry *registry;
    struct fleet *fleet;
    struct service *service;
    struct rpc_server *server;
    struct backup_ports backup;
};

/* ---- from the fleet -------------------------------------------------------------------------- */

static void log_node(const struct registry_node *before, const struct fleet_node *n)
{
    bool was_connected = before && before->node.connected;
    const char *old_refusal = before ? before->node.last_refusal : "";

    if (n->connected && !was_connected)
        log_line(LOG_INFO, LOG_NODE_JOINED, "node=%s address=%s version=%s revision=%llu",
                 n->name.s, LOGQ(n->address), LOGQ(n->version), (unsigned long long)n->serving_rev);
    if (!n->connected && was_connected)
        log_line(LOG_WARN, LOG_NODE_GONE, "node=%s why=%s", n->name.s, LOGQ(n->why_gone));
    if (n->last_refusal[0] && strcmp(n->last_refusal, old_refusal) != 0)
        log_line(LOG_WARN, LOG_NODE_NACK, "node=%s revision=%llu why=%s", n->name.s,
                 (unsigned long long)n->serving_rev, LOGQ(n->last_refusal));
}

static void on_node(void *ctx, const struct fleet_node *n)
{
    struct coordinator *c = ctx;
    struct core_node node = {
        .name = n->name,
        .connected = n->connected,
        .serving_rev = n->same_incarnation ? n->serving_rev : 0,
    };

    for (unsigned i = 0; i < n->emergency_count; i++) {
        if (n->emergency[i].epoch > node.newest_epoch_seen)
            node.newest_epoch_seen = n->emergency[i].epoch;
        if (n->emergency[i].active)
            driver_order(c->driver, &n->name, &n->emergency[i]);
    }
    log_node(registry_find(c->registry, n->name.s), n);
    registry_update(c->registry, n, n->seen);
    driver_node(c->driver, &node, n->seen);
}

static void on_report(void *ctx, const struct fleet_report *r)
{
    struct coordinator *c = ctx;

    registry_report(c->registry, r);
    driver_report(c->driver, &r->node, r->route, r->count);
}

static const struct fleet_events fleet_events = {
    .on_node = on_node,
    .on_report = on_report,
};

/* ---- from the service ------------------------------------------------------------------------ */

static int host_submit(void *ctx, const struct core_command *cmd, struct err *err)
{
    struct coordinator *c = ctx;

    return driver_command(c->driver, cmd, err);
}

static const struct core *host_core(void *ctx)
{
    struct coordinator *c = ctx;

    return driver_core(c->driver);
}

static void host_facts(void *ctx, struct service_facts *ret)
{
    struct coordinator *c = ctx;
    struct driver_health h;

    driver_health(c->driver, &h);
    *ret = (struct service_facts){
        .started_at = c->started_at,
        .term = h.leadership.term,
        .revision = h.revision,
        .store = h.store,
        .reports_dropped = h.reports_dropped + fleet_reports_dropped(c->fleet),
    };
}

/* ---- from the driver ------------------------------------------------------------------------- */

static void on_loaded(void *ctx, int r, const struct err *err)
{
    struct coordinator *c = ctx;
    struct err failed;

    if (r == 0) {
        r = rpc_server_start(c->server, &failed);
        err = &failed;
    }
    c->events->on_ready(c->events_ctx, r, r < 0 ? err : NULL);
}

static void on_publish(void *ctx, uint64_t revision, const struct fleet_route *route,
                       unsigned count)
{
    struct coordinator *c = ctx;

    fleet_publish(c->fleet, revision, route, count);
}

static void on_push_order(void *ctx, const struct emergency *order)
{
    struct coordinator *c = ctx;

    fleet_push_order(c->fleet, order);
}

/* Nobody keeps pasts yet: what nodes report counts from now on. */
static void on_ask_past(void *ctx, const struct name *node, dur_t window UNUSED)
{
    struct coordinator *c = ctx;

    driver_past(c->driver, node, NULL, 0, false);
}

static void on_leader(void *ctx, const struct leadership *l)
{
    struct coordinator *c = ctx;

    if (l->term > 0)
        fleet_set_term(c->fleet, l->term);
}

static void on_member(void *ctx UNUSED, const struct member *m UNUSED, bool gone UNUSED)
{
}

static void on_answer(void *ctx, const struct core_update *u, uint64_t revision,
                      uint64_t unstored_epoch UNUSED)
{
    struct coordinator *c = ctx;

    service_answer(c->service, u, revision);
}

static void on_settled(void *ctx)
{
    struct coordinator *c = ctx;

    service_settled(c->service);
}

static const struct driver_ports driver_ports = {
    .on_ready = on_loaded,
    .publish = on_publish,
    .push_order = on_push_order,
    .answer = on_answer,
    .ask_past = on_ask_past,
    .on_leader = on_leader,
    .on_member = on_member,
    .on_settled = on_settled,
};

/* ---- life ------------------------------------------------------------------------------------ */

static int open_file(const struct coordinator *c, struct store **ret, struct err *err)
{
    char path[PATH_SIZE_MAX];
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
    return fleet_new(&config, c->loop, &fleet_events, c, &c->fleet, err);
}

static int open_server(struct coordinator *c, struct err *err)
{
    struct rpc_server_config config = {
        .listen = c->config.listen,
        .max_calls = FLEET_NODES_MAX + OPERATOR_CALLS_MAX,
    };
    struct service_host host = {
        .ctx = c,
        .submit = host_submit,
        .core = host_core,
        .facts = host_facts,
        .backup = backup_ports_host(&c->backup),
    };
    int r = rpc_server_new(&config, &c->server, err);

    if (r < 0)
        return r;
    r = service_new(&host, c->registry, c->loop, &c->service, err);
    if (r == 0)
        r = service_serve(c->service, c->server, err);
    return r < 0 ? r : fleet_serve(c->fleet, c->server, err);
}

static int fill_self(const struct coordinator *c, struct member *m, struct err *err)
{
    const char *address = c->config.advertise ? c->config.advertise : c->config.listen;
    const char *id = c->config.id ? c->config.id : ID_DEFAULT;
    struct rng rng;

    rng_seed_system(&rng);
    str_fmt(m->boot, sizeof(m->boot), "%016" PRIx64, rng_u64(&rng));
    str_fmt(m->version, sizeof(m->version), "%s", SWITCHYARD_VERSION);
    m->since = c->started_at;
    if (!str_copy(str_of(address), m->address, sizeof(m->address)))
        return err_set(err, ERR_INVALID, "the address %.40s... is too long", address);
    return name_parse_node(str_of(id), &m->id, err);
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

static int open_driver(struct coordinator *c, struct err *err)
{
    struct driver_config config = {
        .core = c->config.core,
        .lease_ttl = c->config.lease_ttl,
        .journal = c->config.data_dir ? c->journal : NULL,
    };
    struct rng rng;
    int r = open_journal(c, err);

    rng_seed_system(&rng);
    config.seed = rng_u64(&rng);
    if (r == 0)
        r = fill_self(c, &config.self, err);
    return r < 0 ? r : driver_new(&config, c->loop, c->store, &driver_ports, c, &c->driver, err);
}

static int open_parts(struct coordinator *c, struct err *err)
{
    int r = open_store(c, err);

    if (r == 0)
        r = open_fleet(c, err);
    if (r == 0)
        r = open_server(c, err);
    if (r == 0)
        r = open_driver(c, err);
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
    c->started_at = loop_wall(l);
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

static void on_left(void *ctx)
{
    struct coordinator *c = ctx;

    c->events->on_stopped(c->events_ctx);
}

static void on_server_stopped(void *ctx)
{
    struct coordinator *c = ctx;

    driver_leave(c->driver, LEAVE_PATIENCE, on_left, c);
}

void coordinator_stop(struct coordinator *c, dur_t grace)
{
    service_stop(c->service);
    fleet_dismiss(c->fleet);
    rpc_server_stop(c->server, grace, c->loop, on_server_stopped, c);
}

void coordinator_free(struct coordinator *c)
{
    if (!c)
        return;
    store_thread_free(c->store);
    driver_free(c->driver);
    fleet_stop(c->fleet);
    rpc_server_free(c->server);
    fleet_free(c->fleet);
    service_free(c->service);
    registry_free(c->registry);
    free(c);
}
