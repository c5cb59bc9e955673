/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/values.h"

#include <inttypes.h>

#include "common/base/units.h"

int value_count(const struct args *a, enum cli_option o, uint64_t max, uint64_t *ret,
                struct err *err)
{
    const char *text = a->option[o];
    uint64_t count;

    if (!text)
        return 0;
    if (!str_to_u64(str_of(text), max, &count) || count == 0)
        return err_set(err, ERR_INVALID, "--%s %s is not a number from 1 to %" PRIu64,
                       cli_options[o].name, text, max);
    *ret = count;
    return 0;
}

int value_window(const struct args *a, unsigned least, uint32_t *ret_s, struct err *err)
{
    const char *text = a->option[OPT_WINDOW];
    dur_t window;

    if (!text)
        return 0;
    if (unit_parse_duration(str_of(text), &window, err) < 0)
        return err_ctx(err, "--window %s", text);
    if (window.ns < dur_s(least).ns || window.ns > dur_s(24 * 3600).ns)
        return err_set(err, ERR_INVALID, "--window %s is not within %us and 24h", text, least);
    *ret_s = (uint32_t)(window.ns / dur_s(1).ns);
    return 0;
}
