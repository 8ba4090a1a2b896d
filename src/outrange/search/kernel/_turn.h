/* Slope ascent of goals on one box, eight side by side: lines that may turn, in 255 steps. */

#define ASCENT 12 /* maximum number of steps of a slope ascent */
/* Expected further gain, as a multiple of the gain so far; checkers spend more on another box. */
#define HOPE 2
#define FORMS 4 /* units of a block whose sums are computed at once */

typedef int32_t whole __attribute__((vector_size(4 * LANES)));

/* Round a non-negative number to the nearest integer. */
static inline part nearest(part x)
{
    return __builtin_convertvector(__builtin_convertvector(x + 0.5, whole), part);
}

/* Compute the sums of up to FORMS units of one block, from j on. */
static inline void sums_at(const replay *r, int j, int count, const v8 *value, v8 *out)
{
    const double *form[FORMS];
    for (int k = 0; k < FORMS; k++)
        form[k] = r->form + (size_t)(j + (k < count ? k : 0)) * (size_t)r->most;
    for (int h = 0; h < ROWS; h += LANES) {
        const double *at = (const double *)value + h;
        part sum[FORMS] = {{0}};
        for (int c = 0; c < r->start[j]; c++) {
            part x = *(const part *)(at + ROWS * c);
            UNROLL for (int k = 0; k < FORMS; k++) sum[k] += x * form[k][c];
        }
        UNROLL for (int k = 0; k < FORMS; k++) *(part *)((double *)(out + k) + h) = sum[k];
    }
}

/* Step the line of unit j for every goal whose bound uses it, and compute its value. */
static inline void turn_unit(const replay *r, ascent *a, int d, int j, const v8 *sum, double step)
{
    const double *s = r->slope_at[j];
    int convex = s[1] >= s[0];
    two_lines n = r->line[j];
    step = (convex ? step : -step) / (r->hi[j] - r->lo[j]);
    for (int h = 0; h < ROWS; h += LANES) {
        part z = part_at(sum, 0, h), met = part_at(a->met, j, h), old = part_at(a->share, j, h);
        part turned = part_at(a->turned, j, h) * z;
        part_bits up = (part_bits)(met >= 0.0);
        set_part(a->value, 1 + d + j, h, convex ? pick(up, turned, n.hs * z + n.ht)
                                                : pick(up, n.ls * z + n.lt, turned));
        part share = larger_of(old + step * z, all_of(0));
        share = pick((part_bits)(share > 255.0), all_of(255), share);
        share = pick((part_bits)(convex ? met > 0.0 : met < 0.0), share, old);
        set_part(a->share, j, h, share);
        set_part(a->turned, j, h, s[0] + (s[1] - s[0]) / 255 * nearest(share));
    }
}

/* Take one step of every line that a goal's bound uses. a->least: the minimizers' forms. */
static void turn_once(const exact_net *t, const replay *r, ascent *a, const double *lo,
                      const double *hi, double step)
{
    for (int h = 0; h < ROWS; h += LANES) {
        set_part(a->value, 0, h, all_of(1));
        for (int q = 0; q < t->d; q++) {
            part_bits low = (part_bits)(part_at(a->least, 1 + q, h) >= 0.0);
            set_part(a->value, 1 + q, h, pick(low, all_of(lo[q]), all_of(hi[q])));
        }
    }
    for (int j = 0, count; j < r->K; j += count) {
        v8 sum[FORMS];
        for (count = 1; count < FORMS && j + count < r->K; count++)
            if (r->start[j + count] != r->start[j]) break;
        sums_at(r, j, count, a->value, sum);
        for (int k = 0; k < count; k++) turn_unit(r, a, t->d, j + k, sum + k, step);
    }
}

/* Optimize the lines of goals, each as long as HOPE times the gain so far would reach its target.
 * Returns the goals that reach it; their shares are in a->found (one goal every V).
 *
 * Args:
 *     a: `row`, `met` and `least` (the minimizers' forms) of the bounds `first`.
 *     wanted: Mask of the goals.
 *     all: Whether to stop once one of them has no hope, since all are needed; those found by then
 *         are still returned.
 */
static int ascend(const exact_net *t, const replay *r, ascent *a, int wanted, int all,
                  const double *target, const double *first, const double *lo, const double *hi)
{
    size_t V = (size_t)t->vars;
    double best[ROWS];
    int found = 0, lost = 0;
    memcpy(best, first, sizeof best);
    double step = 2.0 * 255;
    for (int j = 0; j < r->K; j++) {
        int above = TURN * r->hi[j] > -r->lo[j];
        a->share[j] = (v8){0} + (above ? 255.0 : 0.0);
        a->turned[j] = (v8){0} + r->slope_at[j][above];
    }
    for (int it = 0; it < ASCENT && wanted; it++, step *= 0.8) {
        turn_once(t, r, a, lo, hi, step);
        memcpy(a->least, a->row, sizeof(v8) * (size_t)padded(r->width));
        v8 bound = least_eight(t, r, a->least, r->K, a->turned, lo, hi, a->met);
        for (int k = 0; k < ROWS; k++) {
            if (!(wanted >> k & 1)) continue;
            best[k] = larger(best[k], bound[k]);
            if (bound[k] >= target[k]) {
                for (int j = 0; j < r->K; j++)
                    a->found[(size_t)k * V + (size_t)j] = (uint8_t)(a->share[j][k] + 0.5);
                found |= 1 << k;
                wanted &= ~(1 << k);
            } else if (best[k] + HOPE * (best[k] - first[k]) < target[k]) {
                wanted &= ~(1 << k);
                lost = 1;
            }
        }
        if (lost && all) break;
    }
    return found;
}
