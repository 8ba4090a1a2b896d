/* Exploration: each task takes one open box, and processes it and its children, best first,
 * within a small budget of boxes; boxes that stay open are returned. Objectives share the boxes:
 * a box stores one lower bound per objective, and one flag per objective: whether it is still open
 * there.
 */

static void *worker(void *arg)
{
    job *b = arg;
    const tape *t = b->t;
    size_t d = (size_t)t->d, m = (size_t)t->m, S = (size_t)t->states, cap = (size_t)b->budget + 4;
    scratch *w = scratch_new(t);
    leaf *f = leaf_new(t);
    stack s = {reals(cap * d),
               reals(cap * d),
               reals(cap * m),
               reals(cap),
               malloc(cap * S + 1),
               malloc(cap * m),
               0};
    local v = {reals(m * d), reals(m * d), reals(m), reals(m), reals(d), reals(d),
               reals(d),     reals(m),     reals(d), reals(m), {0}};
    for (size_t k = 0; k < m; k++) v.closed[k] = INFINITY;
    for (;;) {
        mutex_lock(&b->lock);
        int i = b->next < b->tasks ? b->next++ : -1;
        mutex_unlock(&b->lock);
        if (i < 0) break;
        memcpy(s.lo, b->lo + (size_t)i * d, sizeof(double) * d);
        memcpy(s.hi, b->hi + (size_t)i * d, sizeof(double) * d);
        memcpy(s.lb, b->lb + (size_t)i * m, sizeof(double) * m);
        memcpy(s.st, b->st + (size_t)i * S, S);
        memcpy(s.open, b->open + (size_t)i * m, m);
        s.pri[0] = 0;
        s.count = 1;
        for (int n = 0; n < b->budget && s.count && !b->found; n++) {
            int at = 0;
            for (int j = 1; j < s.count; j++)
                if (t->deep ? s.pri[j] < s.pri[at] : s.pri[j] > s.pri[at]) at = j;
            visit(b, w, f, &v, &s, at);
        }
        if (!s.count) continue;
        mutex_lock(&b->lock);
        size_t o = (size_t)b->out_count;
        b->out_count += s.count;
        mutex_unlock(&b->lock);
        size_t c = (size_t)s.count;
        memcpy(b->out_lo + o * d, s.lo, sizeof(double) * c * d);
        memcpy(b->out_hi + o * d, s.hi, sizeof(double) * c * d);
        memcpy(b->out_lb + o * m, s.lb, sizeof(double) * c * m);
        memcpy(b->out_st + o * S, s.st, c * S);
        memcpy(b->out_open + o * m, s.open, c * m);
    }
    mutex_lock(&b->lock);
    for (size_t k = 0; k < m; k++) b->closed[k] = fmin(b->closed[k], v.closed[k]);
    for (int i = 0; i < 5; i++) b->stats[i] += v.stats[i];
    mutex_unlock(&b->lock);
    free(s.lo);
    free(s.hi);
    free(s.lb);
    free(s.pri);
    free(s.st);
    free(s.open);
    free(v.A);
    free(v.G);
    free(v.off);
    free(v.y);
    free(v.x);
    free(v.nlo);
    free(v.nhi);
    free(v.closed);
    free(v.score);
    free(v.cuts);
    leaf_free(f);
    scratch_free(w);
    return NULL;
}

#define MOST_THREADS 64

API int OF_LEVEL(outrange_explore)(const tape *t, int tasks, const double *lo, const double *hi,
                                   const double *lb, const int8_t *st, const uint8_t *open,
                                   int budget, int leaf_units, int most_lps, int steps,
                                   int threads, double *best, double *best_at, const double *tol,
                                   const double *scale, const double *target, const double *goal,
                                   double *out_lo, double *out_hi, double *out_lb, int8_t *out_st,
                                   uint8_t *out_open, double *closed, int64_t *stats)
{
    job b = {t,
             tasks,
             budget,
             leaf_units > MAX_LEAF ? MAX_LEAF : leaf_units,
             most_lps,
             steps,
             lo,
             hi,
             lb,
             st,
             open,
             best,
             best_at,
             tol,
             scale,
             target,
             goal,
             out_lo,
             out_hi,
             out_lb,
             out_st,
             out_open,
             closed,
             stats,
             0,
             0,
             0,
             MUTEX_INITIALIZER};
    thread id[MOST_THREADS];
    int started = 0;
    if (threads > MOST_THREADS) threads = MOST_THREADS;
    for (int i = 1; i < threads && i < tasks; i++)
        if (thread_start(&id[started], worker, &b)) started++;
    worker(&b);
    for (int i = 0; i < started; i++) thread_join(id[i]);
    return b.out_count;
}

/* Bound one box without splitting it, like the array engine. lo_z, hi_z (states) receive the bounds
 * of the units not known yet, or may be NULL. Returns the number of unstable units. */
API int OF_LEVEL(outrange_bound)(const tape *t, const double *lo, const double *hi,
                                 const int8_t *known, int steps, double *least, double *A,
                                 double *offset, double *G, int8_t *st, double *lo_z,
                                 double *hi_z)
{
    scratch *w = scratch_new(t);
    int n = unit_bounds(t, w, lo, hi, known, st);
    for (int k = 0; k < t->m; k++)
        least[k] = objective(t, w, k, lo, hi, INFINITY, steps, A + (size_t)k * (size_t)t->d,
                             offset + k, G + (size_t)k * (size_t)t->d);
    if (lo_z)
        for (int k = 1; k <= t->levels; k++)
            for (int u = 0, s = t->lv[k].sat; u < t->lv[k].n && !t->lv[k].linear; u++, s++)
                if (known[s] == 0) {
                    lo_z[s] = w->lo[t->lv[k].at + u];
                    hi_z[s] = w->hi[t->lv[k].at + u];
                }
    scratch_free(w);
    return n;
}

API void OF_LEVEL(outrange_evaluate)(const tape *t, int points, const double *x, double *y)
{
    scratch *w = scratch_new(t);
    for (int i = 0; i < points; i++)
        evaluate(t, w, x + (size_t)i * (size_t)t->d, y + (size_t)i * (size_t)t->m);
    scratch_free(w);
}
