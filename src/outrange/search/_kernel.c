/* The box kernel: bounds, branches on and closes boxes of a piecewise-linear network, one box at
 * a time in cache, many boxes in threads.
 *
 * A network is a tape of levels. Level 0 is the input; level k holds n units
 *     z = sum over sources s of  M_s h_s + bias,     h = z            (a linear level)
 *                                                    h = sm*z (z<0), sp*z (z>=0)   otherwise.
 * The last level is linear and holds the objectives, each to be minimised.
 *
 * Rounding. Let |h| <= H on the root box and Z = sum |M| H + |bias| for a unit. Going down one
 * level turns a coefficient a of h into p = fl(a*slope), adds p*bias (and a*intercept) to the
 * constant and p*M to the level below. The errors of the product and of the dot products are at
 * most |a| smax gamma_{n+4} Z =: |a| rho, in any order of summation, with or without FMA; rho comes
 * with the tape (and carries any error of the unit's own definition). The constant's additions are
 * paid by gamma_N times the sum of the absolute values added. Slopes and intercepts of relaxations
 * are valid as floats: any chord slope is, given the intercept that is computed for it.
 *
 * Reference: Zhang et al., CROWN (2018); Neumaier and Shcherbina, safe bounds (2004).
 */
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#define API __declspec(dllexport)
#else
#define API __attribute__((visibility("default")))
#endif
#define UNIT 1.1102230246251565e-16
#define TINY 1e-280 /* pays every underflow: at most 2^-1075 each, times sizes below 1e30 */
#define VERSION 1

typedef double v8 __attribute__((vector_size(64), aligned(8)));

typedef struct {
    int level, dense, stride;
    const double *w;      /* dense: n rows of stride doubles, zero padded to a multiple of 8 */
    const int64_t *ptr;   /* sparse rows */
    const int32_t *col;
    const double *val;
} source;

typedef struct {
    int n, linear, nsrc, at, sat; /* at: offset among all units (padded); sat: among statuses */
    double sm, sp, smax;
    const double *bias, *rho, *z;
    source *src;
} level;

typedef struct {
    int d, levels, m, total, states, widest, terms;
    level *lv;
    double *reach; /* d: largest |x| over the root box */
    double noise;  /* 1; 0 leaves rounding unpaid, for the law that must then fail */
} tape;

static int padded(int n) { return (n + 7) & ~7; }
static double gamma_of(double n) { return n * UNIT / (1.0 - n * UNIT) * (1.0 + 1e-9); }

API int outrange_kernel_version(void) { return VERSION; }

API tape *outrange_tape_new(int d, int levels, const double *reach)
{
    tape *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->d = d;
    t->levels = levels;
    t->lv = calloc((size_t)levels + 1, sizeof(level));
    t->reach = malloc(sizeof(double) * (size_t)d);
    memcpy(t->reach, reach, sizeof(double) * (size_t)d);
    t->lv[0].n = d;
    t->lv[0].linear = 1;
    t->total = padded(d);
    t->terms = d;
    t->noise = 1.0;
    return t;
}

API void outrange_tape_noise(tape *t, double noise) { t->noise = noise; }

API void outrange_tape_level(tape *t, int k, int n, int linear, double sm, double sp,
                             const double *bias, const double *rho, const double *z, int nsrc)
{
    level *l = &t->lv[k];
    l->n = n; l->linear = linear; l->sm = sm; l->sp = sp;
    l->smax = linear ? 1.0 : fmax(fabs(sm), fabs(sp));
    l->bias = bias; l->rho = rho; l->z = z;
    l->nsrc = nsrc;
    l->src = calloc((size_t)(nsrc > 0 ? nsrc : 1), sizeof(source));
    l->at = t->total;
    t->total += padded(n);
    l->sat = t->states;
    if (!linear) t->states += n;
    if (padded(n) > t->widest) t->widest = padded(n);
    t->terms += 2 * n + 2;
    if (k == t->levels) t->m = n;
}

API void outrange_tape_source(tape *t, int k, int i, int from, int dense, int stride,
                              const double *w, const int64_t *ptr, const int32_t *col,
                              const double *val)
{
    t->lv[k].src[i] = (source){from, dense, stride, w, ptr, col, val};
}

API void outrange_tape_free(tape *t)
{
    if (!t) return;
    for (int k = 1; k <= t->levels; k++) free(t->lv[k].src);
    free(t->lv);
    free(t->reach);
    free(t);
}

/* ---- one thread's scratch ------------------------------------------------------------------ */

typedef struct {
    double *acc[2];                 /* coefficients of every unit, one array a row */
    char *touched;                  /* per level: does the row reach it */
    double *lo, *hi;                /* bounds of undecided units (by status index) */
    double *chord, *cut, *free_;    /* undecided: chord slope and intercept, default free slope */
    double *al, *ga;                /* ascent: current free slope, coefficient met */
    double *share;                  /* undecided: share of each input in its width */
    double *h, *zz;                 /* forward values */
    int *list; double *p0, *p1;     /* compressed active units of one level */
    double *xs, *xbest;
    int *und_level, *und_unit, *und_state, nund;
    double cst[2], pad[2], mag[2];
} scratch;

static double *reals(size_t n)
{
    size_t bytes = ((n + 8) * sizeof(double) + 63) / 64 * 64;
    double *p = aligned_alloc(64, bytes);
    if (p) memset(p, 0, bytes);
    return p;
}

static scratch *scratch_new(const tape *t)
{
    scratch *w = calloc(1, sizeof *w);
    size_t N = (size_t)t->total, S = (size_t)t->states + 1, W = (size_t)t->widest + 8;
    w->acc[0] = reals(N); w->acc[1] = reals(N);
    w->touched = calloc((size_t)t->levels + 1, 1);
    w->lo = reals(S); w->hi = reals(S); w->chord = reals(S); w->cut = reals(S); w->free_ = reals(S);
    w->al = reals(S); w->ga = reals(S); w->share = reals(S * (size_t)t->d);
    w->h = reals(N); w->zz = reals(N);
    w->list = malloc(sizeof(int) * W); w->p0 = reals(W); w->p1 = reals(W);
    w->xs = reals((size_t)t->d); w->xbest = reals((size_t)t->d);
    w->und_level = malloc(sizeof(int) * S); w->und_unit = malloc(sizeof(int) * S);
    w->und_state = malloc(sizeof(int) * S);
    return w;
}

static void scratch_free(scratch *w)
{
    free(w->acc[0]); free(w->acc[1]); free(w->touched); free(w->lo); free(w->hi); free(w->chord);
    free(w->cut); free(w->free_); free(w->al); free(w->ga); free(w->share); free(w->h); free(w->zz);
    free(w->list); free(w->p0); free(w->p1); free(w->xs); free(w->xbest);
    free(w->und_level); free(w->und_unit); free(w->und_state); free(w);
}

/* ---- going down one level ------------------------------------------------------------------ */

/* acc[q] += sum_i p[i] * w[list[i]][q] for one or two rows; `fresh` overwrites. */
static void add_rows(const source *s, int n, const int *list, int count, const double *p0,
                     const double *p1, double *a0, double *a1, int rows, int fresh)
{
    if (!s->dense) {
        if (fresh) {
            memset(a0, 0, sizeof(double) * (size_t)padded(n));
            if (rows == 2) memset(a1, 0, sizeof(double) * (size_t)padded(n));
        }
        for (int i = 0; i < count; i++) {
            int u = list[i];
            for (int64_t e = s->ptr[u]; e < s->ptr[u + 1]; e++) {
                a0[s->col[e]] += p0[i] * s->val[e];
                if (rows == 2) a1[s->col[e]] += p1[i] * s->val[e];
            }
        }
        return;
    }
    int q = 0, end = padded(n);
    if (rows == 2) {
        for (; q + 32 <= end; q += 32) {
            v8 r[4], g[4];
            for (int b = 0; b < 4; b++) {
                r[b] = fresh ? (v8){0} : *(const v8 *)(a0 + q + 8 * b);
                g[b] = fresh ? (v8){0} : *(const v8 *)(a1 + q + 8 * b);
            }
            for (int i = 0; i < count; i++) {
                const double *w = s->w + (size_t)list[i] * (size_t)s->stride + q;
                for (int b = 0; b < 4; b++) {
                    v8 x = *(const v8 *)(w + 8 * b);
                    r[b] += p0[i] * x;
                    g[b] += p1[i] * x;
                }
            }
            for (int b = 0; b < 4; b++) {
                *(v8 *)(a0 + q + 8 * b) = r[b];
                *(v8 *)(a1 + q + 8 * b) = g[b];
            }
        }
        for (; q < end; q += 8) {
            v8 r = fresh ? (v8){0} : *(const v8 *)(a0 + q), g = fresh ? (v8){0} : *(const v8 *)(a1 + q);
            for (int i = 0; i < count; i++) {
                v8 x = *(const v8 *)(s->w + (size_t)list[i] * (size_t)s->stride + q);
                r += p0[i] * x;
                g += p1[i] * x;
            }
            *(v8 *)(a0 + q) = r;
            *(v8 *)(a1 + q) = g;
        }
        return;
    }
    for (; q + 32 <= end; q += 32) {
        v8 r[4];
        for (int b = 0; b < 4; b++) r[b] = fresh ? (v8){0} : *(const v8 *)(a0 + q + 8 * b);
        for (int i = 0; i < count; i++) {
            const double *w = s->w + (size_t)list[i] * (size_t)s->stride + q;
            for (int b = 0; b < 4; b++) r[b] += p0[i] * *(const v8 *)(w + 8 * b);
        }
        for (int b = 0; b < 4; b++) *(v8 *)(a0 + q + 8 * b) = r[b];
    }
    for (; q < end; q += 8) {
        v8 r = fresh ? (v8){0} : *(const v8 *)(a0 + q);
        for (int i = 0; i < count; i++)
            r += p0[i] * *(const v8 *)(s->w + (size_t)list[i] * (size_t)s->stride + q);
        *(v8 *)(a0 + q) = r;
    }
}

static void feed(const tape *t, scratch *w, const level *l, int count, int rows)
{
    for (int i = 0; i < l->nsrc; i++) {
        const source *s = &l->src[i];
        const level *to = &t->lv[s->level];
        add_rows(s, to->n, w->list, count, w->p0, w->p1, w->acc[0] + to->at, w->acc[1] + to->at,
                 rows, !w->touched[s->level]);
        w->touched[s->level] = 1;
    }
}

/* Start row(s): unit u of level k, its value (and with rows == 2 also minus its value). */
static void start(const tape *t, scratch *w, int k, int u, int rows)
{
    const level *l = &t->lv[k];
    memset(w->touched, 0, (size_t)t->levels + 1);
    w->list[0] = u;
    w->p0[0] = 1.0;
    w->p1[0] = -1.0;
    w->cst[0] = l->bias[u];
    w->cst[1] = -l->bias[u];
    w->pad[0] = w->pad[1] = l->rho[u];
    w->mag[0] = w->mag[1] = fabs(l->bias[u]);
    feed(t, w, l, 1, rows);
}

/* Slope and intercept met by coefficient a on an undecided unit, for a lower bound. */
static inline double relaxed(const level *l, const scratch *w, int s, double a, const double *free_,
                             double *intercept)
{
    if ((a > 0) == (l->sp > l->sm)) {
        *intercept = 0.0;
        return free_[s];
    }
    *intercept = w->cut[s];
    return w->chord[s];
}

/* Substitute level j's units by the level's sources, for the lower bound of each row.
 * keep != NULL: undecided units are kept as variables: their coefficients go to keep[state]. */
static void descend(const tape *t, scratch *w, int j, const int8_t *st, int rows,
                    const double *free_, double *met, double *keep)
{
    const level *l = &t->lv[j];
    const double *a0 = w->acc[0] + l->at, *a1 = w->acc[1] + l->at;
    int count = 0;
    double c0 = 0, c1 = 0, pad0 = 0, pad1 = 0, mag0 = 0, mag1 = 0;
    for (int u = 0; u < l->n; u++) {
        double x = a0[u], y = rows == 2 ? a1[u] : 0.0, p, q, bx = 0, by = 0;
        if (l->linear) {
            p = x;
            q = y;
        } else {
            int s = l->sat + u;
            if (st[s] == 0) {
                if (keep) { keep[s] = x; continue; }
                if (met) met[s] = x;
                p = x * relaxed(l, w, s, x, free_, &bx);
                q = rows == 2 ? y * relaxed(l, w, s, y, free_, &by) : 0.0;
                bx *= x;
                by *= y;
            } else {
                double slope = st[s] > 0 ? l->sp : l->sm;
                if (slope == 0.0) continue;
                p = x * slope;
                q = y * slope;
            }
        }
        if (x == 0.0 && y == 0.0) continue;
        double b = l->bias[u], r = l->rho[u];
        c0 += p * b + bx;
        pad0 += fabs(x) * r;
        mag0 += fabs(p * b) + fabs(bx);
        if (rows == 2) {
            c1 += q * b + by;
            pad1 += fabs(y) * r;
            mag1 += fabs(q * b) + fabs(by);
        }
        if (p == 0.0 && q == 0.0) continue;
        w->list[count] = u;
        w->p0[count] = p;
        w->p1[count++] = q;
    }
    w->cst[0] += c0; w->pad[0] += pad0; w->mag[0] += mag0;
    w->cst[1] += c1; w->pad[1] += pad1; w->mag[1] += mag1;
    if (count) feed(t, w, l, count, rows);
}

static void to_input(const tape *t, scratch *w, int k, const int8_t *st, int rows,
                     const double *free_, double *met, double *keep)
{
    for (int j = k - 1; j >= 1; j--)
        if (w->touched[j]) descend(t, w, j, st, rows, free_, met, keep);
    if (!w->touched[0])
        for (int r = 0; r < rows; r++) memset(w->acc[r], 0, sizeof(double) * (size_t)t->d);
}

/* What must be taken off the constant of row r so that the linear form is a proved lower bound. */
static double row_pad(const tape *t, const scratch *w, int r)
{
    double reach = 0;
    for (int q = 0; q < t->d; q++) reach += fabs(w->acc[r][q]) * t->reach[q];
    return t->noise * ((w->pad[r] + gamma_of(t->terms) * w->mag[r] + gamma_of(2 * t->d + 4) * reach) * (1 + 1e-6) + TINY);
}

static double least_over(int d, const double *a, double c, const double *xl, const double *xu)
{
    double s = c;
    for (int q = 0; q < d; q++) s += a[q] > 0 ? a[q] * xl[q] : a[q] * xu[q];
    return s;
}

/* ---- bounds of the units ------------------------------------------------------------------- */

static void set_lines(const level *l, scratch *w, int s)
{
    double lo = w->lo[s], hi = w->hi[s], sm = l->sm, sp = l->sp;
    double d = (sp * hi - sm * lo) / (hi - lo);
    double low = fmin(sm, sp), top = fmax(sm, sp);
    d = d < low ? low : (d > top ? top : d);
    double e1 = (sp - d) * hi, e2 = (sm - d) * lo; /* f - d*z at both ends */
    double slack = 4 * UNIT * ((fabs(sp) + fabs(d)) * fabs(hi) + (fabs(sm) + fabs(d)) * fabs(lo)) + TINY;
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
            if ((st[s] = known[s]) != 0) continue;
            start(t, w, k, u, 2);
            to_input(t, w, k, st, 2, w->free_, NULL, NULL);
            double pad0 = row_pad(t, w, 0), pad1 = row_pad(t, w, 1);
            double lo = least_over(d, w->acc[0], w->cst[0], xl, xu) - pad0;
            double hi = -(least_over(d, w->acc[1], w->cst[1], xl, xu) - pad1);
            double top = l->z[u];
            if (!(lo > -top)) lo = -top;
            if (!(hi < top)) hi = top;
            if (lo >= 0) { st[s] = 1; continue; }
            if (hi <= 0) { st[s] = -1; continue; }
            w->lo[s] = lo;
            w->hi[s] = hi;
            set_lines(l, w, s);
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

/* ---- forward passes ------------------------------------------------------------------------ */

static double dot_row(const source *s, int u, int n, const double *h)
{
    double r = 0;
    if (s->dense) {
        const double *w = s->w + (size_t)u * (size_t)s->stride;
        v8 v = {0};
        int q = 0, end = padded(n);
        for (; q < end; q += 8) v += *(const v8 *)(w + q) * *(const v8 *)(h + q);
        for (int i = 0; i < 8; i++) r += v[i];
        return r;
    }
    for (int64_t e = s->ptr[u]; e < s->ptr[u + 1]; e++) r += s->val[e] * h[s->col[e]];
    return r;
}

static double preactivation(const tape *t, const scratch *w, const level *l, int u)
{
    double z = l->bias[u];
    for (int i = 0; i < l->nsrc; i++) {
        const source *s = &l->src[i];
        const level *from = &t->lv[s->level];
        z += dot_row(s, u, from->n, w->h + from->at);
    }
    return z;
}

/* The network itself at x; objectives to y. */
static void evaluate(const tape *t, scratch *w, const double *x, double *y)
{
    memcpy(w->h, x, sizeof(double) * (size_t)t->d);
    for (int k = 1; k <= t->levels; k++) {
        const level *l = &t->lv[k];
        double *h = w->h + l->at;
        for (int u = 0; u < l->n; u++) {
            double z = preactivation(t, w, l, u);
            h[u] = l->linear ? z : z * (z < 0 ? l->sm : l->sp);
        }
    }
    memcpy(y, w->h + t->lv[t->levels].at, sizeof(double) * (size_t)t->m);
}

/* The relaxed network whose minimum the last row bounded, at x; pre-activations to zz. */
static void relaxed_forward(const tape *t, scratch *w, const double *x, const int8_t *st)
{
    memcpy(w->h, x, sizeof(double) * (size_t)t->d);
    for (int k = 1; k < t->levels; k++) {
        const level *l = &t->lv[k];
        double *h = w->h + l->at;
        for (int u = 0; u < l->n; u++) {
            int s = l->sat + u;
            if (!l->linear && st[s] != 0 && (st[s] > 0 ? l->sp : l->sm) == 0.0) { h[u] = 0.0; continue; }
            double z = preactivation(t, w, l, u);
            if (l->linear) h[u] = z;
            else if (st[s]) h[u] = z * (st[s] > 0 ? l->sp : l->sm);
            else {
                double b, p = relaxed(l, w, s, w->ga[s], w->al, &b);
                w->zz[s] = z;
                h[u] = p * z + b;
            }
        }
    }
}

/* ---- the bound of one objective ------------------------------------------------------------ */

/* Ascends on the free slopes of this row alone; writes the best form and its blame per input. */
static double objective(const tape *t, scratch *w, int k, const double *xl, const double *xu,
                        const int8_t *st, double cutoff, int steps, double *A, double *offset,
                        double *G)
{
    int d = t->d;
    double best = -INFINITY;
    for (int i = 0; i < w->nund; i++) w->al[w->und_state[i]] = w->free_[w->und_state[i]];
    if (w->nund == 0) steps = 1;
    for (int it = 0; it < steps; it++) {
        for (int i = 0; i < w->nund; i++) w->ga[w->und_state[i]] = 0.0;
        start(t, w, t->levels, k, 1);
        to_input(t, w, t->levels, st, 1, w->al, w->ga, NULL);
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
            double v2 = w->al[s] + (a > 0 ? 1 : -1) * step * (top - low) * w->zz[s] / (w->hi[s] - w->lo[s]);
            w->al[s] = v2 < low ? low : (v2 > top ? top : v2);
        }
    }
    return best;
}

#include "_leaf.h"
#include "_explore.h"
