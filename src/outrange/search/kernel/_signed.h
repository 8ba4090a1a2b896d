/* A case of a leaf once more, by one row through the whole network.
 *
 * A leaf's forms are known up to an error each, and what a layer is off by counts in the form of
 * every unit above it, each time in full. But it is one error: where the forms are added up, it
 * meets the sum of their coefficients. With multipliers y >= 0 of the rows s z >= 0 that say which
 * side of its kink a unit is on,
 *
 *     objective >= objective - sum_i y_i s_i z_i,
 *
 * whatever each sum is off by, for every run in the case; and the right side is one linear form of
 * all sums, which back-substitution takes to the inputs: at a unit whose sum z meets the
 * coefficient a, the coefficient of z is a times the slope of the unit's line, less y s. So what
 * its sum is off by is paid by the size of that difference, once. The rounding of the product is
 * paid beside it; that of the difference makes another multiplier, of the same sign. */

/* Level l's part of it: f->place, f->beta and the bounds of phases j on say what is undecided. */
static void leaf_descend(const tape *t, scratch *w, const leaf *f, const level *l, int j,
                         const int8_t *st)
{
    const double *a = w->acc[0] + l->at;
    const double *L = f->L + (size_t)j * (size_t)f->K, *U = f->U + (size_t)j * (size_t)f->K;
    int count = 0;
    for (int u = 0; u < l->n; u++) {
        double x = a[u], p = x;
        if (!l->linear) {
            int s = st[l->sat + u], i = s ? 0 : f->place[l->sat + u];
            double b = 0.0;
            if (s) p = x * (s > 0 ? l->sp : l->sm);
            else if (i < j) p = x * (f->phase[i] ? l->sp : l->sm);
            else p = x * leaf_line(f, L[i], U[i], i, x, &b);
            if (!s) {
                w->pad[0] += gamma_of(4) * fabs(p) * l->z[u];
                w->cst[0] += x * b;
                w->mag[0] += fabs(x * b);
                p -= f->beta[i];
            }
        }
        if (p == 0.0) continue;
        w->cst[0] += p * l->bias[u];
        w->pad[0] += fabs(p) * l->rho[u];
        w->mag[0] += fabs(p * l->bias[u]);
        w->list[count++] = u;
        w->p0[u] = p;
    }
    if (count) feed(t, w, l, count, 1);
}

/* A lower bound of objective k where the phases of units < j are as they are fixed, by the
 * multipliers that the simplex has left for its rows. */
static double leaf_row(const tape *t, scratch *w, leaf *f, int k, int j, const double *xl,
                       const double *xu, const int8_t *st)
{
    for (int i = 0, r = 0; i < f->K; i++) {
        double y = i < j && f->branch[i] ? f->lp.y[r++] : 0.0;
        f->beta[i] = !(y > 0) ? 0.0 : f->phase[i] ? y : -y;
    }
    start(t, w, t->levels, k, 1, 1);
    for (int n = t->levels - 1; n >= 1; n--)
        if (w->touched[n]) leaf_descend(t, w, f, &t->lv[n], j, st);
    if (!w->touched[0]) memset(w->acc[0], 0, sizeof(double) * (size_t)t->d);
    double v = least_over(t->d, w->acc[0], w->cst[0] - row_pad(t, w, 0), xl, xu);
    return v - t->noise * 2 * UNIT * fabs(v);
}
