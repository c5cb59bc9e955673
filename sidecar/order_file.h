/* SPDX-License-Identifier: Apache-2.0 */
/* The node's door for when nothing else works: a file named `emergency` in the node's folder. When
 * it is there (`echo INC-1234 > DATA/emergency`) everything goes to legacy; its first line is the
 * reason. A file that was obeyed is renamed to `emergency.taken`. Removing either lifts nothing.
 * owner: control loop. */
#pragma once

#include "common/base/err.h"

struct loop;
struct order_file;

/* Obey, with the reason. <0: not now; the file is looked at again by order_file_look(). */
typedef int (*order_file_fn)(void *ctx, const char *reason);

/* Watch for the file. What is there already is for order_file_look(). */
int order_file_new(const char *folder, struct loop *l, order_file_fn fn, void *ctx,
                   struct order_file **ret, struct err *err) MUST_CHECK;
struct order_file *order_file_free(struct order_file *f); /* tolerates NULL; returns NULL */
/* Obey the file if it is there. Tolerates NULL. */
void order_file_look(struct order_file *f);
