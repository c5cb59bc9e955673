/* SPDX-License-Identifier: Apache-2.0 */
/* spec.mirror: the limits of copies. A stage says which share of the requests is copied. */
#include "common/model/plan_schema.h"
#include "common/model/plan_table.h"
#include "common/model/plan_values.h"

#define BODY_MAX  (INT64_C(1) << 20)
#define BYTES_MAX (INT64_C(1) << 30)

static const char *const methods[] = {"GET",   "HEAD", "OPTIONS", "TRACE", "POST",
                                      "PATCH", "PUT",  "DELETE",  NULL};

static void read_method(struct plan_reader *r, const struct json *item, unsigned index, void *dst)
{
    struct route_mirror *mirror = dst;
    int word = plan_value_choice(r, item, methods);

    if (word < 0)
        return;
    str_fmt(mirror->method[index], sizeof mirror->method[0], "%s", methods[word]);
    for (unsigned i = 0; i < index; i++) {
        if (strcmp(mirror->method[i], mirror->method[index]) == 0)
            plan_reader_problem(r, item, "\"%s\" is given twice", mirror->method[index]);
    }
}

static void read_methods(struct plan_reader *r, const struct json *v,
                         const struct plan_field *f UNUSED, void *dst)
{
    struct route_mirror *mirror = dst;

    mirror->method_count =
        plan_reader_list(r, v, "methods", 1, ARRAY_LEN(methods) - 1, read_method, mirror);
}

static void read_bytes(struct plan_reader *r, const struct json *v, const struct plan_field *f,
                       void *dst)
{
    struct route_mirror *mirror = dst;
    uint32_t bytes = (uint32_t)mirror->max_bytes_per_s;

    plan_value_size(r, v, f, &bytes);
    mirror->max_bytes_per_s = bytes;
}

#define AT(member) offsetof(struct route_mirror, member)
static const struct plan_field mirror_fields[] = {
    FIELD("methods", read_methods, 0,
          .form = "list of GET, HEAD, OPTIONS, TRACE, POST, PATCH, PUT, DELETE",
          .preset = "[GET, HEAD]",
          .help = "What is copied. A copy of any other than the first four acts a second time: on "
                  "new, and with `spec.compare` on legacy as well, for its noise and for what new "
                  "has answered."),
    FIELD("maxBody", plan_value_size, AT(max_body), .max = BODY_MAX, .preset = "64KiB",
          .help = "Requests with a longer body are not copied."),
    FIELD("timeout", plan_value_millis, AT(timeout_ms), .min = MS, .max = HOUR, .preset = "5s",
          .help = "Longest time for a copy, from its beginning to the end of the answer."),
    FIELD("maxPending", plan_value_count, AT(max_pending), .min = 1, .max = 65536, .preset = "256",
          .help = "So many copies at once on a node; more are dropped and counted. One that is "
                  "late takes its place along until another is answered."),
    FIELD("maxBytesPerSecond", read_bytes, 0, .max = BYTES_MAX, .form = "64KiB, 10MiB; 0 for any",
          .preset = "64MiB",
          .help = "Of copies and their answers on a node; past it copies are dropped and counted."),
    FIELD("offAbove", plan_value_weight, AT(off_above_bp), .preset = "50",
          .help = "Nothing is copied while the weight is above this, so that new never gets more "
                  "than all of the traffic."),
};
#undef AT

const struct plan_section plan_mirror_section = SECTION(mirror_fields);
