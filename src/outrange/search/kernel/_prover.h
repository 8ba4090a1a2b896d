/* Memory of a certificate prover, and the functions that pass it a network and goals. */

#define MOST_DEPTH 400 /* splits above a box; beyond, the claim is too close to be proved */

/* Up to eight goals on one box while their lines turn; stored by unit, except rows and values. */
typedef struct {
    v8 *row, *least, *met, *value; /* forms; minimizers' forms; coefficients; values there */
    v8 *share, *turned;            /* lines that may turn: shares of 255, slopes */
    uint8_t *found;                /* goals x vars: the shares that reach a target */
} ascent;

typedef struct {
    exact_net net;
    replay *r;
    cases *f;
    ascent a;
    int leaf_units, most_lps, depth;
    bytes out, part;
    double *lo, *hi, *known_lo, *known_hi; /* stacks */
    uint8_t *open;
    double *row, *blame, *old_lo, *old_hi;
    v8 *met, *slope; /* of the bounds before lines turn */
    int *goal;
    uint8_t *lined, *cased, *opened; /* goals: closed by lines, by cases; initially open */
    int64_t stats[3]; /* boxes, leaves by cases, linear programs */
} prover;

API void OF_LEVEL(outrange_prover_free)(prover *p)
{
    if (!p) return;
    if (p->r) replay_free(p->r);
    if (p->f) cases_free(p->f);
    for (int k = 0; k <= p->net.blocks; k++) free(p->net.b[k].turned);
    free((int32_t *)p->net.b[p->net.blocks].reads);
    free(p->net.b);
    free(p->out.at);
    free(p->part.at);
    free(p->lo);
    free(p->hi);
    free(p->known_lo);
    free(p->known_hi);
    free(p->open);
    free(p->row);
    free(p->blame);
    free(p->old_lo);
    free(p->old_hi);
    free(p->a.row);
    free(p->a.least);
    free(p->a.met);
    free(p->a.value);
    free(p->a.share);
    free(p->a.turned);
    free(p->a.found);
    free(p->met);
    free(p->slope);
    free(p->goal);
    free(p->lined);
    free(p->cased);
    free(p->opened);
    free(p);
}

/* Transpose rows of weights to a column for every variable. */
static double *turned_weights(int n, int used, const double *w)
{
    size_t wide = (size_t)padded(n);
    double *turned = reals(wide * (size_t)used);
    for (size_t u = 0; u < (size_t)n; u++)
        for (size_t i = 0; i < (size_t)used; i++) turned[i * wide + u] = w[u * (size_t)used + i];
    return turned;
}

/* The goals form a block of their own, after the others; nothing reads its units. */
static block goal_block(int goals, int vars, const double *goal)
{
    int used = 0;
    int32_t *reads = malloc(sizeof(int32_t) * (size_t)vars);
    double *w = malloc(sizeof(double) * (size_t)vars * (size_t)goals);
    for (int v = 0; v < vars; v++) {
        int any = 0;
        for (int k = 0; k < goals; k++) any |= goal[(size_t)k * (size_t)vars + (size_t)v] != 0.0;
        if (any) reads[used++] = v;
    }
    for (int k = 0; k < goals; k++)
        for (int i = 0; i < used; i++)
            w[k * used + i] = goal[(size_t)k * (size_t)vars + (size_t)reads[i]];
    block b = {goals, vars, used, 0, 0, reads, turned_weights(goals, used, w)};
    free(w);
    return b;
}

API prover *OF_LEVEL(outrange_prover_new)(int d, int blocks, int vars, int goals,
                                          const double *goal, const double *least,
                                          const double *weight, int leaf_units, int most_lps)
{
    prover *p = calloc(1, sizeof *p);
    size_t D = (size_t)d, V = (size_t)vars, m = (size_t)goals, S = MOST_DEPTH + 2;
    p->net = (exact_net){d, blocks, vars, goals, NULL, least, weight};
    p->net.b = calloc((size_t)blocks + 1, sizeof(block));
    p->net.b[blocks] = goal_block(goals, vars, goal);
    p->leaf_units = leaf_units;
    p->most_lps = most_lps;
    p->lo = reals(S * D);
    p->hi = reals(S * D);
    p->known_lo = reals(S * V);
    p->known_hi = reals(S * V);
    p->open = malloc(S * m);
    p->row = reals(V + 8);
    p->blame = reals(D);
    p->old_lo = reals(V);
    p->old_hi = reals(V);
    p->a = (ascent){columns(V + 8), columns(V + 8), columns(V), columns(V + 8),
                    columns(V),     columns(V),     malloc(V * ROWS)};
    p->met = columns(V);
    p->slope = columns(D);
    p->goal = malloc(sizeof(int) * m);
    p->lined = malloc(m);
    p->cased = malloc(m);
    p->opened = malloc(m);
    return p;
}

API void OF_LEVEL(outrange_prover_block)(prover *p, int k, int n, int first, int used,
                                         double below, double above, const int32_t *reads,
                                         const double *w)
{
    p->net.b[k] = (block){n, first, used, below, above, reads, turned_weights(n, used, w)};
}

/* Start at a box. */
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
