/* Exact leaves: a box with few undecided units is closed by trying their phases depth first, with
 * a small bounded dual simplex in the input variables. Whatever the simplex says is only used
 * through its multipliers: the bound is recomputed from them with every rounding paid
 * (Neumaier and Shcherbina 2004), infeasibility through a Farkas vector in the same way.
 */

#define MAX_LEAF 24

typedef struct {
    int d, cap;                    /* inputs, most rows */
    double *T, *t0, *rc, *lo, *hi, *x, *y, *xn;
    int *nbv, *bv, *at;
} simplex;

typedef struct {
    simplex lp;
    int K;
    double *P, *Q, *r, *e;         /* z_i = P_i x + Q_i a + r_i, up to e_i */
    double *sm, *sp;
    double *cx, *wq;               /* objective = cx x + wq a + c0, up to e0 */
    double *Ac, *Ab, *ea, *am;     /* a_j = Ac_j x + Ab_j up to ea_j; am: size of the sum */
    double *zc, *zb, *ez, *zm;     /* z_j likewise, zm its size */
    double *mg;                    /* size of all that is added into z_i, phases < j fixed */
    double *G, *h;
    double *L, *U, *cc, *wl, *keep, *xbest, *xl, *xu;
    int *phase, *branch;
} leaf;

static leaf *leaf_new(const tape *t)
{
    int d = t->d, K = MAX_LEAF;
    size_t D = (size_t)d, KK = (size_t)K, C = KK + 1;
    leaf *f = calloc(1, sizeof *f);
    f->lp.d = d;
    f->lp.cap = K + 1;
    f->lp.T = reals(C * D); f->lp.t0 = reals(C); f->lp.rc = reals(D);
    f->lp.lo = reals(D + C); f->lp.hi = reals(D + C); f->lp.x = reals(D); f->lp.y = reals(C); f->lp.xn = reals(D);
    f->lp.nbv = malloc(sizeof(int) * D); f->lp.bv = malloc(sizeof(int) * C); f->lp.at = malloc(sizeof(int) * D);
    f->P = reals(KK * D); f->Q = reals(KK * KK); f->r = reals(KK); f->e = reals(KK);
    f->sm = reals(KK); f->sp = reals(KK); f->cx = reals(D); f->wq = reals(KK);
    f->Ac = reals(KK * D); f->Ab = reals(KK); f->ea = reals(KK); f->am = reals(KK);
    f->zc = reals(KK * D); f->zb = reals(KK); f->ez = reals(KK);
    f->zm = reals(KK); f->mg = reals(KK);
    f->G = reals(C * D); f->h = reals(C);
    f->L = reals(KK); f->U = reals(KK); f->cc = reals(D); f->wl = reals(KK);
    f->keep = reals((size_t)t->states + 1); f->xbest = reals(D);
    f->phase = malloc(sizeof(int) * KK); f->branch = malloc(sizeof(int) * KK);
    return f;
}

static void leaf_free(leaf *f)
{
    simplex *s = &f->lp;
    free(s->T); free(s->t0); free(s->rc); free(s->lo); free(s->hi); free(s->x); free(s->y); free(s->xn);
    free(s->nbv); free(s->bv); free(s->at);
    free(f->P); free(f->Q); free(f->r); free(f->e); free(f->sm); free(f->sp); free(f->cx); free(f->wq);
    free(f->Ac); free(f->Ab); free(f->ea); free(f->am); free(f->zc); free(f->zb); free(f->ez); free(f->zm); free(f->mg);
    free(f->G); free(f->h); free(f->L); free(f->U); free(f->cc); free(f->wl); free(f->keep);
    free(f->xbest); free(f->phase); free(f->branch); free(f);
}

enum { LP_OPTIMAL, LP_INFEASIBLE, LP_CAPPED };

/* min c x over xl <= x <= xu, G x >= h (m rows). Leaves x, and in y the multipliers of a lower
 * bound (or, if infeasible, of a Farkas certificate). Nothing it returns is trusted. */
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
            if (s->lo[b] - v > worst) { worst = s->lo[b] - v; r = i; up = 1; }
            if (v - s->hi[b] > worst) { worst = v - s->hi[b]; r = i; up = 0; }
        }
        if (r < 0) { status = LP_OPTIMAL; break; }
        for (int j = 0; j < d; j++) {
            double a = up ? T[r * d + j] : -T[r * d + j];
            if ((s->at[j] == 0 && a > 1e-12) || (s->at[j] == 1 && a < -1e-12)) {
                double q = fabs(s->rc[j] / a);
                if (q < ratio) { ratio = q; enter = j; }
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
        if (y[i] > 0) { s += y[i] * h[i]; mag += fabs(y[i] * h[i]); }
    for (int q = 0; q < d; q++) {
        double v = c ? c[q] : 0.0, a = fabs(v);
        for (int i = 0; i < m; i++)
            if (y[i] > 0) { v -= y[i] * G[i * d + q]; a += fabs(y[i] * G[i * d + q]); }
        s += v > 0 ? v * xl[q] : v * xu[q];
        mag += a * t->reach[q];
    }
    return s - t->noise * (gamma_of(2 * (m + d) + 8) * mag * (1 + 1e-9) + TINY);
}

/* z_i, and the objective, as exact forms in the inputs and the undecided units' outputs. */
static double leaf_build(const tape *t, scratch *w, leaf *f, int k, const int8_t *st, double *e0)
{
    int d = t->d, K = f->K;
    for (int i = 0; i <= K; i++) {
        int lev = i < K ? w->und_level[i] : t->levels, u = i < K ? w->und_unit[i] : k;
        for (int j = 0; j < K; j++) f->keep[w->und_state[j]] = 0.0;
        start(t, w, lev, u, 1);
        to_input(t, w, lev, st, 1, w->free_, NULL, f->keep);
        double *P = i < K ? f->P + i * d : f->cx, *Q = i < K ? f->Q + i * K : f->wq;
        memcpy(P, w->acc[0], sizeof(double) * (size_t)d);
        for (int j = 0; j < K; j++) Q[j] = f->keep[w->und_state[j]];
        if (i < K) {
            f->r[i] = w->cst[0];
            f->e[i] = row_pad(t, w, 0);
            f->sm[i] = t->lv[lev].sm;
            f->sp[i] = t->lv[lev].sp;
        } else {
            *e0 = row_pad(t, w, 0);
            return w->cst[0];
        }
    }
    return 0.0;
}

/* Interval of z_i given the phases of units < j; units j..i-1 range over their own intervals. */
static void leaf_intervals(const tape *t, leaf *f, int j, const double *xl, const double *xu)
{
    int d = t->d, K = f->K;
    for (int i = j; i < K; i++) {
        double lo = f->r[i], hi = f->r[i], err = f->e[i], mag = fabs(f->r[i]);
        memcpy(f->cc, f->P + i * d, sizeof(double) * (size_t)d);
        for (int q = 0; q < d; q++) mag += fabs(f->cc[q]) * t->reach[q];
        for (int s = 0; s < i; s++) {
            double a = f->Q[i * K + s];
            if (a == 0.0) continue;
            if (s < j) {
                lo += a * f->Ab[s];
                hi += a * f->Ab[s];
                err += fabs(a) * f->ea[s];
                mag += fabs(a) * f->am[s];
                for (int q = 0; q < d; q++) f->cc[q] += a * f->Ac[s * d + q];
            } else {
                double p = f->U[s] > 0 ? f->sp[s] * f->U[s] : f->sm[s] * f->U[s];
                double n = f->L[s] < 0 ? f->sm[s] * f->L[s] : f->sp[s] * f->L[s];
                double top = fmax(p, n), bot = fmin(p, n);
                if (f->L[s] < 0 && f->U[s] > 0) { top = fmax(top, 0.0); bot = fmin(bot, 0.0); }
                lo += a > 0 ? a * bot : a * top;
                hi += a > 0 ? a * top : a * bot;
                mag += fabs(a) * fmax(fabs(top), fabs(bot));
            }
        }
        for (int q = 0; q < d; q++) {
            double a = f->cc[q];
            lo += a > 0 ? a * xl[q] : a * xu[q];
            hi += a > 0 ? a * xu[q] : a * xl[q];
        }
        err += gamma_of(2 * (K + d) + 8) * mag * (1 + 1e-9) + TINY;
        f->L[i] = lo - err;
        f->U[i] = hi + err;
        f->mg[i] = mag;
    }
}

/* The objective with phases < j fixed and the rest relaxed: coefficients to cc, returns constant. */
static double leaf_relax(const tape *t, leaf *f, int j, double c0, double e0)
{
    int d = t->d, K = f->K;
    double ob = c0, err = e0, mag = fabs(c0);
    memcpy(f->cc, f->cx, sizeof(double) * (size_t)d);
    memcpy(f->wl, f->wq, sizeof(double) * (size_t)K);
    for (int q = 0; q < d; q++) mag += fabs(f->cc[q]) * t->reach[q];
    for (int s = 0; s < K; s++) {
        double smax = fmax(fabs(f->sm[s]), fabs(f->sp[s]));
        mag += fabs(f->wq[s]) * (s < j ? f->am[s] : smax * fmax(fabs(f->L[s]), fabs(f->U[s])));
    }
    for (int i = K - 1; i >= j; i--) {
        double a = f->wl[i], s, b = 0.0;
        if (a == 0.0) continue;
        double lo = f->L[i], hi = f->U[i], sm = f->sm[i], sp = f->sp[i];
        if (lo >= 0) s = sp;
        else if (hi <= 0) s = sm;
        else if ((a > 0) == (sp > sm)) s = hi > -lo ? sp : sm;
        else {
            s = (sp * hi - sm * lo) / (hi - lo);
            double e1 = (sp - s) * hi, e2 = (sm - s) * lo;
            double slack = 4 * UNIT * ((fabs(sp) + fabs(s)) * fabs(hi) + (fabs(sm) + fabs(s)) * fabs(lo)) + TINY;
            b = a > 0 ? fmin(e1, e2) - slack : fmax(e1, e2) + slack;
        }
        double p = a * s;
        ob += a * b + p * f->r[i];
        err += fabs(p) * f->e[i];
        mag += fabs(a * b) + 2 * fabs(a) * fmax(fabs(sm), fabs(sp)) * f->mg[i];
        for (int q = 0; q < d; q++) f->cc[q] += p * f->P[i * d + q];
        for (int s2 = 0; s2 < i; s2++) f->wl[s2] += p * f->Q[i * K + s2];
    }
    for (int s = 0; s < j; s++) {
        double a = f->wl[s];
        if (a == 0.0) continue;
        ob += a * f->Ab[s];
        err += fabs(a) * f->ea[s];
        mag += fabs(a) * f->am[s];
        for (int q = 0; q < d; q++) f->cc[q] += a * f->Ac[s * d + q];
    }
    /* mag: every coefficient met, times the size of what it multiplies; mg holds sums of sizes */
    return ob - (err + 4 * gamma_of(2 * (K + d) + 8) * mag + TINY) * (1 + 1e-9);
}

static void leaf_fix(const tape *t, leaf *f, int j)
{
    int d = t->d, K = f->K;
    double s = f->r[j], err = f->e[j], mag = fabs(f->r[j]);
    double *z = f->zc + j * d;
    memcpy(z, f->P + j * d, sizeof(double) * (size_t)d);
    for (int q = 0; q < d; q++) mag += fabs(z[q]) * t->reach[q];
    for (int i = 0; i < j; i++) {
        double a = f->Q[j * K + i];
        if (a == 0.0) continue;
        s += a * f->Ab[i];
        err += fabs(a) * f->ea[i];
        mag += fabs(a) * f->am[i];
        for (int q = 0; q < d; q++) z[q] += a * f->Ac[i * d + q];
    }
    f->zb[j] = s;
    f->zm[j] = mag;
    f->ez[j] = (err + gamma_of(2 * (K + d) + 8) * mag + TINY) * (1 + 1e-9);
}

/* The least of objective k over the box below `cutoff`. Returns a proved bound (never above the
 * true minimum); *value is the least vertex value met (at f->xbest), +inf if none below cutoff.
 * *complete is 0 when the work was cut short: then nothing is proved. */
static double leaf_solve(const tape *t, scratch *w, leaf *f, int k, const double *xl,
                         const double *xu, const int8_t *st, double cutoff, int most_lps,
                         double *value, int *complete, int64_t *lps)
{
    int d = t->d, K = f->K = w->nund, j = 0, m = 0, count = 0;
    double e0 = 0.0, c0 = leaf_build(t, w, f, k, st, &e0), proved = INFINITY, best = cutoff;
    *value = INFINITY;
    *complete = 1;
    for (;;) {
        leaf_intervals(t, f, j, xl, xu);
        double ob = leaf_relax(t, f, j, c0, e0), bound;
        if (++count > most_lps) { *complete = 0; break; }
        (*lps)++;
        int status = lp_solve(&f->lp, f->cc, xl, xu, f->G, f->h, m, 60), done = 0;
        if (status == LP_INFEASIBLE) {
            bound = safe_bound(t, NULL, 0.0, xl, xu, f->G, f->h, m, f->lp.y);
            if (!(bound > 0)) { *complete = 0; break; }
            done = 1;
        } else {
            bound = safe_bound(t, f->cc, ob, xl, xu, f->G, f->h, m, f->lp.y);
            int exact = 1;
            for (int i = j; i < K; i++)
                if (f->L[i] < 0 && f->U[i] > 0) exact = 0;
            if (bound >= best) { proved = fmin(proved, bound); done = 1; }
            else if (exact) {
                if (status != LP_OPTIMAL) { *complete = 0; break; }
                proved = fmin(proved, bound);
                if (bound < *value) {
                    *value = bound;
                    memcpy(f->xbest, f->lp.x, sizeof(double) * (size_t)d);
                }
                best = fmin(best, bound);
                done = 1;
            }
        }
        if (!done) { /* decide unit j: the phase of the relaxation's minimiser first */
            leaf_fix(t, f, j);
            if (f->L[j] >= 0) { f->phase[j] = 1; f->branch[j] = 0; }
            else if (f->U[j] <= 0) { f->phase[j] = 0; f->branch[j] = 0; }
            else {
                double v = f->zb[j];
                for (int q = 0; q < d; q++) v += f->zc[j * d + q] * f->lp.x[q];
                f->phase[j] = v > 0;
                f->branch[j] = 1;
            }
        } else { /* back to the last unit with an untried phase */
            for (j--; j >= 0; j--) {
                if (f->branch[j] != 0) m--;
                if (f->branch[j] == 1) break;
            }
            if (j < 0) break;
            f->phase[j] = !f->phase[j];
            f->branch[j] = 2;
        }
        double slope = f->phase[j] ? f->sp[j] : f->sm[j];
        for (int q = 0; q < d; q++) f->Ac[j * d + q] = slope * f->zc[j * d + q];
        f->Ab[j] = slope * f->zb[j];
        f->ea[j] = fabs(slope) * (f->ez[j] + 4 * UNIT * f->zm[j]) * (1 + 1e-9);
        f->am[j] = fabs(slope) * f->zm[j];
        if (f->branch[j] != 0) {
            double sign = f->phase[j] ? 1.0 : -1.0;
            for (int q = 0; q < d; q++) f->G[m * d + q] = sign * f->zc[j * d + q];
            f->h[m] = -sign * f->zb[j] - f->ez[j];
            m++;
        }
        j++;
    }
    return proved;
}
