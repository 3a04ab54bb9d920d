//! Inactive calls that change variables, where nothing says when they run.
use chainrule::differentiable;

fn next(seed: &mut u64) -> f64 {
    *seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1);
    (*seed >> 40) as f64
}

#[differentiable]
fn noise(x: &[f64], start: u64) -> f64 {
    let mut seed = start;
    next(&mut seed) * x[0] + next(&mut seed) * x[1]
}

fn main() {}
