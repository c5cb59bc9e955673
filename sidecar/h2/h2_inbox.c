/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/h2/h2_inbox.h"

#include "common/base/check.h"
#include "common/http1/http1_body.h"

/* Behind a head in `text`: the last chunk and its trailers. */
#define TAIL_MAX (HTTP1_TRAILERS_MAX + 64)

void h2_inbox_init(struct h2_inbox *in, size_t head_max, size_t payload_max)
{
    *in = (struct h2_inbox){.chunked = false};
    h2_queue_init(&in->text, head_max + TAIL_MAX);
    h2_queue_init(&in->payload, payload_max);
    buf_init(&in->trailers, HTTP1_TRAILERS_MAX);
}

void h2_inbox_deinit(struct h2_inbox *in)
{
    h2_queue_deinit(&in->text);
    h2_queue_deinit(&in->payload);
    buf_deinit(&in->trailers);
}

bool h2_inbox_add_head(struct h2_inbox *in, struct str text, bool chunked)
{
    if (h2_queue_room(&in->text) < text.n + TAIL_MAX)
        return false;
    in->chunked = chunked;
    return h2_queue_add(&in->text, text);
}

bool h2_inbox_add_payload(struct h2_inbox *in, struct str payload)
{
    return h2_queue_add(&in->payload, payload);
}

bool h2_inbox_add_trailers(struct h2_inbox *in, struct str lines)
{
    return !in->chunked || lines.n == 0 || buf_add_str(&in->trailers, lines);
}

void h2_inbox_end(struct h2_inbox *in)
{
    in->ended = true;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* There is room: `text` keeps TAIL_MAX free for this. */
static void say(struct h2_inbox *in, struct str text)
{
    CHECK(h2_queue_add(&in->text, text));
}

static void begin_chunk(struct h2_inbox *in)
{
    char head[HTTP1_CHUNK_HEAD_MAX];

    in->chunk_left = h2_queue_size(&in->payload);
    say(in, (struct str){head, http1_chunk_head(head, in->chunk_left)});
}

static void say_end(struct h2_inbox *in)
{
    in->finished = true;
    if (!in->chunked)
        return;
    say(in, STR("0\r\n"));
    say(in, buf_view(&in->trailers));
    say(in, STR("\r\n"));
    buf_deinit(&in->trailers);
}

static size_t take_payload(struct h2_inbox *in, char *dst, size_t size)
{
    size_t n;

    if (!in->chunked)
        return h2_queue_take(&in->payload, dst, size);
    n = h2_queue_take(&in->payload, dst, in->chunk_left < size ? in->chunk_left : size);
    in->chunk_left -= n;
    if (in->chunk_left == 0)
        say(in, HTTP1_CHUNK_TAIL);
    return n;
}

/* Whether payload can be read as it is. */
static bool is_in_payload(const struct h2_inbox *in)
{
    return in->chunked ? in->chunk_left > 0 : h2_queue_size(&in->payload) > 0;
}

size_t h2_inbox_read(struct h2_inbox *in, char *dst, size_t size, size_t *ret_payload)
{
    size_t n = 0;

    *ret_payload = 0;
    while (n < size && h2_inbox_has(in)) {
        if (h2_queue_size(&in->text) > 0) {
            n += h2_queue_take(&in->text, dst + n, size - n);
        } else if (is_in_payload(in)) {
            size_t taken = take_payload(in, dst + n, size - n);

            *ret_payload += taken;
            n += taken;
        } else if (h2_queue_size(&in->payload) > 0) {
            begin_chunk(in);
        } else {
            say_end(in);
        }
    }
    return n;
}

bool h2_inbox_has(const struct h2_inbox *in)
{
    return h2_queue_size(&in->text) > 0 || h2_queue_size(&in->payload) > 0 ||
           (in->ended && !in->finished && in->chunked);
}
