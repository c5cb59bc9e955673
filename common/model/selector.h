/* SPDX-License-Identifier: Apache-2.0 */
/* Which nodes: "cluster=eu-1", "cluster=eu-1,zone=a" (all of them hold), "name=node-7", "*". Pure.
 */
#pragma once

#include "common/model/ids.h"

#define SELECTOR_SIZE     128
#define SELECTOR_NAME_KEY "name" /* stands for the node's name, not for a label */

struct selector {
    char text[SELECTOR_SIZE]; /* normal form: pairs sorted by key; "": nobody */
};

/* INVALID names what is wrong; an empty text is, too. */
int selector_parse(struct str s, struct selector *ret, struct err *err) MUST_CHECK;
/* Does a node of this name, with these labels, belong to it? Labels that it lacks do not match. */
bool selector_matches(const struct selector *s, const struct name *node, const struct labels *l);
bool selector_is_all(const struct selector *s);
