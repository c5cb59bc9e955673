/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/log_ask.h"

#include "cli/node_call.h"

int log_ask(struct cli *c, const struct fleet_entry *node, ProtobufCMessage **ret, struct err *err)
{
    Switchyard__V1__LogRequest request = SWITCHYARD__V1__LOG_REQUEST__INIT;

    if (node)
        return node_call(c, node, "GetLog", &request.base, dur_ms(0), ret, err);
    return cli_call(c, "GetLog", &request.base, dur_ms(0), ret, err);
}
