//! Rules of the user's that are missing, or that are no rules.
use chainrule::differentiable;

// no rule for the second derivative
#[differentiable(custom = cube_rule)]
fn cube(x: f64) -> f64 { x * x * x }
fn cube_rule(x: f64) -> f64 { 3.0 * x * x }

#[differentiable(hvp)]
fn twice(x: f64) -> f64 { cube(x).sin() }

#[differentiable]
fn nested(x: f64) -> f64 { cube::gradient(x) * x }

#[differentiable(custom(vjp = turn_vjp))]
fn turn(x: [f64; 2]) -> [f64; 2] { [x[1], -x[0]] }
fn turn_vjp(_: [f64; 2], g: [f64; 2]) -> [f64; 2] { [-g[1], g[0]] }

#[differentiable(jvp)]
fn forward(x: f64) -> f64 { turn([x, 2.0 * x])[0] }

#[differentiable(custom(jvp = turn_vjp))]
fn turn_forward(x: [f64; 2]) -> [f64; 2] { [x[1], -x[0]] }

#[differentiable]
fn reverse(x: f64) -> f64 { turn_forward([x, 2.0 * x])[0] }

#[differentiable(custom = turn_vjp)]
fn gradient_of_array(x: [f64; 2]) -> [f64; 2] { x }

#[differentiable(custom = list_rule)]
fn list(x: &[f64]) -> Vec<f64> { x.to_vec() }

#[differentiable(custom = scaled_rule, wrt(x))]
fn scaled(x: f64, s: f64) -> f64 { x * s }
fn scaled_rule(_: f64, s: f64) -> f64 { s }

#[differentiable]
fn moves(x: f64, y: f64) -> f64 { scaled(x, y) }

#[differentiable(custom = 3)]
fn number(x: f64) -> f64 { x }

#[differentiable(custom(gradient = cube_rule))]
fn unknown(x: f64) -> f64 { x }

fn main() {}
