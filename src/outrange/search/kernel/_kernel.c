/* The box kernel: bounds, splits and closes boxes of a piecewise-linear network, one box at a
 * time in cache, many boxes in threads.
 *
 * A network is a tape of levels. Level 0 is the input; level k holds n units
 *     z = sum over sources s of  M_s h_s + bias,     h = z            (a linear level)
 *                                                    h = sm*z (z<0), sp*z (z>=0)   otherwise.
 * The last level is linear and holds the objectives, each to be minimized. A level may also hold
 * the differences of units from those of another level: see `_apart.h`.
 *
 * Rounding. Let |h| <= H on the root box and Z = sum |M| H + |bias| for a unit. Substituting one
 * level turns a coefficient a of h into p = fl(a*slope), adds p*bias (and a*intercept) to the
 * constant and p*M to the level below. The errors of the product and of the dot products are at
 * most |a| smax gamma_{n+4} Z =: |a| rho, in any order of summation, with or without FMA. rho is
 * part of the tape, and includes any error of the unit's own definition. Both are shares of |p|,
 * so |p| rho is charged where p is computed (`meet`). The additions to the constant are covered
 * by gamma_N times the sum of the absolute values added. Slopes and intercepts of relaxations
 * are valid as floats: any chord slope is, with the intercept computed for it.
 *
 * Neither the order of a sum nor the fused operations depend on the width of a register. So
 * libraries that Clang compiled with -ffp-contract=on and without -fassociative-math (those of
 * wheels) give the same bits with AVX2 and AVX-512.
 *
 * Reference: Zhang et al., CROWN (2018); Neumaier and Shcherbina, safe bounds (2004).
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "_api.h"
#include "_system.h"

/* Compiled once for every level of processors that one library serves: `_levels.c` selects one. */
#ifndef LEVEL
#define LEVEL native
#endif
#define JOIN(a, b) a##_##b
#define NAMED(a, b) JOIN(a, b)
#define OF_LEVEL(name) NAMED(name, LEVEL)

#define UNIT 1.1102230246251565e-16
#define TINY 1e-280 /* covers every underflow: at most 2^-1075 each, times sizes below 1e30 */

#include "_tape.h"
#include "_scratch.h"
#include "_rows.h"
#include "_reach.h"
#include "_block.h"
#include "_apart.h"
#include "_forward.h"
#include "_climb.h"
#include "_sharpen.h"
#include "_units.h"
#include "_objective.h"
#include "_simplex.h"
#include "_forms.h"
#include "_signed.h"
#include "_leaf.h"
#include "_visit.h"
#include "_explore.h"
#include "_replay.h"
#include "_eight.h"
#include "_cases.h"
#include "_prover.h"
#include "_turn.h"
#include "_prove.h"
