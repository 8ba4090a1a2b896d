/* The bound of a leaf's case again, by one row through the whole network.
 *
 * Each of a leaf's forms is known up to an error, and the error of a layer counts in the form of
 * every unit above it, each time in full. But it is a single error: where the forms are added
 * up, it is multiplied by the sum of their coefficients. With multipliers y >= 0 of the rows s z
 * >= 0, which state the side of its kink that a unit is on,
 *
 *     objective >= objective - sum_i y_i s_i z_i
 *
 * holds for every run in the case, whatever each sum is off by. The right side is one linear
 * form of all sums, which back-substitution takes to the inputs. At a unit whose value has the
 * coefficient a, the coefficient of its sum z is a times the slope of the unit's line, minus y
 * s. So the error of its sum costs the absolute value of that difference, once. The rounding of
 * the product is added; that of the difference only makes another multiplier of the same sign. */

#define LEAF_SHARE 8    /* missing bound over the errors' cost, up to which a row is tried */
#define MOST_WIDE 2048  /* maximum number of units whose errors are variables of the simplex */
#define WIDE_STEPS 200  /* maximum number of steps of that simplex */

/* Substitute level l; f->place, f->beta and the bounds of phases from j on tell what is
 * undecided. */
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

/* The row of a case, with the multipliers y of its rows: a lower bound of objective k, or of 0
 * without an objective. If the latter is above 0, there is no run in the case. */
static double leaf_row(const tape *t, scratch *w, leaf *f, int k, int j, int objective,
                       const double *y, const double *xl, const double *xu, const int8_t *st)
{
    for (int i = 0, r = 0; i < f->K; i++) {
        double by = i < j && f->branch[i] ? y[r++] : 0.0;
        f->beta[i] = !(by > 0) ? 0.0 : f->phase[i] ? by : -by;
    }
    start(t, w, t->levels, k, objective, 1);
    if (!objective) w->pad[0] = 0.0;
    for (int n = 0; n < t->levels; n++) { /* a level may have only a multiplier */
        if (w->touched[n]) continue;
        memset(w->acc[0] + t->lv[n].at, 0, sizeof(double) * (size_t)padded(t->lv[n].n));
        w->touched[n] = 1;
    }
    for (int n = t->levels - 1; n >= 1; n--) leaf_descend(t, w, f, &t->lv[n], j, st);
    double v = least_over(t->d, w->acc[0], w->cst[0] - row_pad(t, w, 0), xl, xu);
    return v - t->noise * 2 * UNIT * fabs(v);
}

/* Allocate variables for the error of every sum, when first needed. Return 0 if they are too
 * many. */
static int leaf_widen(const tape *t, leaf *f)
{
    size_t N = (size_t)t->total, W = (size_t)t->d + N, K = MAX_LEAF;
    if (t->total > MOST_WIDE) return 0;
    if (f->E) return 1;
    simplex_make(&f->wide, (int)W, MAX_LEAF + 1);
    f->E = reals((K + 1) * N);
    f->Z = reals(K * N);
    f->R = reals((K + 1) * W);
    f->wc = reals(W);
    f->wlo = reals(W);
    f->whi = reals(W);
    for (size_t i = (size_t)t->d; i < W; i++) {
        f->wlo[i] = -1.0;
        f->whi[i] = 1.0;
    }
    return 1;
}

/* Compute the effect of each sum's error, scaled to [-1, 1], on every form of the leaf. */
static void leaf_errors(const tape *t, scratch *w, leaf *f, int k, const int8_t *st)
{
    size_t N = (size_t)t->total;
    for (int i = 0; i <= f->K; i++) {
        int lev = i < f->K ? w->und_level[i] : t->levels, u = i < f->K ? w->und_unit[i] : k;
        double *E = f->E + (size_t)i * N;
        memset(w->ga, 0, sizeof(double) * N);
        start(t, w, lev, u, 1, 1);
        to_input(t, w, lev, st, 1, NULL, f->keep);
        w->ga[t->lv[lev].at + u] = 1.0;
        for (size_t n = 0; n < N; n++) E[n] = w->ga[n] * w->rho[n];
    }
    f->built = 1;
}

static void add_times(double *to, double a, const double *from, size_t n)
{
    if (a != 0.0)
        for (size_t i = 0; i < n; i++) to[i] += a * from[i];
}

/* Solve the case's relaxation with errors as variables, which cancel where they are added up,
 * for its multipliers. f->cc is the objective's form in the inputs. The result is not trusted. */
static int leaf_wide(const tape *t, scratch *w, leaf *f, int k, int j, int m, const double *xl,
                     const double *xu, const int8_t *st)
{
    int d = t->d, K = f->K, r = 0;
    size_t N = (size_t)t->total, W = (size_t)d + N;
    const double *L = f->L + (size_t)j * (size_t)K, *U = f->U + (size_t)j * (size_t)K;
    double *errors = f->wc + d, *h = f->cuts;
    if (!f->built) leaf_errors(t, w, f, k, st);
    for (int i = 0; i < j; i++) {
        double *Z = f->Z + (size_t)i * N, *R = f->R + (size_t)r * W, sign = f->phase[i] ? 1 : -1;
        memcpy(Z, f->E + (size_t)i * N, sizeof(double) * N);
        for (int s = 0; s < i; s++)
            add_times(Z, f->Q[i * K + s] * (f->phase[s] ? f->sp[s] : f->sm[s]),
                      f->Z + (size_t)s * N, N);
        if (!f->branch[i]) continue;
        for (int q = 0; q < d; q++) R[q] = sign * f->zc[i * d + q];
        for (size_t n = 0; n < N; n++) R[(size_t)d + n] = sign * Z[n];
        h[r++] = -sign * f->zb[i];
    }
    memcpy(f->wc, f->cc, sizeof(double) * (size_t)d);
    memcpy(errors, f->E + (size_t)K * N, sizeof(double) * N);
    memcpy(f->wl, f->wq, sizeof(double) * (size_t)K);
    for (int i = K - 1; i >= j; i--) {
        double b, p = f->wl[i] * leaf_line(f, L[i], U[i], i, f->wl[i], &b);
        add_times(errors, p, f->E + (size_t)i * N, N);
        for (int s = 0; s < i; s++) f->wl[s] += p * f->Q[i * K + s];
    }
    for (int s = 0; s < j; s++)
        add_times(errors, f->wl[s] * (f->phase[s] ? f->sp[s] : f->sm[s]), f->Z + (size_t)s * N, N);
    memcpy(f->wlo, xl, sizeof(double) * (size_t)d);
    memcpy(f->whi, xu, sizeof(double) * (size_t)d);
    return lp_solve(&f->wide, f->wc, f->wlo, f->whi, f->R, h, m, WIDE_STEPS);
}

/* A lower bound of objective k with the phases of units < j fixed: by the multipliers that the
 * simplex has left for its m rows; and if that is below the cutoff, by those of a simplex that
 * includes the error of each sum. */
static double leaf_again(const tape *t, scratch *w, leaf *f, int k, int j, int m, double cutoff,
                         const double *xl, const double *xu, const int8_t *st)
{
    double v = leaf_row(t, w, f, k, j, 1, f->lp.y, xl, xu, st);
    if (v >= cutoff || !m || !leaf_widen(t, f)) return v;
    int status = leaf_wide(t, w, f, k, j, m, xl, xu, st);
    if (status == LP_INFEASIBLE)
        return leaf_row(t, w, f, k, j, 0, f->wide.y, xl, xu, st) > 0 ? INFINITY : v;
    return fmax(v, leaf_row(t, w, f, k, j, 1, f->wide.y, xl, xu, st));
}
