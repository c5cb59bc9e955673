/* SPDX-License-Identifier: Apache-2.0 */
/* `breaker`: the breakers of all nodes by hand. */
#include "cli/change.h"
#include "cli/run.h"

static int order(struct cli *cli, const struct args *a, Switchyard__V1__BreakerOrder__Kind kind,
                 int *ret_status, struct err *err)
{
    Switchyard__V1__BreakerOrder action = SWITCHYARD__V1__BREAKER_ORDER__INIT;
    struct change ch;

    action.kind = kind;
    change_init(&ch, cli, a);
    ch.request.action_case = SWITCHYARD__V1__COMMAND__ACTION_BREAKER_ORDER;
    ch.request.breaker_order = &action;
    return change_run(cli, a, &ch, ret_status, err);
}

#define ORDER_COMMAND(word, KIND)                                                                \
    int run_breaker_##word(struct cli *cli, const struct args *a, int *ret_status,               \
                           struct err *err)                                                      \
    {                                                                                            \
        return order(cli, a, SWITCHYARD__V1__BREAKER_ORDER__KIND__KIND_##KIND, ret_status, err); \
    }

ORDER_COMMAND(open, OPEN)
ORDER_COMMAND(close, CLOSE)
ORDER_COMMAND(reset, RESET)
