/* Levels of differences. Each unit of such a level belongs to a unit of an earlier level, with
 * sum w and value f(w). Its own sum is d, and its value is D = f(w + d) - f(w): the difference
 * between the counterpart's value, in a copy of nearly the same network, and f(w).
 *
 * For a ReLU, D lies between 0 and d. With w in [wl, wh], it is at most U and at least L, where
 *
 *     U(d) = max(0, d - max(-wh, 0))  for d >= 0,   max(d, -max(wl, 0))  for d < 0,
 *     L(d) = min(d, max(0, wl + d))   for d >= 0,   max(d, min(0, -wh))  for d < 0.
 *
 * U is convex. L bends upwards only at -wh and at -wl, so a line that is below it there and at
 * both ends is below it everywhere. Other curves with one kink are f(x) = sm x + (sp - sm)
 * relu(x).
 *
 * References: B. Paulsen, J. Wang, C. Wang, ReluDiff (2020); B. Paulsen et al., NeuroDiff
 * (2020). */

static inline double larger(double a, double b) { return a > b ? a : b; }

static inline v8 larger8(v8 a, v8 b) { return one_of((bits8)(a > b), a, b); }
static inline v8 smaller8(v8 a, v8 b) { return one_of((bits8)(a < b), a, b); }

/* Clamp to [0, 1], also after an overflow. */
static inline v8 as_slope(v8 x)
{
    return smaller8(larger8(x, (v8){0}), (v8){0} + 1.0);
}

/* Whether the counterpart of a unit is unstable, so that the unit needs bounds. */
static inline int is_wanted(const tape *t, const level *l, int u, const int8_t *st)
{
    return l->second && !st[t->lv[l->second].sat + u];
}

/* The value D of unit u at a point where its sum is d. */
static inline double rise(const tape *t, const scratch *w, const level *l, int u, double d)
{
    double x = w->z[t->lv[l->first].at + u], y = x + d;
    if ((x < 0) == (y < 0)) return d * (x < 0 ? l->sm : l->sp);
    return y * (y < 0 ? l->sm : l->sp) - x * (x < 0 ? l->sm : l->sp);
}

/* The side of the kink that both counterparts of unit u are on, or 0. */
static inline int sign_apart(const tape *t, const scratch *w, const level *l, int u)
{
    int i = t->lv[l->first].at + u;
    double wl = w->lo[i], wh = w->hi[i], zl = wl + w->lo[l->at + u], zh = wh + w->hi[l->at + u];
    if (wl >= 0 && zl >= 0) return 1; /* a rounded sum of two has the sign of the exact one */
    return wh <= 0 && zh <= 0 ? -1 : 0;
}

/* The offset of the line with slope s below four points. */
static inline v8 below_points(v8 s, const v8 *x, const v8 *y)
{
    v8 low = y[0] - s * x[0];
    for (int i = 1; i < 4; i++) low = smaller8(low, y[i] - s * x[i]);
    return low;
}

/* The line below L that is highest in the middle. */
static inline v8 line_below(v8 dl, v8 dh, v8 wl, v8 wh, v8 *offset)
{
    v8 none = {0}, x[4] = {dl, smaller8(larger8(-wh, dl), dh), smaller8(larger8(-wl, dl), dh), dh};
    v8 y[4], middle = 0.5 * dl + 0.5 * dh, slope = none, best;
    for (int i = 0; i < 4; i++)
        y[i] = one_of((bits8)(x[i] >= 0.0), smaller8(x[i], larger8(none, wl + x[i])),
                      larger8(x[i], smaller8(none, -wh)));
    v8 tried[5] = {(y[3] - y[0]) / (x[3] - x[0]), (y[2] - y[0]) / (x[2] - x[0]),
                   (y[3] - y[1]) / (x[3] - x[1]), (y[2] - y[1]) / (x[2] - x[1]), none + 1.0};
    *offset = best = below_points(none, x, y);
    for (int i = 0; i < 5; i++) {
        v8 s = as_slope(tried[i]), at = below_points(s, x, y), height = at + s * middle;
        bits8 better = (bits8)(height > best);
        best = one_of(better, height, best);
        slope = one_of(better, s, slope);
        *offset = one_of(better, at, *offset);
    }
    return slope;
}

/* The line above U. */
static inline v8 line_above(v8 dl, v8 dh, v8 wl, v8 wh, v8 *offset)
{
    v8 none = {0}, off = smaller8(wh, none), on = larger8(wl, none), y[2], x[2] = {dl, dh};
    for (int i = 0; i < 2; i++)
        y[i] = one_of((bits8)(x[i] >= 0.0), larger8(none, x[i] + off), larger8(x[i], -on));
    v8 slope = as_slope((y[1] - y[0]) / (dh - dl));
    *offset = larger8(y[0] - slope * dl, y[1] - slope * dh);
    return slope;
}

/* Draw the lines of a level of differences, whose bounds and whose counterparts' bounds are
 * known. */
static void draw_apart(const tape *t, const level *l, scratch *w, const int8_t *st)
{
    int convex = l->sp > l->sm, shift = t->lv[l->first].at - l->at;
    double apart = l->sp - l->sm, *lines = free_lines(l, w);
    for (int i = l->at, end = l->at + padded(l->n); i < end; i += 8) {
        v8 slope = {0}, per = {0};
        for (int u = i - l->at, k = 0; k < 8 && u < l->n; u++, k++) {
            int sign = st[l->sat + u];
            slope[k] = sign < 0 ? l->sm : l->sp;
            per[k] = sign == 0;
        }
        bits8 open = (bits8)(per > 0.0);
        v8 dl = *(const v8 *)(w->lo + i), dh = *(const v8 *)(w->hi + i), low_at, top_at;
        v8 wl = *(const v8 *)(w->lo + i + shift), wh = *(const v8 *)(w->hi + i + shift);
        v8 low = line_below(dl, dh, wl, wh, &low_at), top = line_above(dl, dh, wl, wh, &top_at);
        v8 far = larger8(size8(dl), size8(dh));
        v8 slack = 64 * UNIT * (fabs(l->sm) + fabs(l->sp)) * far + TINY;
        low = l->sm + apart * low;
        top = l->sm + apart * top;
        low_at = apart * low_at;
        top_at = apart * top_at;
        v8 up = one_of(open, convex ? low : top, slope);
        v8 down = one_of(open, convex ? top : low, slope);
        v8 up_at = (convex ? low_at : top_at) - slack, down_at = (convex ? top_at : low_at) + slack;
        *(v8 *)(w->per_width + i) = per;
        v8 gap = (down - up) * (0.5 * dl + 0.5 * dh) + (down_at - up_at);
        *(v8 *)(w->lost + i) = (v8)((bits8)gap & open);
        if (t->climbs)
            memcpy(w->part + (size_t)i * (size_t)t->d, w->part + (size_t)(i + shift) * (size_t)t->d,
                   sizeof(double) * 8 * (size_t)t->d);
        *(v8 *)(w->up + i) = up;
        *(v8 *)(w->down + i) = down;
        /* The offsets of unstable units differ by at least the slack; `descend_block` needs
         * that. */
        *(v8 *)(w->up_at + i) = up_at = (v8)((bits8)up_at & open);
        *(v8 *)(w->down_at + i) = down_at = (v8)((bits8)down_at & open);
        *(v8 *)(w->free_ + i) = *(const v8 *)(lines + i); /* none of these lines turns */
        *(v8 *)(w->due + i) =
            *(const v8 *)(w->rho + i) +
            t->gamma * (l->smax * size8(*(const v8 *)(w->bias + i)) +
                        larger8(size8(up_at), size8(down_at)));
    }
}

/* Charge the losses of a level of differences to the counterparts' units: if these were stable,
 * most of the loss would vanish. */
static void blame_apart(const tape *t, scratch *w, const level *l)
{
    int shift = t->lv[l->first].at - l->at;
    for (int i = l->at, end = l->at + padded(l->n); i < end; i += 8)
        *(v8 *)(w->gap + i + shift) += *(const v8 *)(w->lost + i) *
                                       size8(*(const v8 *)(w->best_ga + i));
}
