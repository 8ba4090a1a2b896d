/* Slope ascent of goals on one box, eight side by side: lines that may turn, in 255 steps. */

#define ASCENT 12 /* steps of a slope ascent, at most */
/* Times what was gained up to now may still be gained: checkers spend more on another box. */
#define HOPE 2
#define FORMS 4 /* units of a block whose sums are computed at once */

typedef int32_t whole8 __attribute__((vector_size(32), aligned(8)));

/* The whole number next to what is not negative. */
static inline v8 nearest(v8 x)
{
    return __builtin_convertvector(__builtin_convertvector(x + 0.5, whole8), v8);
}

/* The sums of up to FORMS units from j on, of one block. */
static inline void sums_at(const replay *r, int j, int count, const v8 *value, v8 *sum)
{
    const double *form[FORMS];
    for (int k = 0; k < FORMS; k++) {
        form[k] = r->form + (size_t)(j + (k < count ? k : 0)) * (size_t)r->most;
        sum[k] = (v8){0};
    }
    for (int c = 0; c < r->start[j]; c++)
        UNROLL for (int k = 0; k < FORMS; k++) sum[k] += value[c] * form[k][c];
}

/* One step of every line that a goal's bound went through. a->least: the minimisers' forms. */
static void turn_once(const exact_net *t, const replay *r, ascent *a, const double *lo,
                      const double *hi, double step)
{
    int d = t->d;
    a->value[0] = (v8){0} + 1.0;
    for (int q = 0; q < d; q++)
        a->value[1 + q] = one_of((bits8)(a->least[1 + q] >= 0.0), (v8){0} + lo[q], (v8){0} + hi[q]);
    for (int j = 0, count; j < r->K; j += count) {
        v8 sum[FORMS];
        for (count = 1; count < FORMS && j + count < r->K; count++)
            if (r->start[j + count] != r->start[j]) break;
        sums_at(r, j, count, a->value, sum);
        for (int k = 0; k < count; k++) {
            int i = j + k, convex = r->slope_at[i][1] >= r->slope_at[i][0];
            two_lines n = r->line[i];
            v8 z = sum[k], old = a->share[i], turned = a->turned[i] * z;
            bits8 up = (bits8)(a->met[i] >= 0.0);
            a->value[1 + d + i] = convex ? one_of(up, turned, n.hs * z + n.ht)
                                         : one_of(up, n.ls * z + n.lt, turned);
            v8 share = old + (convex ? step : -step) / (r->hi[i] - r->lo[i]) * z;
            share = larger8(share, (v8){0});
            share = one_of((bits8)(share > 255.0), (v8){0} + 255.0, share);
            a->share[i] = one_of(convex ? (bits8)(a->met[i] > 0.0) : (bits8)(a->met[i] < 0.0),
                                 share, old);
        }
    }
}

/* Turn the lines of goals up their bounds, each for as long as HOPE times what was gained up to now
 * would reach its target. Returns those that do, whose shares are in a->found (a goal every V).
 *
 * Args:
 *     a: rows, met and least of the bounds `first`.
 *     wanted: Which goals.
 */
static int ascend(const exact_net *t, const replay *r, ascent *a, int wanted, v8 target, v8 first,
                  const double *lo, const double *hi)
{
    size_t V = (size_t)t->vars;
    v8 best = first;
    int found = 0;
    double step = 2.0 * 255;
    for (int j = 0; j < r->K; j++) {
        int above = TURN * r->hi[j] > -r->lo[j];
        a->share[j] = (v8){0} + (above ? 255.0 : 0.0);
        a->turned[j] = (v8){0} + r->slope_at[j][above];
    }
    for (int it = 0; it < ASCENT && wanted; it++, step *= 0.8) {
        turn_once(t, r, a, lo, hi, step);
        for (int j = 0; j < r->K; j++) {
            const double *s = r->slope_at[j];
            a->turned[j] = s[0] + (s[1] - s[0]) / 255 * nearest(a->share[j]);
        }
        memcpy(a->least, a->row, sizeof(v8) * (size_t)padded(r->width));
        v8 bound = least_eight(t, r, a->least, r->K, a->turned, lo, hi, a->met);
        best = larger8(best, bound);
        v8 hope = best + HOPE * (best - first);
        for (int k = 0; k < ROWS; k++) {
            if (!(wanted >> k & 1)) continue;
            if (bound[k] >= target[k]) {
                for (int j = 0; j < r->K; j++)
                    a->found[(size_t)k * V + (size_t)j] = (uint8_t)(a->share[j][k] + 0.5);
                found |= 1 << k;
                wanted &= ~(1 << k);
            } else if (hope[k] < target[k]) wanted &= ~(1 << k);
        }
    }
    return found;
}
