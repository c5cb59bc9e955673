/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http1/http1.h"

struct str http1_path(const struct http1_head *h)
{
    if (h->path.n > 0 || h->form == HTTP1_FORM_AUTHORITY)
        return http1_str(h, h->path);
    return h->method == HTTP1_OPTIONS ? STR("*") : STR("/");
}

bool http1_find(const struct http1_head *h, struct str name, struct str *ret_value)
{
    for (uint32_t i = 0; i < h->header_count; i++) {
        if (str_ieq(http1_name(h, i), name)) {
            *ret_value = http1_value(h, i);
            return true;
        }
    }
    return false;
}

/* RFC 9110 15, and the few later ones that proxies meet. */
static const struct {
    unsigned status;
    const char *reason;
} reasons[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {426, "Upgrade Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

const char *http1_reason(unsigned status)
{
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return "Unknown";
}
