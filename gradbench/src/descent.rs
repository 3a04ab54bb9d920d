//! The descent that GradBench prescribes for `particle` and `saddle`.

use chainrule::differentiable;

/// The mode in which a derivative is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Forward,
    Reverse,
}

/// Where `f` is least, sought from `start` down its gradient.
#[differentiable]
pub fn argmin<const N: usize>(
    f: impl Fn(&[f64; N]) -> f64,
    gradient: impl Fn(&[f64; N]) -> [f64; N],
    start: [f64; N],
) -> [f64; N] {
    let mut x = start;
    let mut value = f(&x);
    let mut slope = gradient(&x);
    let mut rate = 1e-5;
    let mut successes = 0;
    while norm(&slope) > 1e-5 {
        if successes == 10 {
            rate *= 2.0;
            successes = 0;
            continue;
        }
        let mut step = [0.0; N];
        let mut next = x;
        for i in 0..N {
            step[i] = rate * slope[i];
            next[i] -= step[i];
        }
        if norm(&step) <= 1e-5 {
            break;
        }
        let lower = f(&next);
        if lower < value {
            x = next;
            value = lower;
            slope = gradient(&x);
            successes += 1;
        } else {
            rate *= 0.5;
            successes = 0;
        }
    }
    x
}

#[differentiable]
fn norm<const N: usize>(x: &[f64; N]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}
