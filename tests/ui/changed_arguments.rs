//! Arguments behind `&mut`: of other types, under other names, in another shape.
use chainrule::{differentiable, Differentiable};

#[derive(Clone, Differentiable)]
struct Line {
    a: f64,
}

#[differentiable(vjp)]
fn structs(x: f64, line: &mut Line) {
    line.a = x;
}

#[differentiable(vjp)]
fn integers(x: &mut [f64], n: &mut usize) {
    x[0] = 1.0;
    *n += 1;
}

#[differentiable(vjp)]
fn renamed(x: f64, y: &mut [f64]) {
    let z = y;
    z[0] = x;
}

struct Held<'a>(&'a mut [f64]);

#[differentiable(vjp)]
fn held(x: f64, y: &mut [f64]) {
    let held = Held(y);
    held.0[0] = x;
}

#[differentiable(vjp)]
fn other<'a>(x: f64, mut y: &'a mut [f64; 2], z: &'a mut [f64; 2]) {
    y[0] = x;
    y = z;
    y[1] = x;
}

#[differentiable(vjp)]
fn longer(x: f64, y: &mut Vec<f64>) {
    y.push(x);
}

#[differentiable(math = "strict")]
fn nothing(x: f64, y: &mut f64) {
    *y = x;
}

#[differentiable]
fn helper(y: &mut [f64], x: f64) {
    let z = y;
    z[0] = x;
}

#[differentiable]
fn caller(x: f64) -> f64 {
    let mut y = [x, 2.0];
    helper(&mut y, x);
    y[0]
}

#[differentiable(vjp)]
fn negated(x: f64, y: &mut f64) {
    *y = -x;
}

#[differentiable]
fn inside(x: f64) -> f64 {
    negated::vjp(x, &x, 1.0).1.x
}

fn main() {}
