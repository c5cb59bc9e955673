/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/tap_judge.h"

#include "common/base/mem.h"
#include "common/compare/compare.h"
#include "sidecar/proxy/lane.h"

/* How long a place counts as noise after legacy last differed from itself there. */
#define NOISE_LASTS dur_s(900)
/* One request is told of by its worst differences, so that others are told of, too. */
#define TOLD_OF_ONE 2
#define HEAD_MAX    (256u << 10) /* more than any lane's limit of heads */

/* ---- an answer, kept ------------------------------------------------------------------------- */

void tap_answer_clear(struct tap_answer *a, size_t keep)
{
    a->here = false;
    a->bytes.max = HEAD_MAX;
    a->bytes.len = a->body.len = 0;
    a->body.max = keep;
    a->size = 0;
    a->grpc = (struct http1_grpc){.is_call = false};
}

void tap_answer_head(struct tap_answer *a, const struct http1_head *head)
{
    uint32_t n = head->header_count;

    if (a->field_room < n) {
        a->fields = xrealloc(a->fields, n * sizeof *a->fields);
        a->field_room = n;
    }
    if (n > 0)
        memcpy(a->fields, head->headers, n * sizeof *a->fields);
    a->head = *head;
    a->head.headers = a->fields;
    a->here = buf_add(&a->bytes, head->base, head->size);
    a->head.base = a->bytes.data;
}

/* Hashed only once it is too long to be kept: until then the bytes themselves are compared. */
void tap_answer_body(struct tap_answer *a, struct str piece)
{
    size_t room = a->body.max - a->body.len;

    a->size += piece.n;
    if (a->size <= a->body.max) {
        (void)!buf_add_str(&a->body, piece);
        return;
    }
    if (a->size - piece.n <= a->body.max)
        a->hash = compare_hash(COMPARE_HASH_START, buf_view(&a->body));
    a->hash = compare_hash(a->hash, piece);
    (void)!buf_add(&a->body, piece.p, piece.n < room ? piece.n : room);
}

void tap_answer_trim(struct tap_answer *a, size_t keep)
{
    if (a->bytes.cap > keep)
        buf_deinit(&a->bytes);
    if (a->body.cap > keep)
        buf_deinit(&a->body);
}

void tap_answer_deinit(struct tap_answer *a)
{
    buf_deinit(&a->bytes);
    buf_deinit(&a->body);
    xfreep(&a->fields);
}

static struct str nth_field(const void *head, struct str name, unsigned nth)
{
    const struct http1_head *h = head;

    for (uint32_t i = 0; i < h->header_count; i++) {
        if (str_ieq(http1_name(h, i), name) && nth-- == 0)
            return http1_value(h, i);
    }
    return (struct str){NULL, 0};
}

static struct str status_of(const struct http1_grpc *g)
{
    const char *name = http1_grpc_name(g);

    if (!g->is_call)
        return (struct str){NULL, 0};
    return name ? str_of(name) : STR("(absent)");
}

static struct compare_answer view_of(const struct tap_answer *a)
{
    struct str type = nth_field(&a->head, STR("Content-Type"), 0);

    return (struct compare_answer){
        .status = a->head.status,
        .grpc_status = status_of(&a->grpc),
        .media_type = type.p ? type : STR(""),
        .body = buf_view(&a->body),
        .cut = a->size > a->body.len,
        .body_size = a->size,
        .body_hash = a->hash,
        .keep = a->body.max,
        .header = nth_field,
        .head = &a->head,
    };
}

/* ---- noise ----------------------------------------------------------------------------------- */

static void forget_old(struct tap_noise *n, mono_t now)
{
    for (unsigned i = 0; i < n->count;) {
        if (mono_before(now, n->until[i])) {
            i++;
            continue;
        }
        n->count--;
        n->place[i] = n->place[n->count];
        n->until[i] = n->until[n->count];
    }
}

/* When there is no more room the one that would be forgotten first gives way. */
static unsigned find_noise(const struct tap_noise *n, uint64_t place)
{
    unsigned oldest = 0;

    for (unsigned i = 0; i < n->count; i++) {
        if (n->place[i] == place)
            return i;
        if (mono_before(n->until[i], n->until[oldest]))
            oldest = i;
    }
    return n->count < TAP_NOISES_MAX ? n->count : oldest;
}

static bool is_status(const char *where)
{
    return strcmp(where, "status") == 0 || strcmp(where, "grpc-status") == 0;
}

/* A status is never noise: that legacy fails now and then must not hide that new does. */
static void remember(struct tap_noise *n, const struct compare_verdict *v, mono_t now)
{
    for (unsigned k = 0; k < v->kept; k++) {
        unsigned i;

        if (is_status(v->difference[k].where))
            continue;
        i = find_noise(n, v->difference[k].place);
        n->place[i] = v->difference[k].place;
        n->until[i] = mono_add(now, NOISE_LASTS);
        if (i == n->count)
            n->count++;
    }
}

/* ---- judging --------------------------------------------------------------------------------- */

static struct compare_verdict compare(const struct tap *t, const struct tap_answer *legacy,
                                      const struct tap_answer *other)
{
    const struct route_compare *r = &t->route->entry->route.compare;
    const struct compare_answer a = view_of(legacy), b = view_of(other);
    struct compare_verdict v;

    compare_answers(r->rule, r->rule_count, &a, &b, &v);
    return v;
}

static void count(struct compare_stats *s, enum compare_class class)
{
    s->compared++;
    s->equal += class == COMPARE_EQUAL;
    s->cosmetic += class == COMPARE_DIFFERS_COSMETIC;
    s->critical += class == COMPARE_DIFFERS_CRITICAL;
}

static void tell(struct tap *t, const struct compare_verdict *v)
{
    struct discrepancy d = {.at = loop_wall(t->lane->loop)};

    memcpy(d.request, t->request, sizeof d.request);
    for (unsigned i = 0; i < v->kept && i < TOLD_OF_ONE; i++) {
        const struct compare_difference *x = &v->difference[i];

        if (x->class != v->class)
            continue;
        d.critical = x->class == COMPARE_DIFFERS_CRITICAL;
        memcpy(d.where, x->where, sizeof d.where);
        memcpy(d.legacy, x->legacy, sizeof d.legacy);
        memcpy(d.new_value, x->new_value, sizeof d.new_value);
        route_stats_add_discrepancy(&t->route->tally->stats, &d);
    }
}

static void judge_noise(struct tap *t, const struct tap_answer *legacy)
{
    struct compare_stats *s = &t->route->tally->stats.compare;
    struct compare_verdict v = compare(t, legacy, &t->answer[TAP_NOISES]);

    s->noise_compared++;
    s->noise_differed += v.class != COMPARE_EQUAL;
    remember(&t->route->tally->noise, &v, loop_now(t->lane->loop));
}

static void judge_new(struct tap *t, const struct tap_answer *legacy, const struct tap_answer *new)
{
    struct tap_noise *noise = &t->route->tally->noise;
    struct compare_verdict v = compare(t, legacy, new);

    forget_old(noise, loop_now(t->lane->loop));
    compare_forgive(&v, noise->place, noise->count);
    count(&t->route->tally->stats.compare, v.class);
    tell(t, &v);
}

static void charge(struct tap *t, mono_t began)
{
    struct tap_noise *n = &t->route->tally->noise;

    n->spent_ns += mono_sub(clock_system->mono(clock_system), began).ns;
    t->route->tally->stats.compare.overhead_us += (uint64_t)(n->spent_ns / 1000);
    n->spent_ns %= 1000;
}

void tap_judge(struct tap *t)
{
    bool by_legacy = t->client == SYSTEM_LEGACY;
    const struct tap_answer *legacy = &t->answer[by_legacy ? TAP_CLIENTS : TAP_COPYS];
    const struct tap_answer *new = &t->answer[by_legacy ? TAP_COPYS : TAP_CLIENTS];
    mono_t began = clock_system->mono(clock_system);

    if (legacy->here && t->answer[TAP_NOISES].here)
        judge_noise(t, legacy);
    if (legacy->here && new->here)
        judge_new(t, legacy, new);
    else
        t->route->tally->stats.compare.skipped++;
    charge(t, began);
}
