/* Better bounds of units that seem stable, but are not proved to be.
 *
 * The bound of the difference between a copy and a network depends on the unstable units. A unit
 * that is unstable only because of loose bounds costs as much as one with a kink in the box. So
 * units that sample points show on one side, and whose bounds nearly prove it, are bounded once
 * more from that side, by ascent. */

#define CORNERS 8   /* sample points */
#define NEARLY 0.15 /* missing part, as a share of the width, that ascent can gain */

/* Sample the sums of units at some corners of a box: w->least, w->most. */
static void sample(const tape *t, scratch *w, const double *xl, const double *xu)
{
    int end = t->lv[t->sampled].at + padded(t->lv[t->sampled].n);
    for (int i = 0; i < CORNERS; i++) {
        for (int q = 0; q < t->d; q++) {
            int odd = 0;
            for (int both = i & (q + 1); both; both &= both - 1) odd = !odd;
            w->xs[q] = odd ? xu[q] : xl[q];
        }
        forward(t, w, w->xs, t->sampled);
        for (int n = 0; n < end; n += 8) {
            v8 z = *(const v8 *)(w->z + n);
            v8 least = *(const v8 *)(w->least + n), most = *(const v8 *)(w->most + n);
            *(v8 *)(w->least + n) = i ? smaller8(least, z) : z;
            *(v8 *)(w->most + n) = i ? larger8(most, z) : z;
        }
    }
}

/* The side that a unit seems to be on, nearly proved; or 0. */
static int seems(const scratch *w, int i)
{
    double missing = NEARLY * (w->hi[i] - w->lo[i]);
    if (w->least[i] >= 0 && -w->lo[i] < missing) return 1;
    return w->most[i] <= 0 && w->hi[i] < missing ? -1 : 0;
}

/* Sharpen the unstable units of level k, which are the last ones in the list. */
static void sharpen(const tape *t, scratch *w, int k, const double *xl, const double *xu,
                    int8_t *st)
{
    double offset;
    int count = w->nund, kept = count;
    while (kept > 0 && w->und_level[kept - 1] == k) kept--;
    w->nund = kept; /* the lines of this level are not drawn yet */
    for (int n = kept; n < count; n++) {
        int i = w->und_at[n], u = w->und_unit[n], s = w->und_state[n], sign = seems(w, i);
        if (sign) {
            double bound = climb(t, w, k, u, sign, xl, xu, 0.0, t->climbs, w->xbest, &offset);
            if (sign > 0 && bound > w->lo[i]) w->lo[i] = bound; /* false for NaN */
            if (sign < 0 && bound > -w->hi[i]) w->hi[i] = -bound;
            if (bound >= 0) {
                st[s] = (int8_t)sign;
                continue;
            }
        }
        w->und_level[kept] = k;
        w->und_unit[kept] = u;
        w->und_at[kept] = i;
        w->und_state[kept++] = s;
    }
    reset_lines(t, w);
    w->nund = kept;
}
