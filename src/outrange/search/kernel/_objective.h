/* The bound of one objective over one box. */

#define PATIENT 16 /* who asks for so many steps gets all of them */

static void keep_lines(const tape *t, scratch *w)
{
    memcpy(w->best_ga, w->ga, sizeof(double) * (size_t)t->total);
    for (int k = 1; k < t->levels; k++) {
        const level *l = &t->lv[k];
        if (!l->linear)
            memcpy(w->best_free + l->at, free_lines(l, w) + l->at, sizeof(double) * (size_t)l->n);
    }
}

/* One step of the free lines up the bound, whose minimiser is w->xs. */
static void turn_lines(const tape *t, scratch *w, double step)
{
    relaxed_forward(t, w, w->xs);
    for (int k = 1; k < t->levels; k++) {
        const level *l = &t->lv[k];
        if (l->linear || l->first) continue;
        int convex = l->sp > l->sm;
        double low = convex ? l->sm : l->sp, top = convex ? l->sp : l->sm;
        double *lines = free_lines(l, w);
        /* d bound / d slope = a*z: for a < 0 (concave) the slope goes the other way */
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

/* How much of the gap each input answers for: each open unit's, by the inputs' shares in it. */
static void blame_inputs(const tape *t, scratch *w, double *G)
{
    for (int k = 1; k < t->levels; k++) {
        const level *l = &t->lv[k];
        if (l->first) blame_apart(t, w, l);
        if (l->linear || l->first) continue;
        int convex = l->sp > l->sm;
        const double *cut = convex ? w->down_at : w->up_at;
        for (int i = l->at, end = l->at + padded(l->n); i < end; i += 8) {
            v8 a = *(const v8 *)(w->best_ga + i), f = *(const v8 *)(w->best_free + i);
            v8 right = size8(l->sp - f) * *(const v8 *)(w->hi + i);
            v8 left = size8(l->sm - f) * -*(const v8 *)(w->lo + i);
            bits8 turns = convex ? (bits8)(a > 0.0) : (bits8)(a < 0.0);
            v8 apart = one_of((bits8)(right > left), right, left);
            v8 gap = size8(a) * one_of(turns, apart, size8(*(const v8 *)(cut + i)));
            bits8 open = (bits8)(a != 0.0) & (bits8)(*(const v8 *)(w->per_width + i) > 0.0);
            *(v8 *)(w->gap + i) = (v8)((bits8)gap & open);
        }
    }
    memset(w->blame, 0, sizeof(double) * ROWS * (size_t)t->d);
    for (int b = 0; b < w->blocks; b++) {
        const double *share = w->share + (size_t)b * (size_t)t->d * ROWS;
        v8 gap = {0};
        for (int r = 0; r < ROWS; r++) gap[r] = w->gap[w->lane[b * ROWS + r]];
        for (int q = 0; q < t->d; q++)
            *(v8 *)(w->blame + ROWS * q) += gap * *(const v8 *)(share + ROWS * q);
    }
    for (int q = 0; q < t->d; q++) {
        G[q] = 0.0;
        for (int r = 0; r < ROWS; r++) G[q] += w->blame[ROWS * q + r];
    }
}

/* Ascends on the free slopes of this row alone, for as long as what was gained up to now could,
 * once more, reach the cutoff; writes the best form and, unless that reaches the cutoff, its blame
 * per input. */
static double objective(const tape *t, scratch *w, int k, const double *xl, const double *xu,
                        double cutoff, int steps, double *A, double *offset, double *G)
{
    int d = t->d;
    double best = -INFINITY, first = 0.0;
    for (int i = 0; i < w->nund; i++)
        free_lines(&t->lv[w->und_level[i]], w)[w->und_at[i]] = w->free_[w->und_at[i]];
    if (w->nund == 0) steps = 1;
    for (int it = 0; it < steps; it++) {
        memset(w->ga, 0, sizeof(double) * (size_t)t->total);
        start(t, w, t->levels, k, 1);
        to_input(t, w, t->levels, NULL, 1, w->ga, NULL);
        double c = w->cst[0] - row_pad(t, w, 0);
        double v = least_over(d, w->acc[0], c, xl, xu);
        v -= t->noise * 2 * UNIT * fabs(v);
        if (v > best || it == 0) {
            best = v;
            *offset = c;
            memcpy(A, w->acc[0], sizeof(double) * (size_t)d);
            keep_lines(t, w);
        }
        if (it == 0) first = best;
        if (best >= cutoff || it + 1 == steps) break;
        if (it > 0 && steps < PATIENT && best + (best - first) < cutoff) break;
        for (int q = 0; q < d; q++) w->xs[q] = w->acc[0][q] > 0 ? xl[q] : xu[q];
        turn_lines(t, w, 2.0 * pow(0.8, it));
    }
    if (!(best >= cutoff)) blame_inputs(t, w, G);
    return best;
}
