/* Rows: linear forms of one value, carried down the tape to the input. */

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
            v8 r = fresh ? (v8){0} : *(const v8 *)(a0 + q),
               g = fresh ? (v8){0} : *(const v8 *)(a1 + q);
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
                if (keep) {
                    keep[s] = x;
                    continue;
                }
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
    w->cst[0] += c0;
    w->pad[0] += pad0;
    w->mag[0] += mag0;
    w->cst[1] += c1;
    w->pad[1] += pad1;
    w->mag[1] += mag1;
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
    return t->noise *
           ((w->pad[r] + gamma_of(t->terms) * w->mag[r] + gamma_of(2 * t->d + 4) * reach) *
                (1 + 1e-6) +
            TINY);
}

static double least_over(int d, const double *a, double c, const double *xl, const double *xu)
{
    double s = c;
    for (int q = 0; q < d; q++) s += a[q] > 0 ? a[q] * xl[q] : a[q] * xu[q];
    return s;
}
