//! `step` against the gradient and then the optimiser, to the bit.

use super::panic;
use chainrule::nn::{cross_entropy, relu};
use chainrule::optim::{Adam, AdamW, Lion, Optimiser, RmsProp, Sgd};
use chainrule::{differentiable, Differentiable};
use ndarray::{array, Array1, Array2, ArrayView2, ShapeBuilder};

#[derive(Clone, Debug, PartialEq, Differentiable)]
pub struct Dense {
    w: Array2<f32>,
    b: Array1<f32>,
}

#[derive(Clone, Debug, PartialEq, Differentiable)]
pub struct Net {
    one: Dense,
    gain: f32,
    two: Dense,
    unread: [f32; 2],
}

#[differentiable(wrt(net), step)]
pub fn loss(net: &Net, x: ArrayView2<f32>, labels: &[usize]) -> f32 {
    let h = relu(x.dot(&net.one.w) + &net.one.b) * net.gain;
    cross_entropy(h.dot(&net.two.w) + &net.two.b, labels)
}

/// Weights that are read again after their gradient: tied, and in a list that a loop goes through.
#[derive(Clone, Debug, PartialEq, Differentiable)]
pub struct Tied {
    layers: Vec<Dense>,
    w: Array2<f32>,
}

#[differentiable(wrt(net), step)]
pub fn tied(net: &Tied, x: ArrayView2<f32>) -> f32 {
    let mut h = x.dot(&net.w);
    for layer in &net.layers {
        h = relu(h.dot(&layer.w) + &layer.b);
    }
    h.dot(&net.w.t()).mapv(|v| v * v).sum()
}

/// The same weights on the way in and out.
#[differentiable(wrt(layer), step)]
pub fn through(layer: &Dense, x: ArrayView2<f32>) -> f32 {
    let h = relu(x.dot(&layer.w) + &layer.b);
    (h.dot(&layer.w.t()) - &x).mapv(|v| v * v).sum()
}

#[differentiable(step)]
pub fn square(x: &[f64; 3]) -> f64 {
    x.iter().map(|v| v * v).sum()
}

fn ramp(rows: usize, columns: usize) -> Array2<f32> {
    Array2::from_shape_fn((rows, columns), |(i, j)| ((i * 7 + j * 3) % 11) as f32 / 11.0 - 0.4)
}

fn dense(from: usize, to: usize) -> Dense {
    Dense { w: ramp(from, to), b: Array1::zeros(to) }
}

fn net() -> Net {
    Net { one: dense(9, 17), gain: 1.1, two: dense(17, 3), unread: [1.0, 2.0] }
}

fn agrees(mut together: impl Optimiser<f32>, mut apart: impl Optimiser<f32>, net: Net) {
    let (x, labels) = (ramp(5, 9), [0, 2, 1, 1, 0]);
    let (mut a, mut b) = (net.clone(), net);
    let (mut g, mut workspace) = (a.zeros_like(), loss::Workspace::default());
    for _ in 0..5 {
        let value = loss::step(&mut a, x.view(), &labels, &mut together, &mut g, &mut workspace);
        let (expected, gradient) = loss::value_and_gradient(&b, x.view(), &labels);
        apart.step(&mut b, &gradient);
        assert_eq!((value, &g, &a), (expected, &gradient, &b));
    }
    assert_eq!(together.steps(), 5);
}

#[test]
fn a_step_is_the_gradient_and_then_the_optimiser() {
    let bias = |path: &str| path.ends_with(".b") || path == "gain";
    let both = |optimiser: fn() -> Adam<f32>| {
        agrees(optimiser().no_decay(bias), optimiser().no_decay(bias), net());
    };
    both(|| Adam::new(0.01).weight_decay(0.1));
    agrees(Sgd::new(0.1), Sgd::new(0.1), net());
    agrees(Sgd::new(0.1).momentum(0.9).nesterov(true), Sgd::new(0.1).momentum(0.9).nesterov(true), net());
    agrees(AdamW::new(0.01), AdamW::new(0.01), net());
    agrees(RmsProp::new(0.01).centered(true), RmsProp::new(0.01).centered(true), net());
    agrees(Lion::new(0.01), Lion::new(0.01), net());
}

#[test]
fn parameters_in_another_order_are_moved_as_well() {
    let mut other = net();
    other.one.w = Array2::from_shape_vec((9, 17).f(), other.one.w.t().iter().copied().collect()).unwrap();
    assert_eq!(other, net());
    agrees(Sgd::new(0.1), Sgd::new(0.1), other);
}

#[test]
fn tied_parameters_lists_and_arrays_are_moved_once() {
    let start = Tied { layers: vec![dense(4, 4), dense(4, 4)], w: ramp(6, 4) };
    let (mut a, mut b, x) = (start.clone(), start.clone(), ramp(3, 6));
    let (mut sgd, mut same) = (Sgd::new(0.01), Sgd::new(0.01));
    let (mut g, mut workspace) = (start.zeros_like(), tied::Workspace::default());
    for _ in 0..3 {
        tied::step(&mut a, x.view(), &mut sgd, &mut g, &mut workspace);
        let gradient = tied::gradient(&b, x.view());
        same.step(&mut b, &gradient);
        assert_eq!(a, b);
    }
    assert_ne!(a, start);
    let (mut a, mut b) = (dense(6, 4), dense(6, 4));
    let (mut g, mut workspace) = (a.zeros_like(), through::Workspace::default());
    for _ in 0..3 {
        through::step(&mut a, x.view(), &mut sgd, &mut g, &mut workspace);
        let gradient = through::gradient(&b, x.view());
        same.step(&mut b, &gradient);
        assert_eq!(a, b);
    }
    let (mut x, mut g) = ([1.0, 2.0, 3.0], [0.0; 3]);
    let value = square::step(&mut x, &mut Sgd::new(0.25), &mut g, &mut square::Workspace::default());
    assert_eq!((value, x, g), (14.0, [0.5, 1.0, 1.5], [2.0, 4.0, 6.0]));
}

#[test]
fn nothing_is_moved_where_shapes_do_not_fit() {
    let (mut a, mut g) = (net(), net());
    let said = panic(|| {
        let (x, mut sgd) = (array![[1.0, 2.0]], Sgd::new(0.1));
        loss::step(&mut a, x.view(), &[0], &mut sgd, &mut g, &mut loss::Workspace::default());
    });
    assert!(said.contains("`x` has shape [1, 2]"), "{said}");
    let mut adam = Adam::new(0.1);
    adam.step(&mut [1.0_f32; 2], &[0.0; 2]);
    let said = panic(|| {
        let x = ramp(1, 9);
        loss::step(&mut a, x.view(), &[0], &mut adam, &mut g, &mut loss::Workspace::default());
    });
    assert!(said.contains("has 227 parameters, but the steps before had 2"), "{said}");
    assert_eq!((a, g), (net(), net()));
}
