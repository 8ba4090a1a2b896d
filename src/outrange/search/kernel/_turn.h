/* Slope ascent of one goal on one box: lines that may turn, in 255 steps. */

#define ASCENT 12 /* steps of a slope ascent, at most */
/* Times what was gained up to now may still be gained: checkers spend more on another box. */
#define HOPE 2

/* The line of a unit that may turn, `share` of 255 from `below` to `above`. */
static two_lines turn_line(const replay *r, int j, int share)
{
    const double *s = r->slope_at[j];
    double slope = s[0] + (s[1] - s[0]) * share / 255;
    two_lines n = r->line[j];
    if (s[1] >= s[0]) n.ls = slope;
    else n.hs = slope;
    return n;
}

/* Turn the lines of one objective up its bound, for as long as HOPE times what was gained up to now
 * would reach the target. 1 if it does: then p->share has the lines. */
static int ascend(prover *p, const double *row, double target, double first, const double *begin)
{
    const exact_net *t = &p->net;
    const replay *r = p->r;
    int d = t->d, at = p->depth - 1;
    const double *lo = p->lo + (size_t)at * (size_t)d, *hi = p->hi + (size_t)at * (size_t)d;
    double best = first, *share = p->turn, *met = p->turn_met, *a = p->a;
    for (int j = 0; j < r->K; j++) {
        share[j] = TURN * r->hi[j] > -r->lo[j] ? 255 : 0;
        p->turned[j] = r->line[j];
        met[j] = begin[j];
    }
    memcpy(a, row, sizeof(double) * (size_t)r->width);
    least_row(t, r, a, r->width, r->line, NULL, lo, hi, met);
    for (int it = 0; it < ASCENT; it++) {
        /* values at the minimiser, whose form is in p->a, through the lines that were met */
        double *v = p->c, step = 2.0 * pow(0.8, it) * 255;
        v[0] = 1;
        for (int q = 0; q < d; q++) v[1 + q] = p->a[1 + q] >= 0 ? lo[q] : hi[q];
        for (int j = 0; j < r->K; j++) {
            const double *form = r->form + (size_t)j * (size_t)r->most;
            v8 sums = {0}; /* what is beyond the form is times 0 */
            for (int i = 0; i < r->start[j]; i += 8)
                sums += *(const v8 *)(form + i) * *(const v8 *)(v + i);
            double z = 0;
            for (int i = 0; i < 8; i++) z += sums[i];
            two_lines n = p->turned[j];
            v[1 + d + j] = met[j] >= 0 ? n.ls * z + n.lt : n.hs * z + n.ht;
            int convex = r->slope_at[j][1] >= r->slope_at[j][0];
            if (convex ? met[j] > 0 : met[j] < 0) {
                share[j] += (convex ? step : -step) * z / (r->hi[j] - r->lo[j]);
                share[j] = fmin(fmax(share[j], 0), 255);
            }
        }
        for (int j = 0; j < r->K; j++)
            p->turned[j] = turn_line(r, j, p->share[j] = (uint8_t)(share[j] + 0.5));
        memcpy(p->a, row, sizeof(double) * (size_t)r->width);
        double bound = least_row(t, r, p->a, r->width, p->turned, NULL, lo, hi, met);
        if (bound >= target) return 1;
        best = fmax(best, bound);
        if (best + HOPE * (best - first) < target) return 0;
    }
    return 0;
}
