/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway that garbles, as a program for stories on real processes.
 *
 *   etcd_gateway ETCD_PORT
 *
 * Says its endpoint, then does what each line of its input tells and repeats the line, until the
 * input ends:
 *
 *   FAULT PATH TIMES     as gateway_arm(), for example "cut-json txn 1"
 *   say TEXT             what refuse and babble answer
 *   end-streams */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "tests/etcd/etcd_gateway.h"

static const char *const fault_names[] = {
    [GATEWAY_FINE] = "fine",
    [GATEWAY_DROP_REQUEST] = "drop-request",
    [GATEWAY_HOLD] = "hold",
    [GATEWAY_REFUSE] = "refuse",
    [GATEWAY_BABBLE] = "babble",
    [GATEWAY_DROP_ANSWER] = "drop-answer",
    [GATEWAY_CUT_JSON] = "cut-json",
    [GATEWAY_CUT_BODY] = "cut-body",
    [GATEWAY_TIME_TRAVEL] = "time-travel",
    [GATEWAY_DUPLICATE] = "duplicate",
    [GATEWAY_REORDER] = "reorder",
    [GATEWAY_LOSE] = "lose",
    [GATEWAY_CUT_LINE] = "cut-line",
};

static void arm(struct etcd_gateway *g, const char *line)
{
    char fault[32], path[32];
    unsigned times;

    if (sscanf(line, "%31s %31s %u", fault, path, &times) != 3)
        check_die("not FAULT PATH TIMES: %s", line);
    for (size_t f = 0; f < ARRAY_LEN(fault_names); f++) {
        if (strcmp(fault, fault_names[f]) == 0) {
            gateway_arm(g, (enum gateway_fault)f, path, times);
            return;
        }
    }
    check_die("no such fault: %s", line);
}

static void obey(struct etcd_gateway *g, const char *line)
{
    static char text[512];

    if (strncmp(line, "say ", 4) == 0) {
        snprintf(text, sizeof text, "%s", line + 4);
        gateway_say(g, text);
    } else if (strcmp(line, "end-streams") == 0) {
        gateway_end_streams(g);
    } else {
        arm(g, line);
    }
}

int main(int argc, char **argv)
{
    struct etcd_gateway *g;
    char line[512];

    CHECK(argc == 2);
    g = gateway_start((unsigned)strtoul(argv[1], NULL, 10));
    gateway_say(g, "<html>hello</html>");
    puts(gateway_endpoint(g));
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        obey(g, line);
        puts(line);
        fflush(stdout);
    }
    gateway_stop(g);
    return 0;
}
