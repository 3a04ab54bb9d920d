//! Rows of the table of hard points, through recognition, differentiation and simplification.

use super::fixtures::{joint, Build};
use super::{recognise, simplify};
use crate::ir::ops::Ex;
use crate::ir::{interp, Math, Op};

/// Value and gradient at a point.
fn at(build: impl for<'g> Fn(&'g Build, Ex<'g>, Ex<'g>) -> Ex<'g>, x: f64, y: f64, math: Math) -> [f64; 3] {
    let b = Build::new(math);
    let (ex, ey) = (b.input("x", &[]), b.input("y", &[]));
    let root = build(&b, ex, ey).id;
    let (graph, root) = b.done(root);
    let (g, r) = recognise(&graph, &[root]);
    let (g, roots) = joint(&g, r[0]);
    let (g, roots, _) = simplify(&g, &roots);
    let inputs = [x, y].map(|v| vec![interp::Dual::constant(v)]).to_vec();
    let at = interp::Point { inputs, syms: vec![], functions: vec![] };
    let all = interp::evaluate(&g, &roots, &at);
    let mut out = roots.iter().map(|r| interp::over(&g, &all, &at, *r, &[])[0].value);
    [(); 3].map(|()| out.next().unwrap_or(f64::NAN))
}

fn check(name: &str, got: [f64; 3], want: [f64; 3]) {
    let close = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-14 * b.abs();
    assert!(got.iter().zip(&want).all(|(a, b)| close(*a, *b)), "{name}: {got:?}, not {want:?}");
}

#[test]
fn hard_points_keep_their_values() {
    use Math::{Real, Strict};
    let inf = f64::INFINITY;
    let nan = f64::NAN;
    let (sigmoid, softplus) = (|x: f64| 1.0 / (1.0 + (-x).exp()), |x: f64| x.exp().ln_1p());
    check("sigmoid(-1000)", at(|_, x, _| 1.0 / (1.0 + (-x).exp()), -1000.0, 0.0, Real), [0.0, 0.0, 0.0]);
    check("softplus(1000)", at(|_, x, _| (1.0 + x.exp()).ln(), 1000.0, 0.0, Real), [1000.0, 1.0, 0.0]);
    check(
        "softplus(-40)",
        at(|_, x, _| (1.0 + x.exp()).ln(), -40.0, 0.0, Real),
        [softplus(-40.0), sigmoid(-40.0), 0.0],
    );
    check("softplus(1000)", at(|_, x, _| (1.0 + x.exp()).ln(), 1000.0, 0.0, Strict), [inf, nan, 0.0]);
    check("ln sigmoid", at(|b, x, _| b.un(Op::Sigmoid, x).ln(), -1000.0, 0.0, Real), [-1000.0, 1.0, 0.0]);
    check("ln exp", at(|_, x, _| x.exp().ln(), 1000.0, 0.0, Real), [1000.0, 1.0, 0.0]);
    check("sqrt(x*x) at 0", at(|_, x, _| (x * x).sqrt(), 0.0, 0.0, Real), [0.0, 0.0, 0.0]);
    check("sqrt(x*x) at -2", at(|_, x, _| (x * x).sqrt(), -2.0, 0.0, Real), [2.0, -1.0, 0.0]);
    check("hypot(0, 0)", at(|_, x, y| (x * x + y * y).sqrt(), 0.0, 0.0, Real), [0.0, 0.0, 0.0]);
    check("a/b", at(|_, x, y| x / y, 1e-200, 1e-200, Real), [1.0, 1e200, -1e200]);
    check("1/0", at(|_, x, y| x / y, 1.0, 0.0, Real), [inf, inf, -inf]);
    check("x ln x", at(|_, x, _| x * x.ln(), 0.0, 0.0, Real), [0.0, -inf, 0.0]);
    check("relus", at(|b, x, _| b.relu(x) - b.relu(-x), 0.0, 0.0, Real), [0.0, 1.0, 0.0]);
    check("relus", at(|b, x, _| b.relu(x) - b.relu(-x), 0.0, 0.0, Strict), [0.0, 0.0, 0.0]);
    check("0 * exp", at(|_, x, y| x.exp() * 0.0 + y, 1000.0, 1.0, Strict), [nan, nan, 1.0]);
}

#[test]
fn the_norm_is_smooth_enough_at_the_origin() {
    for squared in [false, true] {
        let b = Build::new(Math::Real);
        let k = b.axis(2);
        let x = b.input("x", &[k]);
        let norm = b.sum(&[k], x * x).sqrt();
        let root = if squared { norm * norm } else { norm }.id;
        let (graph, root) = b.done(root);
        let (g, r) = recognise(&graph, &[root]);
        let (g, roots) = joint(&g, r[0]);
        let (g, roots, _) = simplify(&g, &roots);
        let zero = interp::Dual::constant(0.0);
        let at = interp::Point { inputs: vec![vec![zero, zero]], syms: vec![], functions: vec![] };
        let all = interp::evaluate(&g, &roots, &at);
        for (root, axes) in roots.iter().zip([vec![], vec![k]]) {
            assert!(interp::over(&g, &all, &at, *root, &axes).iter().all(|d| d.value == 0.0), "{squared}");
        }
    }
}
