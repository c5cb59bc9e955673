/* SPDX-License-Identifier: Apache-2.0 */
/* What checks are about: each reads the target of a struct plan_check and borrows it from the
 * document. A plan is shown and stored, so none may hold a password. All are plan_read_fn. Private
 * to common/model. */
#pragma once

#include "common/model/plan_reader.h"

/* http or https */
void plan_target_url(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                     void *dst);
/* host:port */
void plan_target_address(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                         void *dst);
/* a connection string of libpq */
void plan_target_database(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                          void *dst);
/* a path from the root */
void plan_target_disk(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                      void *dst);
/* the field's only word */
void plan_target_memory(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                        void *dst);
/* a selector */
void plan_target_nodes(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                       void *dst);
/* a path of a URL */
void plan_target_path(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                      void *dst);
/* The words of a command into an array of PLAN_CHECK_ARGS + 1. */
void plan_read_argv(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                    void *dst);
