/* Rows: linear forms of one value, substituted back along the tape to the input. */

/* Columns q on, `wide` registers of them, of one or two rows: see `add_rows`. */
static inline __attribute__((always_inline)) void add_strip(const source *s, const int *list,
                                                            int count, const double *p0,
                                                            const double *p1, double *a0,
                                                            double *a1, int q, int wide, int two,
                                                            int fresh)
{
    part r[4], g[4];
    UNROLL for (int b = 0; b < wide; b++) {
        r[b] = fresh ? (part){0} : *(const part *)(a0 + q + LANES * b);
        if (two) g[b] = fresh ? (part){0} : *(const part *)(a1 + q + LANES * b);
    }
    for (int i = 0; i < count; i++) {
        const double *w = s->w + (size_t)list[i] * (size_t)s->stride + q;
        UNROLL for (int b = 0; b < wide; b++) {
            part x = *(const part *)(w + LANES * b);
            r[b] += p0[list[i]] * x;
            if (two) g[b] += p1[list[i]] * x;
        }
    }
    UNROLL for (int b = 0; b < wide; b++) {
        *(part *)(a0 + q + LANES * b) = r[b];
        if (two) *(part *)(a1 + q + LANES * b) = g[b];
    }
}

/* Two registers of columns of one row, each as two sums, over even and odd units. */
static inline __attribute__((always_inline)) void add_pairs(const source *s, const int *list,
                                                            int count, const double *p, double *a,
                                                            int q, int fresh)
{
    part r[4] = {{0}, {0}, {0}, {0}};
    int i = 0;
    for (; i + 2 <= count; i += 2) {
        const double *w = s->w + (size_t)list[i] * (size_t)s->stride + q;
        const double *x = s->w + (size_t)list[i + 1] * (size_t)s->stride + q;
        r[0] += p[list[i]] * *(const part *)w;
        r[1] += p[list[i]] * *(const part *)(w + LANES);
        r[2] += p[list[i + 1]] * *(const part *)x;
        r[3] += p[list[i + 1]] * *(const part *)(x + LANES);
    }
    if (i < count) {
        const double *w = s->w + (size_t)list[i] * (size_t)s->stride + q;
        r[0] += p[list[i]] * *(const part *)w;
        r[1] += p[list[i]] * *(const part *)(w + LANES);
    }
    part *out = (part *)(a + q), *next = (part *)(a + q + LANES);
    *out = (fresh ? (part){0} : *out) + (r[0] + r[2]);
    *next = (fresh ? (part){0} : *next) + (r[1] + r[3]);
}

/* acc[q] += sum_i p[list[i]] * w[list[i]][q] for one or two rows; `fresh` overwrites. */
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
                a0[s->col[e]] += p0[u] * s->val[e];
                if (rows == 2) a1[s->col[e]] += p1[u] * s->val[e];
            }
        }
        return;
    }
    int q = 0, end = padded(n);
    for (; q + 32 <= end; q += 32)
        for (int h = 0; h < 32; h += 4 * LANES)
            add_strip(s, list, count, p0, p1, a0, a1, q + h, 4, rows == 2, fresh);
    /* Few inputs: two sums of each, or every product would wait for the previous one. */
    for (; rows == 1 && q + 16 <= end; q += 16)
        for (int h = 0; h < 16; h += 2 * LANES) add_pairs(s, list, count, p0, a0, q + h, fresh);
    for (; q < end; q += LANES)
        add_strip(s, list, count, p0, p1, a0, a1, q, 1, rows == 2, fresh);
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

/* Start the row(s): `sign` times unit u of level k (and with rows == 2 also its negative). */
static void start(const tape *t, scratch *w, int k, int u, int sign, int rows)
{
    const level *l = &t->lv[k];
    memset(w->touched, 0, (size_t)t->levels + 1);
    w->list[0] = u;
    w->p0[u] = sign;
    w->p1[u] = -sign;
    w->cst[0] = sign * l->bias[u];
    w->cst[1] = -sign * l->bias[u];
    w->pad[0] = w->pad[1] = l->rho[u];
    w->mag[0] = w->mag[1] = fabs(l->bias[u]);
    feed(t, w, l, 1, rows);
}

/* The one of an unstable unit's two lines that is free to turn; the other one is the chord. */
static inline double *free_lines(const level *l, scratch *w)
{
    return l->sp > l->sm ? w->up : w->down;
}

/* 0 for 0 and -0 only; compared as an integer, which is faster. */
static inline uint64_t bits_of(double x)
{
    uint64_t b;
    memcpy(&b, &x, sizeof b);
    return b << 1;
}

static inline v8 size8(v8 x) { return (v8)((bits8)x & INT64_MAX); }

static inline v8 one_of(bits8 first, v8 a, v8 b)
{
    return (v8)(((bits8)a & first) | ((bits8)b & ~first));
}

/* Select one of two by the sign of x; 0 if x is 0, whatever the two are. */
static inline v8 by_sign(v8 x, v8 positive, v8 negative)
{
    bits8 above = (bits8)(x > 0.0), below = (bits8)(x < 0.0);
    return (v8)(((bits8)positive & above) | ((bits8)negative & below));
}

/* Row r at level j: write the coefficients times their slopes to p, and add the constants, the
 * rounding errors and the sizes of all terms to the row's sums. */
static inline void meet(scratch *w, const level *l, int r, double *p)
{
    v8 c = {0}, pad = {0}, mag = {0};
    const double *a = w->acc[r] + l->at;
    for (int q = 0, end = padded(l->n); q < end; q += 8) {
        int i = l->at + q;
        v8 x = *(const v8 *)(a + q);
        v8 y = x * by_sign(x, *(const v8 *)(w->up + i), *(const v8 *)(w->down + i));
        v8 z = x * by_sign(x, *(const v8 *)(w->up_at + i), *(const v8 *)(w->down_at + i));
        v8 b = y * *(const v8 *)(w->bias + i);
        *(v8 *)(p + q) = y;
        c += b + z;
        /* The error of a sum is scaled by its slope; at slope 0 nothing is lost, even if
         * infinite. */
        pad += (v8)((bits8)(size8(y) * *(const v8 *)(w->rho + i)) & (bits8)(y != 0.0));
        mag += size8(b) + size8(z);
    }
    for (int i = 0; i < 8; i++) {
        w->cst[r] += c[i];
        w->pad[r] += pad[i];
        w->mag[r] += mag[i];
    }
}

/* Substitute level j's units by the level's sources, for the lower bound of each row. */
static void descend(const tape *t, scratch *w, int j, int rows)
{
    const level *l = &t->lv[j];
    const double *p0 = w->p0, *p1 = rows == 2 ? w->p1 : w->p0;
    int count = 0;
    meet(w, l, 0, w->p0);
    if (rows == 2) meet(w, l, 1, w->p1);
    for (int u = 0; u < l->n; u++) {
        w->list[count] = u;
        count += (bits_of(p0[u]) | bits_of(p1[u])) != 0; /* no branch: it would be unpredictable */
    }
    if (count) feed(t, w, l, count, rows);
}

/* Substitute one row, and keep the coefficients of unstable units in keep[state], and those of all
 * other sums in ga. */
static void descend_keeping(const tape *t, scratch *w, int j, const int8_t *st, double *keep)
{
    const level *l = &t->lv[j];
    const double *a = w->acc[0] + l->at;
    int count = 0;
    for (int u = 0; u < l->n; u++) {
        double x = a[u], p = x;
        if (!l->linear) {
            int s = l->sat + u;
            if (st[s] == 0) {
                keep[s] = x;
                continue;
            }
            p = x * (st[s] > 0 ? l->sp : l->sm);
        }
        if (p == 0.0) continue;
        w->cst[0] += p * l->bias[u];
        w->pad[0] += fabs(x) * l->rho[u];
        w->mag[0] += fabs(p * l->bias[u]);
        w->ga[l->at + u] = p;
        w->list[count++] = u;
        w->p0[u] = p;
    }
    if (count) feed(t, w, l, count, 1);
}

/* Substitute down to the input. met != NULL: receives the coefficients at the units.
 * keep != NULL: see descend_keeping. */
static void to_input(const tape *t, scratch *w, int k, const int8_t *st, int rows, double *met,
                     double *keep)
{
    for (int j = k - 1; j >= 1; j--) {
        const level *l = &t->lv[j];
        if (!w->touched[j]) continue;
        if (keep) {
            descend_keeping(t, w, j, st, keep);
            continue;
        }
        if (met && !l->linear)
            memcpy(met + l->at, w->acc[0] + l->at, sizeof(double) * (size_t)l->n);
        descend(t, w, j, rows);
    }
    if (!w->touched[0])
        for (int r = 0; r < rows; r++) memset(w->acc[r], 0, sizeof(double) * (size_t)t->d);
}

/* The padding to subtract from the constant of row r so that its form is a proved lower bound. */
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
