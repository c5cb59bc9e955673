/* SPDX-License-Identifier: Apache-2.0 */
/* What coordinator/notify stands on: the core's events, the store, and who leads. Also where this
 * coordinator does not lead it reads now and then how far the webhooks are, for `health`. owner:
 * the core's loop. */
#pragma once

#include "coordinator/driver/driver.h"
#include "coordinator/notify/notify.h"
#include "coordinator/service/service.h"

struct webhooks;

struct webhooks_config {
    struct notify_config notify;
    bool shared; /* others write to the store: what is written compares the leader key */
};

/* `config`'s texts, `store` and `driver` are borrowed. */
int webhooks_new(const struct webhooks_config *config, struct loop *l, struct store_thread *store,
                 struct driver *const *driver, struct webhooks **ret, struct err *err) MUST_CHECK;
void webhooks_on_leader(struct webhooks *w, const struct leadership *l);
/* There may be more to tell. */
void webhooks_look(struct webhooks *w);
unsigned webhooks_status(const struct webhooks *w,
                         struct service_webhook ret[SERVICE_WEBHOOKS_MAX]);
void webhooks_stop(struct webhooks *w);
/* After the store's thread. Tolerates NULL. */
void webhooks_free(struct webhooks *w);
