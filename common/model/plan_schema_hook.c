/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks: programs of the operators' around a stage. */
#include "common/base/mem.h"
#include "common/model/plan_schema.h"
#include "common/model/plan_table.h"
#include "common/model/plan_targets.h"
#include "common/model/plan_values.h"

static void read_hook_name(struct plan_reader *r, const struct json *v,
                           const struct plan_field *f UNUSED, void *dst)
{
    struct str text;
    struct err err;

    if (plan_value_text(r, v, "a hook's name", &text) &&
        name_parse(text, "hook name", dst, &err) < 0)
        plan_reader_problem(r, v, "%s", err.msg);
}

static void read_capacity(struct plan_reader *r, const struct json *v,
                          const struct plan_field *f UNUSED, void *dst)
{
    struct plan_hook *hook = dst;

    hook->capacity = xnew(struct plan_check);
    plan_read_check(r, v, "capacity", hook->capacity);
}

#define AT(member) offsetof(struct plan_hook, member)
static const struct plan_field hook_fields[] = {
    FIELD("name", read_hook_name, AT(name), .form = "a-z, 0-9 and -, at most 63",
          .preset = "its kind and place, `command-1`", .help = "Unique in the list."),
    FIELD("command", plan_read_argv, AT(argv), .form = "list of 1 to 32 words", .preset = "-",
          .help = "A program, run on the leading coordinator, which must allow commands. Exit "
                  "status 0 is success. It must bear to be run twice."),
    FIELD("scale", plan_read_argv, AT(argv), .form = "list of 1 to 32 words", .preset = "-",
          .help = "The same, for a program that makes new larger."),
    FIELD("capacity", read_capacity, 0, .form = "a check, as in `ready`", .preset = "none",
          .help = "What must hold after `scale`: asked each second until then, or `timeout`."),
    FIELD("timeout", plan_value_duration, AT(timeout), .min = 100 * MS, .max = DAY, .preset = "60s",
          .help = "The program is ended then, and has failed."),
};
#undef AT

const struct plan_section plan_hook_section = SECTION(hook_fields);

/* False after reporting a hook that names no program, or two. */
static bool check_kind(struct plan_reader *r, const struct json *item)
{
    bool command = json_get(item, "command"), scale = json_get(item, "scale");

    if (command && scale)
        plan_reader_problem(r, item, "a hook is a command or a scale, not both; make it two");
    else if (!command && !scale)
        plan_reader_problem(r, item, "does not say what to run; command or scale is needed");
    else if (command && json_get(item, "capacity"))
        plan_reader_problem_of(r, item, "capacity",
                               "\"capacity\" goes with \"scale\"; write scale instead of command");
    else
        return true;
    return false;
}

static void read_hook(struct plan_reader *r, const struct json *item, unsigned index, void *dst)
{
    struct plan_hook *list = dst, *hook = &list[index];
    unsigned before = r->problems;

    hook->timeout = dur_s(60);
    plan_reader_section(r, item, &plan_hook_section, hook);
    if (r->problems > before || !check_kind(r, item))
        return;
    hook->scale = json_get(item, "scale");
    if (!hook->name.s[0])
        str_fmt(hook->name.s, sizeof hook->name.s, "%s-%u", hook->scale ? "scale" : "command",
                index + 1);
    for (unsigned i = 0; i < index; i++) {
        if (name_eq(&list[i].name, &hook->name))
            plan_reader_problem(r, item, "the name \"%s\" stands twice, the first time in [%u]",
                                hook->name.s, i);
    }
}

static void read_hooks(struct plan_reader *r, const struct json *v, struct plan_hook **ret,
                       unsigned *ret_count)
{
    *ret = xcalloc(PLAN_HOOKS_MAX, sizeof **ret);
    *ret_count = plan_reader_list(r, v, "hooks", 1, PLAN_HOOKS_MAX, read_hook, *ret);
}

void plan_read_before(struct plan_reader *r, const struct json *v,
                      const struct plan_field *f UNUSED, void *dst)
{
    struct plan_stage *stage = dst;

    read_hooks(r, v, &stage->before, &stage->before_count);
}

void plan_read_after(struct plan_reader *r, const struct json *v, const struct plan_field *f UNUSED,
                     void *dst)
{
    struct plan_stage *stage = dst;

    read_hooks(r, v, &stage->after, &stage->after_count);
}
