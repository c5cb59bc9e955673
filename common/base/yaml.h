/* SPDX-License-Identifier: Apache-2.0 */
/* YAML (a superset of JSON) to the same tree as JSON, with the line of every node. yaml.c is the
 * only file that includes libyaml. Plain scalars follow the YAML 1.2 core schema: null, true/false,
 * numbers; the rest are strings ("no" and "on" are strings). Aliases, anchors, tags, several
 * documents and non-string keys are refused by name and line: plans do not need them and alias
 * bombs do. */
#pragma once

#include "common/base/json.h"

struct yaml_doc;

#define YAML_MAX_BYTES (1u << 20)
#define YAML_MAX_DEPTH 32
#define YAML_MAX_NODES 20000

/* `source` names the text in messages ("plan.yaml"). INVALID: "plan.yaml:12: ...". */
int yaml_parse(struct str text, const char *source, struct yaml_doc **ret,
               struct err *err) MUST_CHECK;
/* Tolerates NULL. (yaml_free is a name that libyaml exports for itself.) */
void yaml_doc_free(struct yaml_doc *d);
DEFINE_CLEANUP(struct yaml_doc, yaml_doc_free)

const struct json *yaml_root(const struct yaml_doc *d); /* borrowed from d */
/* The root becomes the caller's; the lines of its values are still known, wherever they go. */
struct json *yaml_take_root(struct yaml_doc *d) MUST_CHECK;
const char *yaml_source(const struct yaml_doc *d);
/* 1-based line of a value of this document (for members: of the key); 0 when it is not from
 * here. */
unsigned yaml_line(const struct yaml_doc *d, const struct json *node);

/* A tree as YAML text, for `-o yaml`. Strings are quoted where they could be read as something
 * else. */
bool yaml_print(const struct json *j, struct buf *b) MUST_CHECK;
