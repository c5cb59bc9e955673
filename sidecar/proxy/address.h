/* SPDX-License-Identifier: Apache-2.0 */
/* Socket addresses as plain values; pure, but for connecting to one. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "common/base/str.h"

struct address {
    socklen_t len; /* 0: none */
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } u;
};

#define ADDRESS_TEXT_SIZE INET6_ADDRSTRLEN

/* An IPv4 or IPv6 literal without brackets, or "localhost", which is 127.0.0.1. False for other
 * names: those need a lookup. */
bool address_parse(const char *host, uint16_t port, struct address *ret) MUST_CHECK;

/* "ADDRESS:PORT" or "[V6]:PORT", port 0 allowed. INVALID names the form. */
int address_parse_listen(const char *text, struct address *ret, struct err *err) MUST_CHECK;

/* In host byte order. */
void address_set_port(struct address *a, uint16_t port);
uint16_t address_port(const struct address *a);
bool address_eq(const struct address *a, const struct address *b);

/* The address without its port, IPv4 inside IPv6 as IPv4; "" for other families. Returns the
 * length. */
size_t address_text(const struct address *a, char dst[ADDRESS_TEXT_SIZE]);

/* "ADDRESS:PORT" or "[V6]:PORT"; returns dst. */
#define ADDRESS_ENDPOINT_SIZE (ADDRESS_TEXT_SIZE + 8)
const char *address_endpoint(const struct address *a, char dst[ADDRESS_ENDPOINT_SIZE]);

/* A non-blocking socket (with TCP_NODELAY) that connects to it, or -1 with errno. */
int address_connect(const struct address *a);
