/* Bounds of every undecided unit, and the lines that stand in for it. */

static void set_lines(const level *l, scratch *w, int s)
{
    double lo = w->lo[s], hi = w->hi[s], sm = l->sm, sp = l->sp;
    double d = (sp * hi - sm * lo) / (hi - lo);
    double low = fmin(sm, sp), top = fmax(sm, sp);
    d = d < low ? low : (d > top ? top : d);
    double e1 = (sp - d) * hi, e2 = (sm - d) * lo; /* f - d*z at both ends */
    double slack =
        4 * UNIT * ((fabs(sp) + fabs(d)) * fabs(hi) + (fabs(sm) + fabs(d)) * fabs(lo)) + TINY;
    w->chord[s] = d;
    if (sp > sm) { /* convex: the chord is above */
        w->cut[s] = fmax(e1, e2) + slack;
        w->free_[s] = hi > -lo ? sp : sm;
    } else {
        w->cut[s] = fmin(e1, e2) - slack;
        w->free_[s] = hi > -lo ? sp : sm;
    }
}

static int unit_bounds(const tape *t, scratch *w, const double *xl, const double *xu,
                       const int8_t *known, int8_t *st)
{
    int d = t->d;
    w->nund = 0;
    for (int k = 1; k <= t->levels; k++) {
        const level *l = &t->lv[k];
        if (l->linear) continue;
        for (int u = 0; u < l->n; u++) {
            int s = l->sat + u;
            if ((st[s] = known[s]) != 0) {
                stand_in(l, w, u, st[s], 0.0);
                continue;
            }
            start(t, w, k, u, 2);
            to_input(t, w, k, st, 2, NULL, NULL);
            double pad0 = row_pad(t, w, 0), pad1 = row_pad(t, w, 1);
            double lo = least_over(d, w->acc[0], w->cst[0], xl, xu) - pad0;
            double hi = -(least_over(d, w->acc[1], w->cst[1], xl, xu) - pad1);
            double top = l->z[u];
            if (!(lo > -top)) lo = -top;
            if (!(hi < top)) hi = top;
            w->lo[s] = lo;
            w->hi[s] = hi;
            if (lo >= 0 || hi <= 0) {
                st[s] = lo >= 0 ? 1 : -1;
                stand_in(l, w, u, st[s], 0.0);
                continue;
            }
            set_lines(l, w, s);
            stand_in(l, w, u, 0, w->free_[s]);
            double sum = 1e-300, *share = w->share + (size_t)s * (size_t)d;
            for (int q = 0; q < d; q++) {
                share[q] = (fabs(w->acc[0][q]) + fabs(w->acc[1][q])) * (xu[q] - xl[q]);
                sum += share[q];
            }
            for (int q = 0; q < d; q++) share[q] /= sum;
            w->und_level[w->nund] = k;
            w->und_unit[w->nund] = u;
            w->und_state[w->nund++] = s;
        }
    }
    return w->nund;
}
