/* The bound of one objective over one box. */

/* Ascends on the free slopes of this row alone; writes the best form and its blame per input. */
static double objective(const tape *t, scratch *w, int k, const double *xl, const double *xu,
                        const int8_t *st, double cutoff, int steps, double *A, double *offset,
                        double *G)
{
    int d = t->d;
    double best = -INFINITY;
    for (int i = 0; i < w->nund; i++) {
        int s = w->und_state[i];
        w->al[s] = w->free_[s];
        stand_in(&t->lv[w->und_level[i]], w, w->und_unit[i], 0, w->al[s]);
    }
    if (w->nund == 0) steps = 1;
    for (int it = 0; it < steps; it++) {
        for (int i = 0; i < w->nund; i++) w->ga[w->und_state[i]] = 0.0;
        start(t, w, t->levels, k, 1);
        to_input(t, w, t->levels, st, 1, w->ga, NULL);
        double c = w->cst[0] - row_pad(t, w, 0);
        double v = least_over(d, w->acc[0], c, xl, xu);
        v -= t->noise * 2 * UNIT * fabs(v);
        if (v > best || it == 0) {
            best = v;
            *offset = c;
            memcpy(A, w->acc[0], sizeof(double) * (size_t)d);
            memset(G, 0, sizeof(double) * (size_t)d);
            for (int i = 0; i < w->nund; i++) {
                int s = w->und_state[i];
                const level *l = &t->lv[w->und_level[i]];
                double a = w->ga[s], g;
                if (a == 0.0) continue;
                if ((a > 0) == (l->sp > l->sm)) {
                    double f = w->al[s];
                    g = fabs(a) * fmax(fabs(l->sp - f) * w->hi[s], -fabs(l->sm - f) * w->lo[s]);
                } else g = fabs(a * w->cut[s]);
                const double *share = w->share + (size_t)s * (size_t)d;
                for (int q = 0; q < d; q++) G[q] += g * share[q];
            }
        }
        if (best >= cutoff || it + 1 == steps) break;
        for (int q = 0; q < d; q++) w->xs[q] = w->acc[0][q] > 0 ? xl[q] : xu[q];
        relaxed_forward(t, w, w->xs, st);
        double step = 2.0 * pow(0.8, it);
        for (int i = 0; i < w->nund; i++) {
            int s = w->und_state[i];
            const level *l = &t->lv[w->und_level[i]];
            double a = w->ga[s];
            if (a == 0.0 || (a > 0) != (l->sp > l->sm)) continue;
            double low = fmin(l->sm, l->sp), top = fmax(l->sm, l->sp);
            /* d bound / d slope = a*z: for a < 0 (concave) the slope goes the other way */
            double v2 =
                w->al[s] + (a > 0 ? 1 : -1) * step * (top - low) * w->zz[s] / (w->hi[s] - w->lo[s]);
            w->al[s] = v2 < low ? low : (v2 > top ? top : v2);
            stand_in(l, w, w->und_unit[i], 0, w->al[s]);
        }
    }
    return best;
}
