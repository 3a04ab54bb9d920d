//! Vectors whose length the generated code cannot know.
use chainrule::differentiable;

#[differentiable]
fn f(x: &[f64]) -> f64 {
    let mut y = Vec::new();
    for v in x {
        if *v > 0.0 {
            y.push(v * v);
        }
    }
    y.iter().sum()
}

#[differentiable]
fn g(x: &[f64]) -> f64 {
    let mut y = vec![x[0]];
    for i in 0..x.len() {
        for j in 0..x.len() {
            y.push(x[i] * x[j]);
        }
    }
    y.iter().sum()
}

#[differentiable]
fn h(x: &[f64]) -> f64 {
    let mut y = x.to_vec();
    y.pop();
    y.iter().sum()
}

fn main() {}
