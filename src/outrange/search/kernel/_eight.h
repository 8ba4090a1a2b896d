/* Eight rows side by side, a register a column: units of one block, or goals, over one box. */

static inline int any8(v8 x)
{
    bits8 b = (bits8)x << 1; /* -0 is 0 */
    return (b[0] | b[1] | b[2] | b[3] | b[4] | b[5] | b[6] | b[7]) != 0;
}

static inline double sum8(v8 x)
{
    return x[0] + x[1] + x[2] + x[3] + x[4] + x[5] + x[6] + x[7];
}

static inline v8 larger8(v8 a, v8 b) { return one_of((bits8)(a > b), a, b); }

/* Columns c on, `wide` of them: see `add_forms`. */
static inline __attribute__((always_inline)) void add_columns(v8 *out, int c, int wide, const v8 *x,
                                                              const double *const *from, int count)
{
    v8 sum[8];
    UNROLL for (int k = 0; k < wide; k++) sum[k] = out[c + k];
    for (int i = 0; i < count; i++) {
        const double *form = from[i] + c;
        UNROLL for (int k = 0; k < wide; k++) sum[k] += x[i] * form[k];
    }
    UNROLL for (int k = 0; k < wide; k++) out[c + k] = sum[k];
}

/* out[c] += sum over i of x[i] * from[i][c], c < width; forms are 0 beyond their columns. */
static void add_forms(v8 *out, int width, const v8 *x, const double *const *from, int count)
{
    int c = 0;
    if (!count) return;
#if LANES == 8 /* so many stay in registers */
    for (; c + 4 < width; c += 8) add_columns(out, c, 8, x, from, count);
#endif
    for (; c < width; c += 4) add_columns(out, c, 4, x, from, count);
}

/* The forms of up to eight units of a block, to r->eight; `width` columns. */
static void write_eight(const replay *r, const block *b, const int *unit, int n, int width)
{
    int count = 0, wide = 0, at[ROWS], together = n == ROWS && unit[ROWS - 1] - unit[0] == ROWS - 1;
    for (int i = 0; i < ROWS; i++) at[i] = unit[i < n ? i : n - 1]; /* the last one repeats */
    memset(r->eight, 0, sizeof(v8) * (size_t)padded(width));
    for (int i = 0; i < b->used; i++) {
        int v = b->reads[i], col = r->col[v];
        if (col == -1) continue;
        const double *w = b->turned + (size_t)i * (size_t)padded(b->n);
        v8 x;
        if (together) x = *(const v8 *)(w + at[0]);
        else for (int k = 0; k < ROWS; k++) x[k] = w[at[k]];
        if (col >= 0) {
            r->eight[col] += x;
            continue;
        }
        if (!any8(x)) continue;
        if (r->wide[v] != wide) {
            add_forms(r->eight, wide, r->x, r->from, count);
            count = 0;
            wide = r->wide[v];
        }
        r->x[count] = x;
        r->from[count++] = r->row + (size_t)v * (size_t)r->most;
    }
    add_forms(r->eight, wide, r->x, r->from, count);
}

/* The least of eight forms of the inputs over a box. */
static inline v8 corner8(int d, const v8 *row, const double *lo, const double *hi)
{
    v8 v = row[0];
    for (int q = 0; q < d; q++) v += above0(row[1 + q]) * lo[q] + below0(row[1 + q]) * hi[q];
    return v;
}

/* Lower bounds of eight rows through the lines of the first K undecided units; the rows are used
 * up, but for the form of the inputs that is left. turned (K, or NULL): for each row the slope of
 * the line that may turn. met (K, or NULL): the coefficients of the units' values. */
static v8 least_eight(const exact_net *t, const replay *r, v8 *row, int K, const v8 *turned,
                      const double *lo, const double *hi, v8 *met)
{
    int d = t->d;
    v8 at = {0};
    for (int end = K, begin; end > 0; end = begin) {
        int count = 0;
        for (begin = end; begin > 0 && r->start[begin - 1] == r->start[end - 1]; begin--) {
            int j = begin - 1;
            v8 c = row[1 + d + j], pos = above0(c), neg = below0(c);
            two_lines n = r->line[j];
            if (met) met[j] = c;
            if (!any8(c)) continue;
            at += pos * n.lt + neg * n.ht;
            if (!turned) r->x[count] = pos * n.ls + neg * n.hs;
            else if (r->slope_at[j][1] >= r->slope_at[j][0])
                r->x[count] = pos * turned[j] + neg * n.hs;
            else r->x[count] = pos * n.ls + neg * turned[j];
            r->from[count++] = r->form + (size_t)j * (size_t)r->most;
        }
        add_forms(row, r->start[end - 1], r->x, r->from, count);
    }
    row[0] += at;
    return corner8(d, row, lo, hi);
}

/* Lower bounds of eight rows when every undecided unit takes any of its values. */
static v8 flat_eight(const exact_net *t, const replay *r, const v8 *row, int K, const double *lo,
                     const double *hi)
{
    v8 low = corner8(t->d, row, lo, hi);
    for (int j = 0; j < K; j++) {
        v8 c = row[1 + t->d + j];
        low += above0(c) * r->flat[j].lt + below0(c) * r->flat[j].ht;
    }
    return low;
}

/* One of eight rows, times a factor, to a row of its own. */
static void take_row(const v8 *row, int lane, double factor, int width, double *to)
{
    const double *from = (const double *)row + lane;
    for (int c = 0; c < width; c++) to[c] = factor * from[8 * c];
    memset(to + width, 0, sizeof(double) * (size_t)(padded(width) - width));
}

/* A unit on one side of its kink passes on a multiple of its form, or nothing. */
static void settle(replay *r, const block *b, int v, int on, int lane, int width)
{
    double slope = on ? b->above : b->below;
    r->col[v] = slope == 0 ? -1 : -2;
    r->wide[v] = width;
    if (slope != 0)
        take_row(r->eight, lane, slope, width, r->row + (size_t)v * (size_t)r->most);
}

/* A unit that is undecided is a column of what comes later. */
static void leave_open(const exact_net *t, replay *r, const block *b, int v, double lo, double hi,
                       const v8 *share, int lane, int width)
{
    int K = r->K++;
    take_row(r->eight, lane, 1.0, width, r->form + (size_t)K * (size_t)r->most);
    for (int q = 0; q < t->d; q++) r->share[K * t->d + q] = share[q][lane];
    r->var[K] = v;
    r->start[K] = width;
    r->lo[K] = lo;
    r->hi[K] = hi;
    r->slope_at[K] = &b->below;
    r->line[K] = draw(b->below, b->above, lo, hi);
    r->flat[K] = flat(b->below, b->above, lo, hi);
    r->col[v] = r->width++;
}

/* Bound up to eight units of a block, whose rows have `width` columns. */
static void bound_eight(const exact_net *t, replay *r, const block *b, const int *unit, int n,
                        int width, const double *lo, const double *hi, double *known_lo,
                        double *known_hi)
{
    int d = t->d, K = width - 1 - d;
    write_eight(r, b, unit, n, width);
    for (int c = 0; c < width; c++) {
        r->less[c] = r->eight[c];
        r->more[c] = -r->eight[c];
    }
    v8 low = flat_eight(t, r, r->less, K, lo, hi), top = flat_eight(t, r, r->more, K, lo, hi);
    if (K) { /* otherwise lines add nothing */
        low = larger8(low, least_eight(t, r, r->less, K, NULL, lo, hi, NULL));
        top = larger8(top, least_eight(t, r, r->more, K, NULL, lo, hi, NULL));
    }
    top = -top;
    v8 *share = r->x, sum = {0}; /* the factors are used up */
    for (int q = 0; q < d; q++)
        sum += share[q] = (size8(r->less[1 + q]) + size8(r->more[1 + q])) * (hi[q] - lo[q]);
    sum = 1.0 / one_of((bits8)(sum > 0.0), sum, (v8){0} + 1.0);
    for (int q = 0; q < d; q++) share[q] *= sum;
    for (int k = 0; k < n; k++) {
        int v = b->first + unit[k];
        double l = larger(known_lo[v], low[k]), h = known_hi[v] < top[k] ? known_hi[v] : top[k];
        known_lo[v] = l;
        known_hi[v] = h = larger(l, h);
        r->touches |= is_close(l, h);
        if (is_on(l, h) || is_off(l, h)) settle(r, b, v, is_on(l, h), k, width);
        else leave_open(t, r, b, v, l, h, share, k, width);
    }
}

/* Fill r for a box; known_lo, known_hi (vars) hold bounds of units, and are tightened. */
static void replay_box(const exact_net *t, replay *r, const double *lo, const double *hi,
                       double *known_lo, double *known_hi)
{
    r->K = r->asked = r->touches = 0;
    r->width = 1 + t->d;
    for (int v = 0; v <= t->d; v++) r->col[v] = v;
    for (int k = 0; k < t->blocks; k++) {
        const block *b = &t->b[k];
        int width = r->width, asked = 0, sure = 0; /* units of one block do not read each other */
        for (int u = 0; u < b->n; u++) {
            int v = b->first + u, on = is_on(known_lo[v], known_hi[v]);
            if (!on && !is_off(known_lo[v], known_hi[v])) r->ask[asked++] = u;
            else if ((on ? b->above : b->below) == 0) r->col[v] = -1;
            else r->sure[sure++] = u;
        }
        for (int i = 0; i < sure; i += ROWS) {
            int n = sure - i < ROWS ? sure - i : ROWS;
            write_eight(r, b, r->sure + i, n, width);
            for (int j = i; j < i + n; j++) {
                int v = b->first + r->sure[j];
                settle(r, b, v, is_on(known_lo[v], known_hi[v]), j - i, width);
            }
        }
        for (int i = 0; i < asked; i += ROWS)
            bound_eight(t, r, b, r->ask + i, asked - i < ROWS ? asked - i : ROWS, width, lo, hi,
                        known_lo, known_hi);
        r->asked += asked;
    }
}
