/* SPDX-License-Identifier: Apache-2.0 */
/* A body in pieces of any size: taken at once, in random pieces, and squeezed in random pieces, it
 * gives the same payload and trailers, ends at the same byte and is refused for the same reason.
 * What was understood, sent on in chunks of ours, gives both again. Input: one byte that chooses
 * the framing, one that seeds the cuts, and the body. */
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/http1/http1_trailers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BODY_MAX (1u << 20)

struct taken {
    struct http1_body body;
    enum http1_body_result result;
    size_t used;
    struct buf payload;
    struct buf trailers;
};

static void taken_init(struct taken *t, struct http1_framing f)
{
    http1_body_init(&t->body, f);
    t->result = HTTP1_BODY_MORE;
    t->used = 0;
    buf_init(&t->payload, BODY_MAX);
    buf_init(&t->trailers, HTTP1_TRAILERS_KEPT_MAX);
    if (f.kind == HTTP1_BODY_CHUNKED)
        http1_body_keep_trailers(&t->body, &t->trailers);
}

static void taken_deinit(struct taken *t)
{
    buf_deinit(&t->payload);
    buf_deinit(&t->trailers);
}

static void take_next(struct taken *t, struct str piece)
{
    size_t at = 0;

    while (t->result == HTTP1_BODY_MORE && at < piece.n) {
        struct str payload;
        size_t used;

        t->result =
            http1_body_next(&t->body, (struct str){piece.p + at, piece.n - at}, &used, &payload);
        CHECK(used > 0 || t->result != HTTP1_BODY_MORE);
        CHECK(payload.n <= used && buf_add_str(&t->payload, payload));
        at += used;
    }
    t->used += at;
}

static void take_squeezed(struct taken *t, struct str piece)
{
    CLEANUP(xfreep) char *copy = xmemdup(piece.p, piece.n); /* its size exactly, for ASan */
    size_t used, payload;

    if (t->result != HTTP1_BODY_MORE)
        return;
    t->result = http1_body_squeeze(&t->body, copy, piece.n, &used, &payload);
    CHECK(used <= piece.n && payload <= used);
    CHECK(buf_add(&t->payload, copy, payload));
    t->used += used;
}

static void take_in_pieces(struct taken *t, struct str in, uint64_t seed,
                           void (*take)(struct taken *t, struct str piece))
{
    struct rng rng;

    rng_seed(&rng, seed);
    while (in.n > 0) {
        size_t n = 1 + (size_t)rng_below(&rng, rng_below(&rng, 4) ? 8 : in.n);

        n = n < in.n ? n : in.n;
        take(t, (struct str){in.p, n});
        in = (struct str){in.p + n, in.n - n};
    }
}

static void check_same(const struct taken *a, const struct taken *b)
{
    CHECK(a->result == b->result && a->body.why == b->body.why);
    CHECK(http1_body_may_end(&a->body) == http1_body_may_end(&b->body));
    CHECK(a->body.payload == a->payload.len && b->body.payload == b->payload.len);
    CHECK(a->result == HTTP1_BODY_BAD || a->used == b->used);
    CHECK(str_eq(buf_view(&a->payload), buf_view(&b->payload)));
    CHECK(a->result == HTTP1_BODY_BAD || str_eq(buf_view(&a->trailers), buf_view(&b->trailers)));
}

/* Each line comes apart into what may go on, and together again. */
static void check_trailers(struct str kept)
{
    struct str rest = kept, name, value;
    size_t n = 0;

    while (http1_trailers_next(&rest, &name, &value)) {
        CHECK(name.n > 0 && http1_trailer_passes(name));
        CHECK(!memchr(name.p, ' ', name.n) && str_eq(str_trim(value), value));
        n += name.n + value.n + 4;
    }
    CHECK(n == kept.n);
}

/* The payload in chunks of ours, and the trailers. */
static void add_chunks(struct buf *b, struct str payload, struct str trailers, uint64_t seed)
{
    struct rng rng;

    rng_seed(&rng, seed);
    while (payload.n > 0) {
        size_t n = 1 + (size_t)rng_below(&rng, payload.n);
        char head[HTTP1_CHUNK_HEAD_MAX];

        CHECK(buf_add(b, head, http1_chunk_head(head, n)));
        CHECK(buf_add(b, payload.p, n) && buf_add_str(b, HTTP1_CHUNK_TAIL));
        payload = (struct str){payload.p + n, payload.n - n};
    }
    CHECK(buf_add_str(b, HTTP1_CHUNK_ZERO) && buf_add_str(b, trailers));
    CHECK(buf_add_str(b, HTTP1_CHUNK_TAIL));
}

static void check_sent_on(const struct taken *t, uint64_t seed)
{
    CLEANUP(buf_deinitp) struct buf sent = BUF_INIT(64 * BODY_MAX);
    struct taken again;

    add_chunks(&sent, buf_view(&t->payload), buf_view(&t->trailers), seed);
    taken_init(&again, (struct http1_framing){.kind = HTTP1_BODY_CHUNKED});
    take_in_pieces(&again, buf_view(&sent), seed, take_next);
    CHECK(again.result == HTTP1_BODY_DONE && again.used == sent.len);
    CHECK(str_eq(buf_view(&again.payload), buf_view(&t->payload)));
    CHECK(str_eq(buf_view(&again.trailers), buf_view(&t->trailers)));
    taken_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct taken whole, cut, squeezed;
    struct http1_framing f = {.kind = HTTP1_BODY_CHUNKED};
    struct str in;

    if (size < 3 || size > BODY_MAX)
        return 0;
    in = (struct str){(const char *)data + 2, size - 2};
    if (data[0] & 1)
        f = (struct http1_framing){HTTP1_BODY_LENGTH, .length = data[0]};
    taken_init(&whole, f);
    taken_init(&cut, f);
    taken_init(&squeezed, f);
    take_next(&whole, in);
    take_in_pieces(&cut, in, data[1], take_next);
    take_in_pieces(&squeezed, in, data[1] + 256u, take_squeezed);
    check_same(&whole, &cut);
    check_same(&whole, &squeezed);
    check_trailers(whole.result == HTTP1_BODY_DONE ? buf_view(&whole.trailers) : STR(""));
    if (whole.result == HTTP1_BODY_DONE)
        check_sent_on(&whole, data[1]);
    taken_deinit(&whole);
    taken_deinit(&cut);
    taken_deinit(&squeezed);
    return 0;
}
