/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rpc/rpc_args.h"

#include <limits.h>

#include "common/base/check.h"

#define KEEPALIVE_MS         10000
#define KEEPALIVE_TIMEOUT_MS 5000
#define CONNECT_TIMEOUT_MS   5000
#define BACKOFF_FIRST_MS     100
#define BACKOFF_MAX_MS       2000
#define HANDSHAKE_MS         10000
#define METADATA_BYTES       16384
#define READ_AHEAD_BYTES     (256 * 1024)
#define MIN_PING_INTERVAL_MS 500

static void add(struct rpc_args *a, const char *key, int value)
{
    CHECK(a->list.num_args < RPC_ARGS_MAX);
    a->args[a->list.num_args++] = (grpc_arg){
        .type = GRPC_ARG_INTEGER,
        .key = (char *)(uintptr_t)key, /* the library does not write to it */
        .value.integer = value,
    };
}

static int ms_or(dur_t d, int otherwise)
{
    int64_t ms = dur_to_ms(d);

    if (ms <= 0)
        return otherwise;
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

static void add_common(struct rpc_args *a, size_t max_message, dur_t keepalive, dur_t timeout)
{
    size_t bytes = rpc_message_bytes(max_message);

    a->list = (grpc_channel_args){0, a->args};
    add(a, GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, bytes > INT_MAX ? INT_MAX : (int)bytes);
    add(a, GRPC_ARG_MAX_METADATA_SIZE, METADATA_BYTES);
    add(a, GRPC_ARG_KEEPALIVE_TIME_MS, ms_or(keepalive, KEEPALIVE_MS));
    add(a, GRPC_ARG_KEEPALIVE_TIMEOUT_MS, ms_or(timeout, KEEPALIVE_TIMEOUT_MS));
    add(a, GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    add(a, GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
    /* The bandwidth probe answers data with pings of its own, which a fleet of small pushes
     * multiplies. A larger fixed window serves long links without it. */
    add(a, GRPC_ARG_HTTP2_BDP_PROBE, 0);
    add(a, GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, READ_AHEAD_BYTES);
    /* Statistics that nobody reads; they cost memory per connection. */
    add(a, GRPC_ARG_ENABLE_CHANNELZ, 0);
    add(a, GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0);
}

void rpc_args_server(struct rpc_args *ret, const struct rpc_server_config *config)
{
    add_common(ret, config->max_message_bytes, config->keepalive, config->keepalive_timeout);
    /* Two servers on one port would each get half of the callers. */
    add(ret, GRPC_ARG_ALLOW_REUSEPORT, 0);
    /* Our own clients ping idle connections; do not punish them for it. */
    add(ret, GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, MIN_PING_INTERVAL_MS);
    add(ret, GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
    add(ret, GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, HANDSHAKE_MS);
}

void rpc_args_client(struct rpc_args *ret, const struct rpc_client_config *config)
{
    add_common(ret, config->max_message_bytes, config->keepalive, config->keepalive_timeout);
    add(ret, GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, BACKOFF_FIRST_MS);
    add(ret, GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, BACKOFF_MAX_MS);
    /* In this library the minimum is how long one attempt may take. */
    add(ret, GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, ms_or(config->connect_timeout, CONNECT_TIMEOUT_MS));
    /* The address given is the address used: no proxy from the environment, no settings from DNS.
     */
    add(ret, GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    add(ret, GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
    /* Callers retry by themselves, with what they know about the call. */
    add(ret, GRPC_ARG_ENABLE_RETRIES, 0);
    add(ret, GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, config->own_connection ? 1 : 0);
}
