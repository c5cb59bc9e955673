/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rpc/rpc_status.h"

#include "common/base/str.h"

#define KEY_CODE "switchyard-code"
#define KEY_HINT "switchyard-hint"

/* ---- sending ------------------------------------------------------------------------------- */

/* RFC 3986 2.1. A metadata value is printable ASCII (gRPC over HTTP/2, ASCII-Value). */
static size_t percent_encode(const char *text, char *dst, size_t size)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t n = 0;

    for (; *text && n + 3 < size; text++) {
        unsigned char c = (unsigned char)*text;

        if (c > 0x20 && c < 0x7f && c != '%') {
            dst[n++] = (char)c;
        } else {
            dst[n++] = '%';
            dst[n++] = hex[c >> 4];
            dst[n++] = hex[c & 15];
        }
    }
    return n;
}

size_t rpc_status_trailers(const struct err *why, grpc_metadata *ret)
{
    char encoded[sizeof why->hint * 3 + 1];
    size_t n;

    ret[0] = (grpc_metadata){.key = grpc_slice_from_static_string(KEY_CODE),
                             .value = grpc_slice_from_static_string(err_text(why->code))};
    if (!why->hint[0])
        return 1;
    n = percent_encode(why->hint, encoded, sizeof encoded);
    ret[1] = (grpc_metadata){.key = grpc_slice_from_static_string(KEY_HINT),
                             .value = grpc_slice_from_copied_buffer(encoded, n)};
    return 2;
}

/* ---- receiving ----------------------------------------------------------------------------- */

/* By pointer: a short slice holds its bytes itself. */
static struct str view(const grpc_slice *s)
{
    return (struct str){(const char *)GRPC_SLICE_START_PTR(*s), GRPC_SLICE_LENGTH(*s)};
}

static bool find_trailer(const grpc_metadata_array *md, struct str key, struct str *ret)
{
    for (size_t i = 0; i < md->count; i++) {
        if (str_eq(view(&md->metadata[i].key), key)) {
            *ret = view(&md->metadata[i].value);
            return true;
        }
    }
    return false;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A broken escape stays as it is. NUL would end the text, so it stays escaped. */
static void percent_decode(struct str s, char *dst, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n && n + 1 < size; i++) {
        int high = s.p[i] == '%' && i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(s.p[i + 2]) : -1;

        if (low >= 0 && (high | low)) {
            dst[n++] = (char)(high << 4 | low);
            i += 2;
        } else {
            dst[n++] = s.p[i];
        }
    }
    dst[n] = '\0';
}

static enum err_code code_of(const struct rpc_ending *e, bool *ret_ours)
{
    char text[32];
    struct str value;
    enum err_code code = ERR_NONE;

    if (find_trailer(&e->trailers, STR(KEY_CODE), &value) && str_copy(value, text, sizeof text))
        code = err_from_text(text);
    *ret_ours = code != ERR_NONE;
    return *ret_ours ? code : err_from_grpc_status((int)e->status);
}

/* The library's words for a connection that never came up. */
static bool is_unsent(struct str details)
{
    return str_starts(details, STR("failed to connect")) ||
           str_starts(details, STR("DNS resolution failed"));
}

/* What follows the last `before`. */
static bool find_last(struct str s, struct str before, struct str *ret_tail)
{
    for (size_t i = s.n; i >= before.n; i--) {
        if (memcmp(s.p + i - before.n, before.p, before.n) == 0) {
            *ret_tail = (struct str){s.p + i, s.n - i};
            return true;
        }
    }
    return false;
}

/* "... Failed to connect to remote host: Connection refused": the operator needs what comes
 * last. */
static struct str connect_reason(struct str details)
{
    struct str tail;

    if (find_last(details, STR("remote host: "), &tail) ||
        find_last(details, STR("last error: UNKNOWN: "), &tail))
        return tail;
    return details;
}

static void tell(struct err *ret, enum err_code code, const char *target, struct str details)
{
    struct str why;

    switch ((int)code) {
    case ERR_TIMEOUT:
        err_set(ret, code, "no answer from %s within the deadline", target);
        return;
    case ERR_CANCELLED:
        err_set(ret, code, "the call to %s was cancelled", target);
        return;
    case ERR_UNAVAILABLE:
        why = connect_reason(details);
        if (is_unsent(details))
            err_set(ret, code, "cannot reach %s: %.*s", target, (int)why.n, why.p);
        else
            err_set(ret, code, "lost the connection to %s: %.*s", target, (int)why.n, why.p);
        return;
    default:
        err_set(ret, code, "%s: %.*s", target, (int)details.n, details.p);
    }
}

bool rpc_status_restore(const struct rpc_ending *e, const char *target, struct err *ret)
{
    struct str details = view(&e->details);
    char decoded[sizeof ret->hint];
    struct str hint;
    enum err_code code;
    bool ours;

    *ret = (struct err){.code = ERR_NONE};
    if (e->status == GRPC_STATUS_OK)
        return true;
    code = code_of(e, &ours);
    if (ours)
        err_set(ret, code, "%.*s", (int)details.n, details.p);
    else
        tell(ret, code, target, details);
    if (find_trailer(&e->trailers, STR(KEY_HINT), &hint)) {
        percent_decode(hint, decoded, sizeof decoded);
        err_hint(ret, "%s", decoded);
    }
    return ours;
}

bool rpc_status_unsent(const struct rpc_ending *e)
{
    return is_unsent(view(&e->details));
}

/* ---- the library's log --------------------------------------------------------------------- */

static bool find(struct str s, struct str what, struct str *ret_after)
{
    for (size_t i = 0; i + what.n <= s.n; i++) {
        if (memcmp(s.p + i, what.p, what.n) == 0) {
            *ret_after = (struct str){s.p + i + what.n, s.n - i - what.n};
            return true;
        }
    }
    return false;
}

struct str rpc_status_log_reason(struct str log_message)
{
    struct str rest, reason;

    if (find(log_message, STR("os_error:\""), &rest)) {
        str_cut(rest, '"', &reason, &rest);
        return reason;
    }
    if (str_starts(log_message, STR("UNKNOWN:")))
        log_message = (struct str){log_message.p + 8, log_message.n - 8};
    str_cut(log_message, '{', &reason, &rest);
    return str_trim(reason);
}
