/* The bound of one unit from one side, by ascent on the lines in its row. */

#define PATIENT 16 /* from this many steps on, all are taken */

static void keep_lines(const tape *t, scratch *w, int to)
{
    memcpy(w->best_ga, w->ga, sizeof(double) * (size_t)t->total);
    for (int k = 1; k < to; k++) {
        const level *l = &t->lv[k];
        if (!l->linear)
            memcpy(w->best_free + l->at, free_lines(l, w) + l->at, sizeof(double) * (size_t)l->n);
    }
}

/* Take one step of the free lines up the bound, whose minimizer is w->xs. */
static void turn_lines(const tape *t, scratch *w, int to, double step)
{
    relaxed_forward(t, w, to, w->xs);
    for (int k = 1; k < to; k++) {
        const level *l = &t->lv[k];
        if (l->linear || l->first) continue;
        int convex = l->sp > l->sm;
        double low = convex ? l->sm : l->sp, top = convex ? l->sp : l->sm;
        double *lines = free_lines(l, w);
        /* d bound / d slope = a*z: for a < 0 (concave) the slope moves the other way */
        double far = (convex ? 1 : -1) * step * (top - low);
        for (int i = l->at, end = l->at + padded(l->n); i < end; i += 8) {
            v8 a = *(const v8 *)(w->ga + i), per = *(const v8 *)(w->per_width + i);
            v8 old = *(const v8 *)(lines + i), new = old + far * *(const v8 *)(w->z + i) * per;
            new = one_of((bits8)(new < low), (v8){0} + low, new);
            new = one_of((bits8)(new > top), (v8){0} + top, new);
            bits8 turns = (convex ? (bits8)(a > 0.0) : (bits8)(a < 0.0)) & (bits8)(per > 0.0);
            *(v8 *)(lines + i) = one_of(turns, new, old);
        }
    }
}

/* Reset every line to its initial slope. */
static void reset_lines(const tape *t, scratch *w)
{
    for (int i = 0; i < w->nund; i++)
        free_lines(&t->lv[w->und_level[i]], w)[w->und_at[i]] = w->free_[w->und_at[i]];
}

/* A lower bound of `sign` times unit u of level k. Optimizes the free slopes of this row only, as
 * long as repeating the gain so far would reach the cutoff; writes the best form. */
static double climb(const tape *t, scratch *w, int k, int u, int sign, const double *xl,
                    const double *xu, double cutoff, int steps, double *A, double *offset)
{
    int d = t->d;
    double best = -INFINITY, first = 0.0;
    reset_lines(t, w);
    if (w->nund == 0) steps = 1;
    for (int it = 0; it < steps; it++) {
        memset(w->ga, 0, sizeof(double) * (size_t)t->total);
        start(t, w, k, u, sign, 1);
        to_input(t, w, k, NULL, 1, w->ga, NULL);
        double c = w->cst[0] - row_pad(t, w, 0);
        double v = least_over(d, w->acc[0], c, xl, xu);
        v -= t->noise * 2 * UNIT * fabs(v);
        if (v > best || it == 0) {
            best = v;
            *offset = c;
            memcpy(A, w->acc[0], sizeof(double) * (size_t)d);
            keep_lines(t, w, k);
        }
        if (it == 0) first = best;
        if (best >= cutoff || it + 1 == steps) break;
        if (it > 0 && steps < PATIENT && best + (best - first) < cutoff) break;
        for (int q = 0; q < d; q++) w->xs[q] = w->acc[0][q] > 0 ? xl[q] : xu[q];
        turn_lines(t, w, k, 2.0 * pow(0.8, it));
    }
    return best;
}
