//! The chain rule, as a compiler applies it: y = g(h) with h = f(a, b).
//!
//! ```text
//! cargo run --example chain_rule
//! ```
//!
//! By the chain rule ∂y/∂a = g′(h) · ∂h/∂a and ∂y/∂b = g′(h) · ∂h/∂b. The factor g′(h) is in both. Written out for each
//! argument it would be computed twice; back-propagation computes it once and hands it on.

use chainrule::differentiable;

/// h = f(a, b)
#[differentiable]
pub fn f(a: f64, b: f64) -> f64 {
    a * b + a.sin()
}

/// y = g(h)
#[differentiable]
pub fn g(h: f64) -> f64 {
    h.tanh() * h
}

/// y = g(f(a, b)). Both functions are inlined, so that the three of them are differentiated as one.
#[differentiable]
pub fn y(a: f64, b: f64) -> f64 {
    g(f(a, b))
}

/// Returns the gradient of `y` by the generated code, and by hand from the gradients of the parts.
pub fn run(a: f64, b: f64) -> [(f64, f64); 2] {
    let generated = y::gradient(a, b);

    // The same by hand: the derivative of the outer function at h, times the partials of the inner one.
    let outer = g::gradient(f(a, b));
    let inner = f::gradient(a, b);
    [(generated.a, generated.b), (outer * inner.a, outer * inner.b)]
}

/// How often the generated code of `y` calls a function of the mathematics module.
pub fn calls(function: &str) -> usize {
    y::SOURCE.matches(&format!("math::{function}(")).count()
}

fn main() {
    println!("{}", y::SOURCE);

    let (a, b) = (0.5, 2.0);
    let [generated, by_hand] = run(a, b);
    println!("y({a}, {b})       = {}", y(a, b));
    println!("gradient        = {generated:?}");
    println!("g'(h) · ∇f      = {by_hand:?}");

    // tanh(h) serves the value and, as 1 - tanh²(h), both partials. Yet it stands in the code once.
    println!("calls of tanh   = {}", calls("tanh"));
}
