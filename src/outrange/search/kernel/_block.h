/* Blocks of rows: the forms of eight units, and of their negatives, substituted back together. A
 * block holds the sixteen coefficients of every unit below side by side, so that a level's
 * matrix is read once for all of them, and every sum is a register.
 *
 * Above the first level that is not linear, both ends are one row x. There, a unit with slopes
 * up and down has the middle slope M = (up + down) / 2 and the deviation D = (up - down) / 2.
 * The two ends are S + T and -(S - T), where S sums M x and T sums D |x|. A stable unit has no
 * D, and an unstable one is processed once. |M| + |D| = max(|up|, |down|), so the errors are
 * bounded as before, with two more roundings (of M or D, and of S + T): gamma_{n+6}, which rho
 * covers.
 *
 * Rounding errors are summed in one number: for every unit, |a| times `due`, which is its rho
 * plus gamma_N times the sizes of its bias and intercept at the steeper of its two lines. */

static inline v8 above0(v8 x) { return (v8)((bits8)x & (bits8)(x > 0.0)); }
static inline v8 below0(v8 x) { return (v8)((bits8)x & (bits8)(x < 0.0)); }

/* out[b] += sum_i p[i] * w[list[i]][b] for b < wide, eight or sixteen rows at once, as many of them
 * in one pass as fit in a register. */
static inline __attribute__((always_inline)) void tile(int wide, int both, const double *w,
                                                       size_t stride, const int *list, int count,
                                                       const double *p, double *out, int fresh)
{
    for (int h = 0; h < ROWS; h += LANES) {
        part r[TILE], g[TILE];
        UNROLL for (int b = 0; b < wide; b++) {
            r[b] = fresh ? (part){0} : *(const part *)(out + BOTH * b + h);
            g[b] = fresh ? (part){0} : *(const part *)(out + BOTH * b + ROWS + h);
        }
        for (int i = 0; i < count; i++) {
            const double *x = w + (size_t)list[i] * stride;
            part a = *(const part *)(p + BOTH * i + h), c = {0};
            if (both) c = *(const part *)(p + BOTH * i + ROWS + h);
            UNROLL for (int b = 0; b < wide; b++) {
                r[b] += a * x[b];
                if (both) g[b] += c * x[b];
            }
        }
        UNROLL for (int b = 0; b < wide; b++) {
            *(part *)(out + BOTH * b + h) = r[b];
            if (both || fresh) *(part *)(out + BOTH * b + ROWS + h) = g[b];
        }
    }
}

static inline __attribute__((always_inline)) void tiles(int both, const source *s, int n,
                                                        const int *list, int count,
                                                        const double *p, double *out, int fresh)
{
    size_t stride = (size_t)s->stride;
    int q = 0;
    for (; q + TILE <= n; q += TILE)
        tile(TILE, both, s->w + q, stride, list, count, p, out + BOTH * q, fresh);
    for (; q + 3 <= n; q += 3)
        tile(3, both, s->w + q, stride, list, count, p, out + BOTH * q, fresh);
    for (; q < n; q++) tile(1, both, s->w + q, stride, list, count, p, out + BOTH * q, fresh);
}

/* Add the coefficients of listed units of a level to the levels that it reads: first `both` units
 * with sixteen coefficients, then `one` units with eight. */
static void feed_block(const tape *t, scratch *w, const level *l, const int *list, int both,
                       int one)
{
    const double *p = w->met + BOTH * (size_t)both;
    for (int i = 0; i < l->nsrc; i++) {
        const source *s = &l->src[i];
        const level *to = &t->lv[s->level];
        double *out = w->rows + (size_t)to->at * BOTH;
        if (s->dense) {
            if (w->touched[s->level] == SOME) reach_all(w, s->level, to->at, to->n);
            int fresh = !w->touched[s->level];
            w->touched[s->level] = ALL;
            if (both) tiles(1, s, to->n, list, both, w->met, out, fresh);
            if (one) tiles(0, s, to->n, list + both, one, p, out, fresh && !both);
            continue;
        }
        if (!w->touched[s->level]) {
            w->touched[s->level] = SOME;
            w->count[s->level] = 0;
        }
        int some = w->touched[s->level] == SOME;
        for (int n = 0; n < both + one; n++) {
            v8 a = *(const v8 *)(w->met + BOTH * n), c = *(const v8 *)(w->met + BOTH * n + ROWS);
            for (int64_t e = s->ptr[list[n]]; e < s->ptr[list[n] + 1]; e++) {
                int u = s->col[e];
                double *o = some ? reached(w, s->level, to->at, u) : out + BOTH * (size_t)u;
                *(v8 *)o += s->val[e] * a;
                if (n < both) *(v8 *)(o + ROWS) += s->val[e] * c;
            }
        }
    }
}

/* Charge the loss of eight rows at the lines of unstable unit i to the inputs that cause its
 * width. */
static inline void blame_unit(const tape *t, scratch *w, int i, v8 size)
{
    v8 loss = w->lost[i] * size;
    const double *part = w->part + (size_t)i * (size_t)t->d;
    for (int q = 0; q < t->d; q++) *(v8 *)(w->fault + ROWS * q) += loss * part[q];
}

/* Substitute level j's units in every row: `descend` for a block. */
static void descend_block(const tape *t, scratch *w, int j, v8 *cst, v8 *due)
{
    const level *l = &t->lv[j];
    const double *rows = w->rows + (size_t)l->at * BOTH;
    const int *some = w->touched[j] == SOME ? w->some + l->at : NULL;
    int count = 0, all = some ? w->count[j] : l->n;
    for (int n = 0; n < all; n++) {
        int u = some ? some[n] : n, i = l->at + u;
        double up = w->up[i], down = w->down[i], at = w->up_at[i] - w->down_at[i];
        double bias = w->bias[i], owed = w->due[i];
        if (up == 0.0 && down == 0.0 && at == 0.0) continue;
        double *p = w->met + BOTH * count;
        w->list[count++] = u;
        if (t->climbs && w->per_width[i] > 0.0)
            blame_unit(t, w, i,
                       size8(*(const v8 *)(rows + BOTH * u)) +
                           size8(*(const v8 *)(rows + BOTH * u + ROWS)));
        for (int e = 0; e < 2; e++) {
            v8 x = *(const v8 *)(rows + BOTH * u + ROWS * e), y;
            if (up == down && at == 0.0) {
                y = up * x;
            } else {
                v8 pos = above0(x), neg = below0(x);
                y = up * pos + down * neg;
                cst[e] += w->up_at[i] * pos + w->down_at[i] * neg;
            }
            due[e] += owed * size8(x);
            cst[e] += bias * y;
            *(v8 *)(p + ROWS * e) = y;
        }
    }
    if (count) feed_block(t, w, l, w->list, count, 0);
}

/* List the units of a finished level for `descend_middle`: the unstable ones, then the stable ones
 * with a nonzero slope. */
static void list_units(const level *l, scratch *w)
{
    int *order = w->order + l->at, count = 0;
    for (int i = l->at, end = l->at + padded(l->n); i < end; i += 8) {
        v8 up = *(const v8 *)(w->up + i), down = *(const v8 *)(w->down + i);
        v8 up_at = *(const v8 *)(w->up_at + i), down_at = *(const v8 *)(w->down_at + i);
        *(v8 *)(w->mid + i) = 0.5 * (up + down);
        *(v8 *)(w->apart + i) = 0.5 * (up - down);
        *(v8 *)(w->mid_at + i) = 0.5 * (up_at + down_at);
        *(v8 *)(w->apart_at + i) = 0.5 * (up_at - down_at);
    }
    for (int u = 0; u < l->n; u++) { /* no branches: they would be unpredictable */
        order[count] = u;
        count += w->per_width[l->at + u] > 0.0;
    }
    w->opened[l->at] = count;
    for (int u = 0; u < l->n && count < l->n; u++) { /* full: another level follows */
        order[count] = u;
        count += !(w->per_width[l->at + u] > 0.0) & (w->up[l->at + u] != 0.0);
    }
    w->listed[l->at] = count;
}

/* `descend_block` while both ends are one row: the sums of M x go to the first eight rows, those of
 * D |x| to the others. */
static void descend_middle(const tape *t, scratch *w, int j, v8 *cst, v8 *due)
{
    const level *l = &t->lv[j];
    const double *rows = w->rows + (size_t)l->at * BOTH;
    const double *bias = w->bias + l->at, *owed = w->due + l->at;
    const double *mid = w->mid + l->at, *apart = w->apart + l->at;
    const double *mid_at = w->mid_at + l->at, *apart_at = w->apart_at + l->at;
    const int *order = w->order + l->at;
    int both = w->opened[l->at], all = w->listed[l->at];
    if (w->touched[j] == SOME) {
        both = list_some(l, w, j, &all);
        order = w->list;
    }
    v8 s = cst[0], d = {0}, owe = due[0];
    for (int n = 0; n < all; n++) {
        int u = order[n];
        v8 x = *(const v8 *)(rows + BOTH * u), size = size8(x), y = mid[u] * x;
        owe += owed[u] * size;
        s += bias[u] * y;
        *(v8 *)(w->met + BOTH * n) = y;
        if (n >= both) continue;
        if (t->climbs) blame_unit(t, w, l->at + u, size + size);
        v8 z = apart[u] * size;
        s += mid_at[u] * x;
        d += apart_at[u] * size + bias[u] * z;
        *(v8 *)(w->met + BOTH * n + ROWS) = z;
    }
    if (all) feed_block(t, w, l, order, both, all - both);
    cst[0] = s + d;
    cst[1] = d - s;
    due[0] = due[1] = owe;
}

/* Convert sums and deviations to the two ends, in levels below j. */
static void part_ends(const tape *t, scratch *w, int j)
{
    for (int k = 0; k < j; k++) {
        if (!w->touched[k]) continue;
        double *rows = w->rows + (size_t)t->lv[k].at * BOTH;
        const int *some = w->touched[k] == SOME ? w->some + t->lv[k].at : NULL;
        int all = some ? w->count[k] : t->lv[k].n;
        for (int n = 0; n < all; n++) {
            int u = some ? some[n] : n;
            v8 s = *(const v8 *)(rows + BOTH * u), d = *(const v8 *)(rows + BOTH * u + ROWS);
            *(v8 *)(rows + BOTH * u) = s + d;
            *(v8 *)(rows + BOTH * u + ROWS) = d - s;
        }
    }
}

/* Bound up to eight units of level k from both sides, to lo[] and hi[]. The forms remain in the
 * rows of level 0. */
static void bound_block(const tape *t, scratch *w, int k, const int *ask, int n, const double *xl,
                        const double *xu, double *lo, double *hi)
{
    const level *l = &t->lv[k];
    int unit[ROWS];
    v8 cst[2] = {{0}, {0}}, due[2] = {{0}, {0}}, reach[2] = {{0}, {0}};
    for (int r = 0; r < ROWS; r++) {
        unit[r] = ask[r < n ? r : n - 1]; /* surplus rows repeat the last one */
        cst[0][r] = l->bias[unit[r]];
        due[0][r] = l->rho[unit[r]] + t->gamma * fabs(l->bias[unit[r]]);
    }
    cst[1] = -cst[0];
    due[1] = due[0];
    memset(w->touched, 0, (size_t)t->levels + 1);
    memset(w->fault, 0, sizeof(double) * ROWS * (size_t)t->d);
    w->now++;
    for (int i = 0; i < l->nsrc; i++) {
        const source *s = &l->src[i];
        const level *to = &t->lv[s->level];
        double *out = w->rows + (size_t)to->at * BOTH;
        w->touched[s->level] = s->dense ? ALL : SOME;
        if (!s->dense) {
            w->count[s->level] = 0;
            for (int r = 0; r < ROWS; r++)
                for (int64_t e = s->ptr[unit[r]]; e < s->ptr[unit[r] + 1]; e++)
                    reached(w, s->level, to->at, s->col[e])[r] = s->val[e];
            continue;
        }
        size_t wide = (size_t)padded(l->n);
        int together = n == ROWS && unit[ROWS - 1] - unit[0] == ROWS - 1;
        for (int c = 0; c < to->n; c++) {
            const double *from = s->turned + (size_t)c * wide;
            v8 x;
            if (together) x = *(const v8 *)(from + unit[0]);
            else for (int r = 0; r < ROWS; r++) x[r] = from[unit[r]];
            *(v8 *)(out + BOTH * c) = x;
            *(v8 *)(out + BOTH * c + ROWS) = (v8){0};
        }
    }
    int j = k - 1;
    for (int linear = 1; j >= 1 && linear; j--) {
        linear = t->lv[j].linear;
        if (w->touched[j]) descend_middle(t, w, j, cst, due);
    }
    part_ends(t, w, j + 1);
    for (; j >= 1; j--)
        if (w->touched[j]) descend_block(t, w, j, cst, due);
    if (!w->touched[0]) memset(w->rows, 0, sizeof(double) * BOTH * (size_t)t->d);
    if (w->touched[0] == SOME) reach_all(w, 0, 0, t->d);
    for (int q = 0; q < t->d; q++)
        for (int e = 0; e < 2; e++) {
            v8 x = *(const v8 *)(w->rows + BOTH * q + ROWS * e);
            cst[e] += xl[q] * above0(x) + xu[q] * below0(x);
            reach[e] += t->reach[q] * size8(x);
        }
    for (int e = 0; e < 2; e++)
        cst[e] -= t->noise *
                  ((due[e] + gamma_of(2 * t->d + 4) * reach[e]) * (1 + 1e-6) + TINY);
    for (int r = 0; r < n; r++) {
        lo[r] = cst[0][r];
        hi[r] = -cst[1][r];
    }
}
