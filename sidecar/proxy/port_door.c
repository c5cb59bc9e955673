/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/port_door.h"

#include <utlist.h>

#include "common/base/mem.h"
#include "sidecar/proxy/listener.h"

static void open_door(struct lane *lane, struct port_order *o)
{
    struct port_door *d = xnew(struct port_door);

    d->at = o->at;
    d->door = (struct door){.lane = lane, .kind = DOOR_CONNECTIONS};
    d->door.watch.fd = o->fd;
    o->fd = -1;
    DL_APPEND(lane->port_doors, d);
    /* Out of memory for one more watch: whoever connects sees a port that nobody answers. */
    (void)!listener_open(&d->door, NULL);
}

static void close_door(struct lane *lane, struct port_door *d)
{
    listener_close(&d->door);
    DL_DELETE(lane->port_doors, d);
    xfreep(&d);
}

static bool is_named(const struct letter *l, const struct address *at)
{
    for (unsigned i = 0; i < l->port_count; i++) {
        if (address_eq(&l->port[i].at, at))
            return true;
    }
    return false;
}

void port_doors_follow(struct lane *lane, struct letter *l)
{
    struct port_door *d, *next;

    DL_FOREACH_SAFE (lane->port_doors, d, next) {
        if (!is_named(l, &d->at))
            close_door(lane, d);
    }
    for (unsigned i = 0; i < l->port_count; i++) {
        if (l->port[i].fd >= 0 && !lane->draining)
            open_door(lane, &l->port[i]);
    }
}

void port_doors_close(struct lane *lane)
{
    while (lane->port_doors)
        close_door(lane, lane->port_doors);
}
