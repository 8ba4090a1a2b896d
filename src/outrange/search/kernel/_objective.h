/* The bound of one objective over one box. */

/* Compute each input's share of the gap: each unstable unit's gap, by the inputs' shares in it. */
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

/* Find the best form and, unless its bound reaches the cutoff, its blame per input. */
static double objective(const tape *t, scratch *w, int k, const double *xl, const double *xu,
                        double cutoff, int steps, double *A, double *offset, double *G)
{
    double best = climb(t, w, t->levels, k, 1, xl, xu, cutoff, steps, A, offset);
    if (!(best >= cutoff)) blame_inputs(t, w, G);
    return best;
}
