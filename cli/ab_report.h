/* SPDX-License-Identifier: Apache-2.0 */
/* An A/B run as a document for people and as JSON. Pure but for doc.h's standard output. */
#pragma once

#include "cli/ab_study.h"
#include "cli/doc.h"

struct ab_about {
    const char *migration, *node;
    unsigned requests; /* different ones that were given */
    unsigned unsafe;   /* passed over for their method */
};

/* For people: sentences and tables. */
void ab_report_tell(const struct doc *d, const struct ab_about *about, const struct ab_study *s);
/* The same for programs. */
struct json *ab_report_json(const struct ab_about *about, const struct ab_study *s) MUST_CHECK;
