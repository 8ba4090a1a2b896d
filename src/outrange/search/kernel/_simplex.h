/* A small bounded dual simplex, and proved bounds from its untrusted multipliers. */

typedef struct {
    int d, cap; /* inputs, maximum number of rows */
    double *T, *t0, *rc, *lo, *hi, *x, *y, *xn;
    int *nbv, *bv, *at;
} simplex;

enum { LP_OPTIMAL, LP_INFEASIBLE, LP_CAPPED };

static void simplex_make(simplex *s, int d, int cap)
{
    size_t D = (size_t)d, C = (size_t)cap;
    s->d = d;
    s->cap = cap;
    s->T = reals(C * D);
    s->t0 = reals(C);
    s->rc = reals(D);
    s->lo = reals(D + C);
    s->hi = reals(D + C);
    s->x = reals(D);
    s->y = reals(C);
    s->xn = reals(D);
    s->nbv = malloc(sizeof(int) * D);
    s->bv = malloc(sizeof(int) * C);
    s->at = malloc(sizeof(int) * D);
}

static void simplex_end(simplex *s)
{
    free(s->T);
    free(s->t0);
    free(s->rc);
    free(s->lo);
    free(s->hi);
    free(s->x);
    free(s->y);
    free(s->xn);
    free(s->nbv);
    free(s->bv);
    free(s->at);
}

/* min c x over xl <= x <= xu, G x >= h (m rows). Leaves x, and in y the multipliers of a lower
 * bound (or, if infeasible, of a Farkas certificate). The results are not trusted. */
static int lp_solve(simplex *s, const double *c, const double *xl, const double *xu,
                    const double *G, const double *h, int m, int most)
{
    int d = s->d, status = LP_CAPPED;
    double *T = s->T;
    for (int i = 0; i < m; i++) {
        memcpy(T + i * d, G + i * d, sizeof(double) * (size_t)d);
        s->t0[i] = -h[i];
        s->bv[i] = d + i;
        s->lo[d + i] = 0.0;
        s->hi[d + i] = 1e300;
        s->y[i] = 0.0;
    }
    for (int j = 0; j < d; j++) {
        s->rc[j] = c[j];
        s->nbv[j] = j;
        s->lo[j] = xl[j];
        s->hi[j] = xu[j];
        s->at[j] = c[j] >= 0 ? 0 : 1;
    }
    for (int it = 0; it < most; it++) {
        int r = -1, up = 1, enter = -1;
        double worst = 1e-11, ratio = INFINITY;
        for (int j = 0; j < d; j++) s->xn[j] = s->at[j] ? s->hi[s->nbv[j]] : s->lo[s->nbv[j]];
        for (int i = 0; i < m; i++) {
            double v = s->t0[i];
            for (int j = 0; j < d; j++) v += T[i * d + j] * s->xn[j];
            int b = s->bv[i];
            if (s->lo[b] - v > worst) {
                worst = s->lo[b] - v;
                r = i;
                up = 1;
            }
            if (v - s->hi[b] > worst) {
                worst = v - s->hi[b];
                r = i;
                up = 0;
            }
        }
        if (r < 0) {
            status = LP_OPTIMAL;
            break;
        }
        for (int j = 0; j < d; j++) {
            double a = up ? T[r * d + j] : -T[r * d + j];
            if ((s->at[j] == 0 && a > 1e-12) || (s->at[j] == 1 && a < -1e-12)) {
                double q = fabs(s->rc[j] / a);
                if (q < ratio) {
                    ratio = q;
                    enter = j;
                }
            }
        }
        if (enter < 0) {
            double sign = up ? 1.0 : -1.0;
            if (s->bv[r] >= d && up) s->y[s->bv[r] - d] = 1.0;
            for (int j = 0; j < d; j++)
                if (s->nbv[j] >= d) s->y[s->nbv[j] - d] = fmax(0.0, -sign * T[r * d + j]);
            return LP_INFEASIBLE;
        }
        double p = T[r * d + enter];
        int leaving = s->bv[r], entering = s->nbv[enter];
        for (int j = 0; j < d; j++)
            if (j != enter) T[r * d + j] = -T[r * d + j] / p;
        s->t0[r] = -s->t0[r] / p;
        T[r * d + enter] = 1.0 / p;
        for (int i = 0; i < m; i++) {
            double f = T[i * d + enter];
            if (i == r || f == 0.0) continue;
            for (int j = 0; j < d; j++)
                if (j != enter) T[i * d + j] += f * T[r * d + j];
            s->t0[i] += f * s->t0[r];
            T[i * d + enter] = f * T[r * d + enter];
        }
        double f = s->rc[enter];
        for (int j = 0; j < d; j++)
            if (j != enter) s->rc[j] += f * T[r * d + j];
        s->rc[enter] = f * T[r * d + enter];
        s->bv[r] = entering;
        s->nbv[enter] = leaving;
        s->at[enter] = up ? 0 : 1;
    }
    for (int j = 0; j < d; j++) {
        s->xn[j] = s->at[j] ? s->hi[s->nbv[j]] : s->lo[s->nbv[j]];
        if (s->nbv[j] < d) s->x[s->nbv[j]] = s->xn[j];
        else s->y[s->nbv[j] - d] = fmax(0.0, s->rc[j]);
    }
    for (int i = 0; i < m; i++)
        if (s->bv[i] < d) {
            double v = s->t0[i];
            for (int j = 0; j < d; j++) v += T[i * d + j] * s->xn[j];
            s->x[s->bv[i]] = fmin(fmax(v, xl[s->bv[i]]), xu[s->bv[i]]);
        }
    return status;
}

/* A proved lower bound of c x + c0 over the box and the rows G x >= h, from multipliers y >= 0. */
static double safe_bound(const tape *t, const double *c, double c0, const double *xl,
                         const double *xu, const double *G, const double *h, int m, const double *y)
{
    int d = t->d;
    double s = c0, mag = fabs(c0);
    for (int i = 0; i < m; i++)
        if (y[i] > 0) {
            s += y[i] * h[i];
            mag += fabs(y[i] * h[i]);
        }
    for (int q = 0; q < d; q++) {
        double v = c ? c[q] : 0.0, a = fabs(v);
        for (int i = 0; i < m; i++)
            if (y[i] > 0) {
                v -= y[i] * G[i * d + q];
                a += fabs(y[i] * G[i * d + q]);
            }
        s += v > 0 ? v * xl[q] : v * xu[q];
        mag += a * t->reach[q];
    }
    return s - t->noise * (gamma_of(2 * (m + d) + 8) * mag * (1 + 1e-9) + TINY);
}
