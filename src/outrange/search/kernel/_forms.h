/* The small network of a leaf: its unstable units and the objective as forms in the inputs. */

#define MAX_LEAF 64

typedef struct {
    simplex lp;
    int K;
    double *P, *Q, *r, *e; /* z_i = P_i x + Q_i a + r_i, up to e_i */
    double *sm, *sp;
    double *cx, *wq;           /* objective = cx x + wq a + c0, up to e0 */
    double *Ac, *Ab, *ea, *am; /* a_j = Ac_j x + Ab_j up to ea_j; am: size of the sum */
    double *zc, *zb, *ez, *zm; /* z_j likewise; zm: its size */
    double *hl, *hu, *hm;      /* least, largest, largest |.| output of units not fixed yet */
    double *mg;                /* size of all terms of z_i, phases < j fixed */
    double *beta;              /* what a row subtracts per z_i */
    double spent;              /* cost of errors in the last relaxed form */
    double *G, *h;
    double *L, *U, *cc, *wl, *keep, *xbest, *xl, *xu;
    int *phase, *branch;
    int *place; /* the unit here of each undecided state */
    /* Errors as variables, see `_signed.h`: in z_i and the objective, in z_i of fixed phases,
     * in the rows; the objective, the ends of variables, the rows' right sides. */
    simplex wide;
    double *E, *Z, *R, *wc, *wlo, *whi, *cuts;
    int built;
} leaf;

static leaf *leaf_new(const tape *t)
{
    int d = t->d, K = MAX_LEAF;
    size_t D = (size_t)d, KK = (size_t)K, C = KK + 1;
    leaf *f = calloc(1, sizeof *f);
    simplex_make(&f->lp, d, K + 1);
    f->P = reals(KK * D);
    f->Q = reals(KK * KK);
    f->r = reals(KK);
    f->e = reals(KK);
    f->sm = reals(KK);
    f->sp = reals(KK);
    f->cx = reals(D);
    f->wq = reals(KK);
    f->Ac = reals(KK * D);
    f->Ab = reals(KK);
    f->ea = reals(KK);
    f->am = reals(KK);
    f->zc = reals(KK * D);
    f->zb = reals(KK);
    f->ez = reals(KK);
    f->zm = reals(KK);
    f->mg = reals(KK);
    f->beta = reals(KK);
    f->cuts = reals(C);
    f->G = reals(C * D);
    f->h = reals(C);
    f->L = reals((KK + 1) * KK);
    f->U = reals((KK + 1) * KK);
    f->hm = reals(KK);
    f->hl = reals(KK);
    f->hu = reals(KK);
    f->cc = reals(D);
    f->wl = reals(KK);
    f->keep = reals((size_t)t->states + 1);
    f->xbest = reals(D);
    f->phase = malloc(sizeof(int) * KK);
    f->branch = malloc(sizeof(int) * KK);
    f->place = malloc(sizeof(int) * ((size_t)t->states + 1));
    return f;
}

static void leaf_free(leaf *f)
{
    simplex_end(&f->lp);
    free(f->P);
    free(f->Q);
    free(f->r);
    free(f->e);
    free(f->sm);
    free(f->sp);
    free(f->cx);
    free(f->wq);
    free(f->Ac);
    free(f->Ab);
    free(f->ea);
    free(f->am);
    free(f->zc);
    free(f->zb);
    free(f->ez);
    free(f->zm);
    free(f->mg);
    free(f->beta);
    free(f->cuts);
    if (f->E) simplex_end(&f->wide);
    free(f->E);
    free(f->Z);
    free(f->R);
    free(f->wc);
    free(f->wlo);
    free(f->whi);
    free(f->hm);
    free(f->hl);
    free(f->hu);
    free(f->G);
    free(f->h);
    free(f->L);
    free(f->U);
    free(f->cc);
    free(f->wl);
    free(f->keep);
    free(f->xbest);
    free(f->phase);
    free(f->branch);
    free(f->place);
    free(f);
}

/* Build z_i and the objective as exact forms in the inputs and the unstable units' outputs. */
static double leaf_build(const tape *t, scratch *w, leaf *f, int k, const int8_t *st, double *e0)
{
    int d = t->d, K = f->K;
    f->built = 0;
    for (int i = 0; i < K; i++) f->place[w->und_state[i]] = i;
    for (int i = 0; i <= K; i++) {
        int lev = i < K ? w->und_level[i] : t->levels, u = i < K ? w->und_unit[i] : k;
        for (int j = 0; j < K; j++) f->keep[w->und_state[j]] = 0.0;
        start(t, w, lev, u, 1, 1);
        to_input(t, w, lev, st, 1, NULL, f->keep);
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

/* The line that replaces unit i, in [lo, hi], where a times its output is bounded below. */
static double leaf_line(const leaf *f, double lo, double hi, int i, double a, double *b)
{
    double sm = f->sm[i], sp = f->sp[i];
    *b = 0.0;
    if (lo >= 0) return sp;
    if (hi <= 0) return sm;
    if ((a > 0) == (sp > sm)) return hi > -lo ? sp : sm;
    double s = (sp * hi - sm * lo) / (hi - lo), e1 = (sp - s) * hi, e2 = (sm - s) * lo;
    double slack = 4 * UNIT * ((fabs(sp) + fabs(s)) * fabs(hi) + (fabs(sm) + fabs(s)) * fabs(lo)) +
                   TINY;
    *b = a > 0 ? fmin(e1, e2) - slack : fmax(e1, e2) + slack;
    return s;
}

/* A lower bound of a form in the inputs and the units < top (coefficients in cc and wl, constant c,
 * known up to err), with the phases of units < j fixed and units j..top-1 relaxed. Leaves the
 * coefficients in cc, and returns the constant, rounding included. wl is overwritten. */
static double relax_form(const tape *t, leaf *f, int j, int top, double c, double err)
{
    int d = t->d, K = f->K;
    const double *L = f->L + (size_t)j * (size_t)K, *U = f->U + (size_t)j * (size_t)K;
    double ob = c, mag = fabs(c);
    for (int q = 0; q < d; q++) mag += fabs(f->cc[q]) * t->reach[q];
    for (int s = 0; s < top; s++) mag += fabs(f->wl[s]) * (s < j ? f->am[s] : f->hm[s]);
    for (int i = top - 1; i >= j; i--) {
        double a = f->wl[i], s, b;
        if (a == 0.0) continue;
        s = leaf_line(f, L[i], U[i], i, a, &b);
        double sm = f->sm[i], sp = f->sp[i];
        double p = a * s;
        ob += a * b + p * f->r[i];
        err += fabs(p) * f->e[i];
        mag += fabs(a * b) + 2 * fabs(a) * fmax(fabs(sm), fabs(sp)) * f->mg[i];
        for (int q = 0; q < d; q++) f->cc[q] += p * f->P[i * d + q];
        for (int s2 = 0; s2 < i; s2++) f->wl[s2] += p * f->Q[i * K + s2];
    }
    for (int s = 0; s < j && s < top; s++) {
        double a = f->wl[s];
        if (a == 0.0) continue;
        ob += a * f->Ab[s];
        err += fabs(a) * f->ea[s];
        mag += fabs(a) * f->am[s];
        for (int q = 0; q < d; q++) f->cc[q] += a * f->Ac[s * d + q];
    }
    /* mag: every coefficient, times the size of its factor; mg holds sums of sizes */
    f->spent = (err + 4 * gamma_of(2 * (K + d) + 8) * mag + TINY) * (1 + 1e-9);
    return ob - f->spent;
}

/* Bound z_i for the units not fixed yet, given the phases of units < j. Fixed units are substituted
 * exactly; those between, j to i - 1, range over their own bounds; intersect with the bounds one
 * level up. (Substituting through relaxations instead is tighter and, as measured, slower.) */
static void leaf_bounds(const tape *t, scratch *w, leaf *f, int j, const double *xl,
                        const double *xu)
{
    int d = t->d, K = f->K;
    double *L = f->L + (size_t)j * (size_t)K, *U = f->U + (size_t)j * (size_t)K;
    for (int i = j; i < K; i++) {
        double sm = f->sm[i], sp = f->sp[i];
        double was_lo = j ? L[i - K] : w->lo[w->und_at[i]];
        double was_hi = j ? U[i - K] : w->hi[w->und_at[i]];
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
                lo += a > 0 ? a * f->hl[s] : a * f->hu[s];
                hi += a > 0 ? a * f->hu[s] : a * f->hl[s];
                mag += fabs(a) * f->hm[s];
            }
        }
        f->mg[i] = mag;
        for (int q = 0; q < d; q++) {
            double a = f->cc[q];
            lo += a > 0 ? a * xl[q] : a * xu[q];
            hi += a > 0 ? a * xu[q] : a * xl[q];
        }
        err += gamma_of(2 * (K + d) + 8) * mag * (1 + 1e-9) + TINY;
        L[i] = lo = fmax(lo - err, was_lo);
        U[i] = hi = fmin(hi + err, was_hi);
        double below = lo < 0 ? sm * lo : sp * lo, above = hi > 0 ? sp * hi : sm * hi;
        f->hl[i] = fmin(below, above);
        f->hu[i] = fmax(below, above);
        if (lo < 0 && hi > 0) {
            f->hl[i] = fmin(f->hl[i], 0.0);
            f->hu[i] = fmax(f->hu[i], 0.0);
        }
        f->hm[i] = fmax(fabs(f->hl[i]), fabs(f->hu[i]));
    }
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
