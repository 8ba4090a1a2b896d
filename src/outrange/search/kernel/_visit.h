/* One box: bound it, close it for objectives where possible, and split the rest. */

typedef struct {
    const tape *t;
    int tasks, budget, leaf_units, most_lps, steps;
    const double *lo, *hi, *lb;
    const int8_t *st;
    const uint8_t *open;
    double *best;        /* m: least values so far, in plain float64 */
    double *best_at;     /* m x d */
    const double *tol;   /* m: a box whose bound is >= best - tol is closed */
    const double *scale; /* m: the objectives' ranges, to weigh them */
    /* For a decision, else NULL: bounds at which a box is closed, and values below which a point
     * ends the call, so that the caller can validate it. */
    const double *target, *goal;
    double *out_lo, *out_hi, *out_lb;
    int8_t *out_st;
    uint8_t *out_open;
    double *closed; /* m: the least bounds of closed boxes */
    int64_t *stats; /* boxes, leaves, LPs, leaves given up, boxes too thin to split */
    int next, out_count, found;
    mutex lock;
} job;

/* A box is closed for objective k if its bound is at or above this. */
static double cutoff_of(const job *b, int k)
{
    return b->target ? b->target[k] : b->best[k] - b->tol[k];
}

typedef struct {
    double *lo, *hi, *lb, *pri;
    int8_t *st;
    uint8_t *open;
    int count;
} stack;

static void move_box(const tape *t, stack *s, int to, int from)
{
    size_t d = (size_t)t->d, m = (size_t)t->m, S = (size_t)t->states;
    if (to == from) return;
    memcpy(s->lo + to * d, s->lo + from * d, sizeof(double) * d);
    memcpy(s->hi + to * d, s->hi + from * d, sizeof(double) * d);
    memcpy(s->lb + to * m, s->lb + from * m, sizeof(double) * m);
    memcpy(s->open + to * m, s->open + from * m, m);
    memcpy(s->st + to * S, s->st + from * S, S);
    s->pri[to] = s->pri[from];
}

static double priority(const job *b, const double *lb, const uint8_t *open)
{
    double p = -INFINITY;
    for (int k = 0; k < b->t->m; k++)
        if (open[k]) p = fmax(p, (b->best[k] - lb[k]) / b->scale[k]);
    return p;
}

static void offer(job *b, const double *x, const double *y)
{
    int better = 0;
    for (int k = 0; k < b->t->m; k++) better |= y[k] < b->best[k];
    if (!better) return;
    mutex_lock(&b->lock);
    for (int k = 0; k < b->t->m; k++)
        if (y[k] < b->best[k]) {
            b->best[k] = y[k];
            memcpy(b->best_at + (size_t)k * (size_t)b->t->d, x, sizeof(double) * (size_t)b->t->d);
            if (b->target && y[k] < b->goal[k]) b->found = 1;
        }
    mutex_unlock(&b->lock);
}

typedef struct {
    double *A, *G, *off, *y, *x, *nlo, *nhi, *closed, *score, *cuts;
    int64_t stats[5];
} local;

/* Shrink the box to where some open objective may still be below its cutoff. Return 1 on a
 * change. */
static int clip_box(const job *b, local *v, const uint8_t *open, double *lo, double *hi)
{
    int d = b->t->d, any = 0, less = 0;
    for (int k = 0; k < b->t->m; k++) {
        if (!open[k]) continue;
        const double *A = v->A + (size_t)k * (size_t)d;
        double cut = cutoff_of(b, k), total = v->off[k];
        v->cuts[k] = cut;
        for (int q = 0; q < d; q++) total += A[q] > 0 ? A[q] * lo[q] : A[q] * hi[q];
        /* the form includes its padding; a relative pad covers this arithmetic */
        double pad = 1e-12 * (fabs(total) + fabs(cut)), each = fmax(1e-13, gamma_of(2 * d + 8));
        for (int q = 0; q < d; q++) pad += each * fabs(A[q]) * b->t->reach[q];
        for (int q = 0; q < d; q++) {
            double l = lo[q], u = hi[q];
            double slack = cut - (total - (A[q] > 0 ? A[q] * l : A[q] * u)) + pad;
            if (A[q] > 0) u = fmin(u, slack / A[q] + 1e-15 * fabs(u));
            else if (A[q] < 0) l = fmax(l, slack / A[q] - 1e-15 * fabs(l));
            if (u < l) u = l = fmin(fmax(0.5 * (l + u), lo[q]), hi[q]);
            v->nlo[q] = any ? fmin(v->nlo[q], l) : l;
            v->nhi[q] = any ? fmax(v->nhi[q], u) : u;
        }
        any = 1;
    }
    if (!any) return 0;
    for (int q = 0; q < d; q++) less |= v->nhi[q] - v->nlo[q] < 0.95 * (hi[q] - lo[q]);
    if (!less) return 0;
    /* the part cut off is proved to be at or above the cutoffs */
    for (int k = 0; k < b->t->m; k++)
        if (open[k]) v->closed[k] = fmin(v->closed[k], v->cuts[k]);
    memcpy(lo, v->nlo, sizeof(double) * (size_t)d);
    memcpy(hi, v->nhi, sizeof(double) * (size_t)d);
    return 1;
}

/* Shrink the box to the integers in its integer inputs. Return 0 if there are none. */
static int snap(const tape *t, double *lo, double *hi)
{
    if (!t->whole) return 1;
    for (int q = 0; q < t->d; q++)
        if (t->whole[q]) {
            lo[q] = ceil(lo[q]);
            hi[q] = floor(hi[q]);
            if (lo[q] > hi[q]) return 0;
        }
    return 1;
}

/* Whether some integer input is undecided: then a relaxation's minimum is not an attained value. */
static int undecided_whole(const tape *t, const double *lo, const double *hi)
{
    if (t->whole)
        for (int q = 0; q < t->d; q++)
            if (t->whole[q] && lo[q] < hi[q]) return 1;
    return 0;
}

/* The input to split, by its score, the end of its lower half and the start of the upper one. If
 * only integers are undecided, only those are split. -1 if the box is a point in float64. */
static int choose_split(const tape *t, const double *lo, const double *hi, const double *score,
                        int only_whole, double *left, double *right)
{
    int cut = -1;
    double top = -1.0;
    for (int q = 0; q < t->d; q++) {
        double c = 0.5 * lo[q] + 0.5 * hi[q], after = c;
        int whole = t->whole && t->whole[q];
        if (whole) {
            c = floor(c);
            after = c + 1;
        }
        if (only_whole && !whole) continue;
        if (whole ? lo[q] < hi[q] : (c > lo[q] && c < hi[q])) {
            if (!(score[q] > top)) continue;
            top = score[q];
            cut = q;
            *left = c;
            *right = after;
        }
    }
    return cut;
}

/* Process box `at` of the stack: bound it, close it where possible, and split the rest. */
static void visit(job *b, scratch *w, leaf *f, local *v, stack *s, int at)
{
    const tape *t = b->t;
    int d = t->d, m = t->m, open = 0;
    size_t D = (size_t)d, S = (size_t)t->states;
    double *lo = s->lo + at * D, *hi = s->hi + at * D, *lb = s->lb + at * (size_t)m;
    int8_t *st = s->st + at * S;
    uint8_t *flag = s->open + at * (size_t)m;
    for (int k = 0; k < m; k++)
        if (flag[k] && lb[k] >= cutoff_of(b, k)) {
            flag[k] = 0;
            v->closed[k] = fmin(v->closed[k], lb[k]);
        } else open += flag[k];
    if (!open) goto drop;
    v->stats[0]++;
    int nund = unit_bounds(t, w, lo, hi, st, st), whole = undecided_whole(t, lo, hi), only = whole;
    for (int k = 0; k < m; k++) {
        if (!flag[k]) continue;
        double *A = v->A + (size_t)k * D;
        double bound = objective(t, w, k, lo, hi, cutoff_of(b, k), b->steps, A,
                                 v->off + k, v->G + (size_t)k * D);
        if (bound > lb[k]) lb[k] = bound;
        for (int q = 0; q < d; q++) v->x[q] = A[q] > 0 ? lo[q] : hi[q];
        evaluate(t, w, v->x, v->y);
        offer(b, v->x, v->y);
    }
    for (int k = 0; k < m; k++) {
        if (!flag[k]) continue;
        int shut = lb[k] >= cutoff_of(b, k) || (nund == 0 && !whole);
        if (!shut && nund <= b->leaf_units) {
            double value, cutoff = cutoff_of(b, k);
            int complete;
            v->stats[1]++;
            double proved = leaf_solve(t, w, f, k, lo, hi, st, cutoff, b->most_lps, &value,
                                       &complete, &v->stats[2]);
            if (value < INFINITY) {
                for (int q = 0; whole && q < d; q++)
                    if (t->whole[q]) f->xbest[q] = fmin(fmax(rint(f->xbest[q]), lo[q]), hi[q]);
                evaluate(t, w, f->xbest, v->y);
                offer(b, f->xbest, v->y);
            }
            if (complete) {
                lb[k] = fmax(lb[k], proved);
                shut = !whole || lb[k] >= cutoff_of(b, k);
            } else {
                v->stats[3]++;
                only = 0;
            }
        }
        if (shut) {
            flag[k] = 0;
            open--;
            v->closed[k] = fmin(v->closed[k], lb[k]);
        }
    }
    if (open <= 0) goto drop;
    only = only && nund <= b->leaf_units;
    int clipped = clip_box(b, v, flag, lo, hi);
    if (!snap(t, lo, hi)) { /* everything is cut off, as in clip_box */
        for (int k = 0; k < m; k++)
            if (flag[k]) v->closed[k] = fmin(v->closed[k], fmax(lb[k], v->cuts[k]));
        goto drop;
    }
    memset(v->score, 0, sizeof(double) * D);
    for (int k = 0; k < m; k++) {
        if (!flag[k]) continue;
        double weight = 1.0 / b->scale[k];
        for (int q = 0; q < d; q++)
            v->score[q] += weight * (0.5 * fabs(v->A[(size_t)k * D + q]) * (hi[q] - lo[q]) +
                                     v->G[(size_t)k * D + q]);
    }
    double left = 0.0, right = 0.0;
    only = only && undecided_whole(t, lo, hi);
    int cut = choose_split(t, lo, hi, v->score, only, &left, &right);
    if (cut < 0 && clipped) { /* just reduced to a point: bound it once more */
        s->pri[at] = priority(b, lb, flag);
        return;
    }
    if (cut < 0) { /* a point in float64 cannot be split */
        for (int k = 0; k < m; k++)
            if (flag[k]) v->closed[k] = fmin(v->closed[k], lb[k]);
        v->stats[4]++;
        goto drop;
    }
    s->pri[at] = priority(b, lb, flag);
    int other = s->count++;
    move_box(t, s, other, at);
    hi[cut] = left;
    s->lo[(size_t)other * D + (size_t)cut] = right;
    return;
drop:
    s->count--;
    move_box(t, s, at, s->count);
}
