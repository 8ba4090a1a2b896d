/* Eight rows side by side, one register per column: units of one block, or goals, over one box. */

typedef int64_t part_bits __attribute__((vector_size(8 * LANES), aligned(8)));

/* The part of column c of rows that fits in a register, from row h on. Some compilers compare
 * vectors wider than a register one by one. */
static inline part part_at(const v8 *rows, int c, int h)
{
    return *(const part *)((const double *)rows + ROWS * c + h);
}

static inline void set_part(v8 *rows, int c, int h, part x)
{
    *(part *)((double *)rows + ROWS * c + h) = x;
}

static inline part all_of(double x) { return (part){0} + x; }
static inline part pick(part_bits first, part a, part b)
{
    return (part)(((part_bits)a & first) | ((part_bits)b & ~first));
}
static inline part above(part x) { return (part)((part_bits)x & (part_bits)(x > 0.0)); }
static inline part below(part x) { return (part)((part_bits)x & (part_bits)(x < 0.0)); }
static inline part size_of(part x) { return (part)((part_bits)x & INT64_MAX); }
static inline part larger_of(part a, part b) { return pick((part_bits)(a > b), a, b); }

static inline int any8(const v8 *x)
{
    uint64_t any = 0;
    for (int k = 0; k < ROWS; k++) any |= bits_of(((const double *)x)[k]);
    return any != 0;
}

/* Columns c on, `wide` of them, as many rows at once as fit in a register: see `add_forms`. */
static inline __attribute__((always_inline)) void add_columns(v8 *out, int c, int wide, const v8 *x,
                                                              const double *const *from, int count)
{
    for (int h = 0; h < ROWS; h += LANES) {
        double *to = (double *)(out + c) + h;
        const double *factor = (const double *)x + h;
        part sum[8];
        UNROLL for (int k = 0; k < wide; k++) sum[k] = *(part *)(to + ROWS * k);
        for (int i = 0; i < count; i++) {
            const double *form = from[i] + c;
            part p = *(const part *)(factor + ROWS * i);
            UNROLL for (int k = 0; k < wide; k++) sum[k] += p * form[k];
        }
        UNROLL for (int k = 0; k < wide; k++) *(part *)(to + ROWS * k) = sum[k];
    }
}

/* out[c] += sum over i of x[i] * from[i][c], c < width; forms are 0 beyond their columns. */
static void add_forms(v8 *out, int width, const v8 *x, const double *const *from, int count)
{
    int c = 0;
    if (!count) return;
    for (; c + 4 < width; c += 8) add_columns(out, c, 8, x, from, count);
    for (; c < width; c += 4) add_columns(out, c, 4, x, from, count);
}

/* Write the forms of up to eight units of a block to r->eight, with `width` columns. The
 * variables that a block reads are ascending and distinct: a column is written before forms are
 * added to it. */
static void write_eight(const replay *r, const block *b, const int *unit, int n, int width)
{
    int count = 0, wide = 0, at[ROWS], together = n == ROWS && unit[ROWS - 1] - unit[0] == ROWS - 1;
    for (int i = 0; i < ROWS; i++) at[i] = unit[i < n ? i : n - 1]; /* the last one repeats */
    memset(r->eight, 0, sizeof(v8) * (size_t)padded(width));
    for (int i = 0; i < b->used; i++) {
        int v = b->reads[i], col = r->col[v];
        if (col == -1) continue;
        const double *w = b->turned + (size_t)i * (size_t)padded(b->n);
        double *x = (double *)(r->x + count);
        if (r->wide[v] != wide && col < 0) {
            add_forms(r->eight, wide, r->x, r->from, count);
            count = 0;
            wide = r->wide[v];
            x = (double *)r->x;
        }
        if (col >= 0) x = (double *)(r->eight + col); /* no other variable has this column */
        if (together) memcpy(x, w + at[0], sizeof(v8));
        else for (int k = 0; k < ROWS; k++) x[k] = w[at[k]];
        if (col >= 0 || !any8(r->x + count)) continue;
        r->from[count++] = r->row + (size_t)v * (size_t)r->most;
    }
    add_forms(r->eight, wide, r->x, r->from, count);
}

/* The least values of forms of the inputs over a box. */
static inline part corner(int d, const v8 *row, int h, const double *lo, const double *hi)
{
    part v = part_at(row, 0, h);
    for (int q = 0; q < d; q++) {
        part x = part_at(row, 1 + q, h);
        v += above(x) * lo[q] + below(x) * hi[q];
    }
    return v;
}

/* The factors of the forms of one block's undecided units, from j = end - 1 down, while rows are
 * bounded from below: see `least_eight`. Returns the first unit of the block, and sets *count. */
static inline int meet_lines(const replay *r, int d, v8 *row, int end, const v8 *turned, v8 *met,
                             int *count)
{
    int begin = end;
    part at[ROWS / LANES] = {{0}}; /* separate: in memory, sums would wait for each other */
    *count = 0;
    for (; begin > 0 && r->start[begin - 1] == r->start[end - 1]; begin--) {
        int j = begin - 1, convex = r->slope_at[j][1] >= r->slope_at[j][0];
        two_lines n = r->line[j];
        if (met) met[j] = row[1 + d + j];
        if (!any8(row + 1 + d + j)) continue;
        for (int h = 0; h < ROWS; h += LANES) {
            part c = part_at(row, 1 + d + j, h), pos = above(c), neg = below(c);
            part turn = turned ? part_at(turned, j, h) : (part){0};
            part z = pos * (turned && convex ? turn : all_of(n.ls)) +
                     neg * (turned && !convex ? turn : all_of(n.hs));
            set_part(r->x, *count, h, z);
            at[h / LANES] += pos * n.lt + neg * n.ht;
        }
        r->from[(*count)++] = r->form + (size_t)j * (size_t)r->most;
    }
    for (int h = 0; h < ROWS; h += LANES) set_part(row, 0, h, part_at(row, 0, h) + at[h / LANES]);
    return begin;
}

/* Lower bounds of eight rows through the lines of the first K undecided units. The rows are
 * overwritten by the remaining forms of the inputs. turned (K, or NULL): for each row, the slope of
 * the line that may turn. met (K, or NULL): the coefficients of the units' values. */
static v8 least_eight(const exact_net *t, const replay *r, v8 *row, int K, const v8 *turned,
                      const double *lo, const double *hi, v8 *met)
{
    v8 low;
    for (int end = K, begin, count; end > 0; end = begin) {
        begin = meet_lines(r, t->d, row, end, turned, met, &count);
        add_forms(row, r->start[end - 1], r->x, r->from, count);
    }
    for (int h = 0; h < ROWS; h += LANES) set_part(&low, 0, h, corner(t->d, row, h, lo, hi));
    return low;
}

/* Lower bounds of eight rows if every undecided unit may take any of its values. */
static v8 flat_eight(const exact_net *t, const replay *r, const v8 *row, int K, const double *lo,
                     const double *hi)
{
    v8 low;
    for (int h = 0; h < ROWS; h += LANES) {
        part sum = corner(t->d, row, h, lo, hi);
        for (int j = 0; j < K; j++) {
            part c = part_at(row, 1 + t->d + j, h);
            sum += above(c) * r->flat[j].lt + below(c) * r->flat[j].ht;
        }
        set_part(&low, 0, h, sum);
    }
    return low;
}

/* Copy one of eight rows, times a factor. */
static void take_row(const v8 *row, int lane, double factor, int width, double *to)
{
    const double *from = (const double *)row + lane;
    for (int c = 0; c < width; c++) to[c] = factor * from[8 * c];
    memset(to + width, 0, sizeof(double) * (size_t)(padded(width) - width));
}

/* Settle a unit on one side of its kink: it passes on a multiple of its form, or nothing. */
static void settle(replay *r, const block *b, int v, int on, int lane, int width)
{
    double slope = on ? b->above : b->below;
    r->col[v] = slope == 0 ? -1 : -2;
    r->wide[v] = width;
    if (slope != 0)
        take_row(r->eight, lane, slope, width, r->row + (size_t)v * (size_t)r->most);
}

/* Leave a unit undecided: it becomes a column of later forms. */
static void leave_open(const exact_net *t, replay *r, const block *b, int v, double lo, double hi,
                       int lane, int width)
{
    int K = r->K++;
    take_row(r->eight, lane, 1.0, width, r->form + (size_t)K * (size_t)r->most);
    for (int q = 0; q < t->d; q++) r->share[K * t->d + q] = r->x[q][lane];
    r->var[K] = v;
    r->start[K] = width;
    r->lo[K] = lo;
    r->hi[K] = hi;
    r->slope_at[K] = &b->below;
    r->line[K] = draw(b->below, b->above, lo, hi);
    r->flat[K] = flat(b->below, b->above, lo, hi);
    r->col[v] = r->width++;
}

/* Write the shares of each input in the widths of eight units, from both their forms, to r->x. */
static void share_widths(const exact_net *t, replay *r, const double *lo, const double *hi)
{
    for (int h = 0; h < ROWS; h += LANES) {
        part sum = {0};
        for (int q = 0; q < t->d; q++) {
            part size = size_of(part_at(r->less, 1 + q, h)) + size_of(part_at(r->more, 1 + q, h));
            set_part(r->x, q, h, size * (hi[q] - lo[q]));
            sum += size * (hi[q] - lo[q]);
        }
        sum = 1.0 / pick((part_bits)(sum > 0.0), sum, all_of(1));
        for (int q = 0; q < t->d; q++) set_part(r->x, q, h, part_at(r->x, q, h) * sum);
    }
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
    v8 low[4] = {flat_eight(t, r, r->less, K, lo, hi), flat_eight(t, r, r->more, K, lo, hi)};
    low[2] = low[0];
    low[3] = low[1];
    if (K) { /* otherwise lines add nothing */
        low[2] = least_eight(t, r, r->less, K, NULL, lo, hi, NULL);
        low[3] = least_eight(t, r, r->more, K, NULL, lo, hi, NULL);
    }
    share_widths(t, r, lo, hi);
    for (int k = 0; k < n; k++) {
        int v = b->first + unit[k];
        /* NaN, as the first argument, is ignored */
        double l = larger(larger(low[2][k], low[0][k]), known_lo[v]);
        double h = -larger(larger(low[3][k], low[1][k]), -known_hi[v]);
        known_lo[v] = l;
        known_hi[v] = h = larger(l, h);
        r->touches |= is_close(l, h);
        if (is_on(l, h) || is_off(l, h)) settle(r, b, v, is_on(l, h), k, width);
        else leave_open(t, r, b, v, l, h, k, width);
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
