/* Writing the tree of a certificate: depth first, with the bound to be proved known. */

enum { NODE_BOUND = 1, NODE_LINEAR = 2, NODE_CASES = 4, NODE_SPLIT = 8, NODE_UNITS = 16 };

#define SETTLED 0.4 /* share of the units in doubt that bounds must settle to be kept */
#define MOST_DEPTH 400 /* splits on the way to a box: beyond, the claim is too close to be proved */

typedef struct {
    exact_net net;
    replay *r;
    cases *f;
    int leaf_units, most_lps, depth;
    bytes out, part;
    double *lo, *hi, *known_lo, *known_hi; /* stacks */
    uint8_t *open;
    double *a, *c, *met, *blame, *rows;
    double *old_lo, *old_hi, *bound, *slope, *turn, *turn_met;
    two_lines *turned;
    uint8_t *share, *closed, *opened;
    int64_t stats[3]; /* boxes, leaves by cases, linear programs */
} prover;

API void OF_LEVEL(outrange_prover_free)(prover *p)
{
    if (!p) return;
    if (p->r) replay_free(p->r);
    if (p->f) cases_free(p->f);
    free(p->net.b);
    free(p->out.at);
    free(p->part.at);
    free(p->lo);
    free(p->hi);
    free(p->known_lo);
    free(p->known_hi);
    free(p->open);
    free(p->a);
    free(p->c);
    free(p->met);
    free(p->blame);
    free(p->rows);
    free(p->old_lo);
    free(p->old_hi);
    free(p->bound);
    free(p->slope);
    free(p->turn);
    free(p->turn_met);
    free(p->turned);
    free(p->share);
    free(p->closed);
    free(p->opened);
    free(p);
}

API prover *OF_LEVEL(outrange_prover_new)(int d, int blocks, int vars, int goals,
                                          const double *goal, const double *least,
                                          const double *weight, int leaf_units, int most_lps)
{
    prover *p = calloc(1, sizeof *p);
    size_t D = (size_t)d, V = (size_t)vars, m = (size_t)goals, S = MOST_DEPTH + 2;
    p->net = (exact_net){d, blocks, vars, goals, NULL, goal, least, weight};
    p->net.b = calloc((size_t)blocks + 1, sizeof(block));
    p->leaf_units = leaf_units;
    p->most_lps = most_lps;
    p->lo = reals(S * D);
    p->hi = reals(S * D);
    p->known_lo = reals(S * V);
    p->known_hi = reals(S * V);
    p->open = malloc(S * m);
    p->a = reals(V + 8);
    p->c = reals(V + 8);
    p->met = reals(m * V);
    p->rows = reals(m * (V + 8));
    p->blame = reals(D);
    p->old_lo = reals(V);
    p->old_hi = reals(V);
    p->bound = reals(m);
    p->slope = reals(m * D);
    p->turn = reals(V);
    p->turn_met = reals(V);
    p->turned = malloc(sizeof(two_lines) * V);
    p->share = malloc(V);
    p->closed = malloc(m);
    p->opened = malloc(m);
    return p;
}

API void OF_LEVEL(outrange_prover_block)(prover *p, int k, int n, int first, int used,
                                         double below, double above, const int32_t *reads,
                                         const double *w)
{
    p->net.b[k] = (block){n, first, used, below, above, reads, w};
}

/* Begin at a box. */
API void OF_LEVEL(outrange_prover_begin)(prover *p, const double *lo, const double *hi)
{
    size_t D = (size_t)p->net.d;
    if (!p->r) p->r = replay_new(&p->net);
    if (!p->f) p->f = cases_new(&p->net, p->leaf_units);
    memcpy(p->lo, lo, sizeof(double) * D);
    memcpy(p->hi, hi, sizeof(double) * D);
    for (int v = 0; v < p->net.vars; v++) {
        p->known_lo[v] = -INFINITY;
        p->known_hi[v] = INFINITY;
    }
    memset(p->open, 1, (size_t)p->net.goals);
    p->depth = 1;
    p->out.count = 0;
}

/* Hand the largest open box, the one that would come last, to another prover of the same network:
 * its tree follows this one's. 0: there is no box to spare. */
API int OF_LEVEL(outrange_prover_share)(prover *p, prover *q)
{
    size_t D = (size_t)p->net.d, V = (size_t)p->net.vars, m = (size_t)p->net.goals;
    if (p->depth < 2) return 0;
    OF_LEVEL(outrange_prover_begin)(q, p->lo, p->hi);
    memcpy(q->known_lo, p->known_lo, sizeof(double) * V);
    memcpy(q->known_hi, p->known_hi, sizeof(double) * V);
    memcpy(q->open, p->open, m);
    size_t rest = (size_t)--p->depth;
    memmove(p->lo, p->lo + D, sizeof(double) * D * rest);
    memmove(p->hi, p->hi + D, sizeof(double) * D * rest);
    memmove(p->known_lo, p->known_lo + V, sizeof(double) * V * rest);
    memmove(p->known_hi, p->known_hi + V, sizeof(double) * V * rest);
    memmove(p->open, p->open + m, m * rest);
    return 1;
}

#include "_turn.h"

/* How much of an objective's gap each input answers for. */
static void blame_gap(const exact_net *t, const replay *r, const double *met, double weight,
                      double *blame)
{
    for (int j = 0; j < r->K; j++) {
        if (met[j] == 0.0) continue;
        two_lines n = r->line[j];
        const double *s = r->slope_at[j];
        double lo = r->lo[j], hi = r->hi[j], gap;
        if ((met[j] > 0) == (s[1] >= s[0])) /* the line that may turn */
            gap = fmax(fabs(s[0] - (met[j] > 0 ? n.ls : n.hs)) * -lo,
                       fabs(s[1] - (met[j] > 0 ? n.ls : n.hs)) * hi);
        else gap = fabs(met[j] > 0 ? n.lt : n.ht);
        for (int q = 0; q < t->d; q++)
            blame[q] += weight * fabs(met[j]) * gap * r->share[j * t->d + q];
    }
}

/* Write the mask of the goals in `which`, by their places among those still open. */
static void put_mask(bytes *o, const uint8_t *open, const uint8_t *which, int m)
{
    uint8_t bits[512] = {0};
    int n = 0, top = 0;
    for (int k = 0; k < m; k++)
        if (open[k]) {
            if (which[k]) bits[n / 7] |= (uint8_t)(1 << n % 7), top = n / 7;
            n++;
        }
    for (int i = 0; i <= top; i++) put(o, bits[i] | (i < top ? 128 : 0));
}

/* Close a goal on a box by turned lines or by cases, written to p->part. */
static int close_goal(prover *p, int k, const double *row, double bound, const double *met,
                      const double *lo, const double *hi)
{
    const exact_net *t = &p->net;
    replay *r = p->r;
    size_t K = (size_t)r->K, before = p->part.count;
    if (ascend(p, row, t->least[k], bound, met)) {
        put(&p->part, SHARES);
        for (int j = 0; j < r->K; j++) put(&p->part, p->share[j]);
        put_number(&p->part, 0);
        return 1;
    }
    if (r->K > p->leaf_units) return 0;
    signs s = level_of(p->f, r, 0);
    memcpy(s.line, r->line, sizeof(two_lines) * K);
    memcpy(s.lo, r->lo, sizeof(double) * K);
    memcpy(s.hi, r->hi, sizeof(double) * K);
    memset(s.sign, 0, K);
    p->f->lps = 0;
    p->stats[1]++;
    int closed = write_cases(t, r, p->f, row, t->least[k], 0, p->most_lps, lo, hi, &p->part);
    p->stats[2] += p->f->lps;
    if (!closed) p->part.count = before;
    return closed;
}

/* Take one box from the stack. 0: the tree cannot be finished. */
static int grow(prover *p)
{
    const exact_net *t = &p->net;
    replay *r = p->r;
    int d = t->d, m = t->goals, at = p->depth - 1, any = 0, left = 0;
    size_t D = (size_t)d, V = (size_t)t->vars;
    double *lo = p->lo + (size_t)at * D, *hi = p->hi + (size_t)at * D;
    double *kl = p->known_lo + (size_t)at * V, *kh = p->known_hi + (size_t)at * V;
    uint8_t *open = p->open + (size_t)at * (size_t)m;
    p->stats[0]++;
    memcpy(p->opened, open, (size_t)m);
    memcpy(p->old_lo, kl, sizeof(double) * V);
    memcpy(p->old_hi, kh, sizeof(double) * V);
    replay_box(t, r, lo, hi, kl, kh, p->a, p->c);
    memset(p->closed, 0, (size_t)m);
    for (int k = 0; k < m; k++) {
        if (!open[k]) continue;
        double *row = p->rows + (size_t)k * (V + 8);
        write_row(r, t->goal + (size_t)k * V, NULL, t->vars, row);
        memcpy(p->a, row, sizeof(double) * (size_t)r->width);
        p->bound[k] = least_row(t, r, p->a, r->width, r->line, NULL, lo, hi,
                                p->met + (size_t)k * V);
        memcpy(p->slope + (size_t)k * D, p->a + 1, sizeof(double) * D);
        any |= p->closed[k] = p->bound[k] >= t->least[k];
    }
    size_t head = p->out.count;
    put(&p->out, NODE_BOUND | (any ? NODE_LINEAR : 0));
    if (any) put_mask(&p->out, open, p->closed, m);
    memset(p->blame, 0, sizeof(double) * D);
    p->part.count = 0;
    any = 0;
    for (int k = 0; k < m; k++) {
        open[k] = open[k] && !p->closed[k];
        p->closed[k] = 0;
        if (!open[k]) continue;
        const double *met = p->met + (size_t)k * V, *slope = p->slope + (size_t)k * D;
        p->closed[k] = (uint8_t)close_goal(p, k, p->rows + (size_t)k * (V + 8), p->bound[k], met,
                                           lo, hi);
        any |= p->closed[k];
        if (p->closed[k]) continue;
        left++;
        for (int q = 0; q < d; q++)
            p->blame[q] += 0.5 * t->weight[k] * fabs(slope[q]) * (hi[q] - lo[q]);
        blame_gap(t, r, met, t->weight[k], p->blame);
    }
    if (any) {
        p->out.at[head] |= NODE_CASES;
        put_mask(&p->out, open, p->closed, m);
        if (r->touches) {
            p->out.at[head] |= NODE_UNITS;
            put_number(&p->out, (uint64_t)r->K);
            for (int j = 0; j < r->K; j++) put_number(&p->out, (uint64_t)(r->var[j] - 1));
        }
        for (size_t i = 0; i < p->part.count; i++) put(&p->out, p->part.at[i]);
        for (int k = 0; k < m; k++) open[k] = open[k] && !p->closed[k];
    }
    p->depth--;
    if (!left) return 1;
    int cut = -1;
    for (int q = 0; q < d; q++) {
        double c = 0.5 * lo[q] + 0.5 * hi[q];
        if (c > lo[q] && c < hi[q] && (cut < 0 || p->blame[q] > p->blame[cut])) cut = q;
    }
    if (cut < 0 || p->depth + 2 > MOST_DEPTH) return 0;
    if (r->asked - r->K < SETTLED * r->asked) {
        /* Bounds that settle little are not worth the checker's time: as if they were not known,
         * nor what they prove, which the halves prove as well. */
        p->out.count = head + 1;
        p->out.at[head] = 0;
        memcpy(open, p->opened, (size_t)m);
        memcpy(kl, p->old_lo, sizeof(double) * V);
        memcpy(kh, p->old_hi, sizeof(double) * V);
    }
    p->out.at[head] |= NODE_SPLIT;
    put_number(&p->out, (uint64_t)cut);
    size_t to = (size_t)at + 1;
    memcpy(p->lo + to * D, lo, sizeof(double) * D);
    memcpy(p->hi + to * D, hi, sizeof(double) * D);
    memcpy(p->known_lo + to * V, kl, sizeof(double) * V);
    memcpy(p->known_hi + to * V, kh, sizeof(double) * V);
    memcpy(p->open + to * (size_t)m, open, (size_t)m);
    /* The lower half is the next one. */
    p->hi[to * D + (size_t)cut] = lo[cut] + 0.5 * (hi[cut] - lo[cut]);
    lo[cut] = p->hi[to * D + (size_t)cut];
    p->depth += 2;
    return 1;
}

/* Up to `boxes` more. 1: the tree is finished, 0: not yet, -1: it cannot be finished. */
API int OF_LEVEL(outrange_prover_run)(prover *p, int boxes)
{
    for (int i = 0; i < boxes && p->depth; i++)
        if (!grow(p)) return -1;
    return p->depth == 0;
}

/* The bytes written since the last time, and their number in *count; they stay the prover's. */
API const uint8_t *OF_LEVEL(outrange_prover_tree)(prover *p, int64_t *count, int64_t *stats)
{
    *count = (int64_t)p->out.count;
    for (int i = 0; i < 3; i++) stats[i] = p->stats[i];
    return p->out.at;
}
