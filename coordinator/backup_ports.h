/* SPDX-License-Identifier: Apache-2.0 */
/* What the backup service stands on: reads come from the store, restores go through the driver,
 * which holds the fence. owner: the core's loop. */
#pragma once

#include "coordinator/driver/driver.h"
#include "coordinator/service/backup_service.h"

/* Borrowed; filled in before the first call. */
struct backup_ports {
    struct store_thread *store;
    struct driver *driver;
};

/* `p` is borrowed. */
struct backup_host backup_ports_host(struct backup_ports *p);
