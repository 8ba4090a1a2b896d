/* Bounds of every unstable unit, and the lines that replace it. */

#define LEAST_ROWS 3 /* fewer rows are substituted one by one */

/* Draw the lines of a level whose units' bounds are known: a stable unit has one line; an unstable
 * unit has the chord, and another line that may turn. */
static void draw_lines(const tape *t, const level *l, scratch *w)
{
    int convex = l->sp > l->sm; /* convex: the chord is above */
    v8 sm = (v8){0} + l->sm, sp = (v8){0} + l->sp, low = convex ? sm : sp, top = convex ? sp : sm;
    for (int i = l->at, end = l->at + padded(l->n); i < end; i += 8) {
        v8 lo = *(const v8 *)(w->lo + i), hi = *(const v8 *)(w->hi + i);
        bits8 on = (bits8)(lo >= 0.0), settled = on | (bits8)(hi <= 0.0);
        v8 per = 0.5 / (0.5 * hi - 0.5 * lo), d = (sp * hi - sm * lo) * per;
        per = one_of((bits8)(per > 1e-300), per, (v8){0} + 1e-300); /* unstable, despite overflow */
        d = one_of((bits8)(d < low), low, d);
        d = one_of((bits8)(d > top), top, d);
        v8 e1 = (sp - d) * hi, e2 = (sm - d) * lo; /* f - d*z at both ends */
        v8 slack = 4 * UNIT * ((size8(sp) + size8(d)) * size8(hi) +
                               (size8(sm) + size8(d)) * size8(lo)) + TINY;
        bits8 first = (bits8)(e1 > e2);
        v8 cut = convex ? one_of(first, e1, e2) + slack : one_of(first, e2, e1) - slack;
        v8 turn = one_of((bits8)(hi > -lo), sp, sm), slope = one_of(on, sp, sm);
        cut = (v8)((bits8)cut & ~settled);
        *(v8 *)(w->per_width + i) = (v8)((bits8)per & ~settled);
        *(v8 *)(w->lost + i) = size8(cut);
        *(v8 *)(w->free_ + i) = turn;
        *(v8 *)(w->up + i) = one_of(settled, slope, convex ? turn : d);
        *(v8 *)(w->down + i) = one_of(settled, slope, convex ? d : turn);
        *(v8 *)(w->up_at + i) = convex ? (v8){0} : cut;
        *(v8 *)(w->down_at + i) = convex ? cut : (v8){0};
        *(v8 *)(w->due + i) =
            *(const v8 *)(w->rho + i) +
            t->gamma * (l->smax * size8(*(const v8 *)(w->bias + i)) + size8(cut));
    }
}

/* A unit whose sign is already known needs no bounds: any bounds of this sign suffice. */
static inline void take_sign(const level *l, scratch *w, int u, int sign)
{
    w->lo[l->at + u] = sign > 0 ? 0.0 : -1.0;
    w->hi[l->at + u] = sign > 0 ? 1.0 : 0.0;
}

/* Adopt bounds of unit u of level k. Return 1 if it is unstable. */
static inline int take_bounds(const tape *t, scratch *w, int k, int u, double lo, double hi,
                              int8_t *st)
{
    const level *l = &t->lv[k];
    int s = l->sat + u, i = l->at + u;
    double top = l->z[u];
    /* A bound beyond the unit's size has overflowed. */
    if (!(lo > -top && lo <= top)) lo = -top;
    if (!(hi < top && hi >= -top)) hi = top;
    if (st[s] > 0 && !l->first) lo = larger(lo, 0.0);
    if (st[s] < 0 && !l->first) hi = -larger(-hi, 0.0);
    w->lo[i] = lo;
    w->hi[i] = hi;
    int sign = l->first ? sign_apart(t, w, l, u) : lo >= 0 ? 1 : hi <= 0 ? -1 : 0;
    if (sign) {
        st[s] = (int8_t)sign;
        return 0;
    }
    w->und_level[w->nund] = k;
    w->und_unit[w->nund] = u;
    w->und_at[w->nund] = i;
    w->und_state[w->nund++] = s;
    return 1;
}

/* Set the shares of each input in the widths of a block's units, from the sizes of both their forms
 * and, if units are sharpened, from the losses along the way. */
static void set_shares(const tape *t, scratch *w, const double *xl, const double *xu)
{
    v8 sum = (v8){0} + 1e-300;
    const int *lane = w->lane + (size_t)w->blocks * ROWS;
    double *share = w->share + (size_t)w->blocks++ * (size_t)t->d * ROWS;
    for (int q = 0; q < t->d; q++) {
        const double *rows = w->rows + BOTH * q;
        v8 part = (size8(*(const v8 *)rows) + size8(*(const v8 *)(rows + ROWS))) * (xu[q] - xl[q]);
        if (t->climbs) part = 0.5 * part + *(const v8 *)(w->fault + ROWS * q);
        *(v8 *)(share + ROWS * q) = part;
        sum += part;
    }
    v8 per = 1.0 / sum;
    for (int q = 0; q < t->d; q++) {
        *(v8 *)(share + ROWS * q) *= per;
        for (int r = 0; r < ROWS && t->climbs; r++)
            if (lane[r]) w->part[(size_t)lane[r] * (size_t)t->d + (size_t)q] = share[ROWS * q + r];
    }
}

/* Bound up to a block of units of level k. */
static void bound_units(const tape *t, scratch *w, int k, const int *ask, int n, const double *xl,
                        const double *xu, int8_t *st)
{
    double lo[ROWS], hi[ROWS];
    int *lane = w->lane + (size_t)w->blocks * ROWS, any = 0;
    bound_block(t, w, k, ask, n, xl, xu, lo, hi);
    for (int r = 0; r < ROWS; r++) {
        int open = r < n && take_bounds(t, w, k, ask[r], lo[r], hi[r], st);
        open |= r < n && is_wanted(t, &t->lv[k], ask[r], st);
        lane[r] = open ? t->lv[k].at + ask[r] : 0;
        any |= open;
    }
    if (any && !t->lv[k].first) set_shares(t, w, xl, xu);
}

/* Bound one unit individually. */
static void bound_unit(const tape *t, scratch *w, int k, int u, const double *xl, const double *xu,
                       int8_t *st)
{
    start(t, w, k, u, 1, 2);
    to_input(t, w, k, st, 2, NULL, NULL);
    double pad0 = row_pad(t, w, 0), pad1 = row_pad(t, w, 1);
    double lo = least_over(t->d, w->acc[0], w->cst[0], xl, xu) - pad0;
    double hi = -(least_over(t->d, w->acc[1], w->cst[1], xl, xu) - pad1);
    int open = take_bounds(t, w, k, u, lo, hi, st) || is_wanted(t, &t->lv[k], u, st);
    if (!open || t->lv[k].first) return;
    int *lane = w->lane + (size_t)w->blocks * ROWS;
    memset(lane, 0, sizeof(int) * ROWS);
    lane[0] = t->lv[k].at + u;
    memset(w->fault, 0, sizeof(double) * ROWS * (size_t)t->d);
    for (int q = 0; q < t->d; q++) {
        *(v8 *)(w->rows + BOTH * q) = (v8){w->acc[0][q]};
        *(v8 *)(w->rows + BOTH * q + ROWS) = (v8){w->acc[1][q]};
    }
    set_shares(t, w, xl, xu);
}

static int unit_bounds(const tape *t, scratch *w, const double *xl, const double *xu,
                       const int8_t *known, int8_t *st)
{
    w->nund = w->blocks = 0;
    if (t->climbs) sample(t, w, xl, xu);
    for (int k = 1; k <= t->levels; k++) {
        const level *l = &t->lv[k];
        int asked = 0, i = 0;
        if (l->linear) {
            if (!w->listed[l->at]) list_units(l, w);
            continue;
        }
        for (int u = 0; u < l->n; u++) {
            int s = l->sat + u;
            st[s] = known[s];
            if (st[s] && !is_wanted(t, l, u, known)) take_sign(l, w, u, st[s]);
            else w->ask[asked++] = u;
        }
        for (; asked - i >= LEAST_ROWS; i += ROWS)
            bound_units(t, w, k, w->ask + i, asked - i < ROWS ? asked - i : ROWS, xl, xu, st);
        for (; i < asked; i++) bound_unit(t, w, k, w->ask[i], xl, xu, st);
        if (t->climbs && !l->first) sharpen(t, w, k, xl, xu, st);
        if (l->first) draw_apart(t, l, w, st);
        else draw_lines(t, l, w);
        list_units(l, w);
    }
    return w->nund;
}
