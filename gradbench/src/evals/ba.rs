//! `ba`: one camera, point, weight and feature, to be repeated.

use super::run::{read, require, run, run_into};
use super::Outcome;
use crate::ba::{self, Observation};
use chainrule::sparse::Csr;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Input {
    n: usize,
    m: usize,
    p: usize,
    cam: [f64; 11],
    x: [f64; 3],
    w: f64,
    feat: [f64; 2],
}

/// Cameras, points, and which camera sees which point.
#[derive(Clone, Debug)]
pub struct Arguments {
    pub cameras: Vec<[f64; 11]>,
    pub points: Vec<[f64; 3]>,
    pub weights: Vec<f64>,
    pub observations: Vec<Observation>,
}

/// More than the largest of the data sets has, and few enough to fit into memory.
pub const MOST: usize = 10_000_000;

fn arguments(input: &RawValue) -> Result<Arguments, String> {
    let Input { n, m, p, cam, x, w, feat } = read(input)?;
    for (name, count) in [("n", n), ("m", m), ("p", p)] {
        require((1..=MOST).contains(&count), || format!("`{name}` is {count}, not from 1 to {MOST}"))?;
    }
    Ok(Arguments {
        cameras: vec![cam; n],
        points: vec![x; m],
        weights: vec![w; p],
        observations: (0..p).map(|i| Observation { camera: i % n, point: i % m, feature: feat }).collect(),
    })
}

#[derive(Serialize)]
struct Errors {
    reproj_error: Reprojection,
    w_err: Weight,
}

#[derive(Serialize)]
struct Reprojection {
    elements: [f64; 2],
    repeated: usize,
}

#[derive(Serialize)]
struct Weight {
    element: f64,
    repeated: usize,
}

pub fn objective(input: &RawValue) -> Outcome {
    let objective = |a: &Arguments| ba::errors(&a.cameras, &a.points, &a.weights, &a.observations);
    run(input, arguments(input)?, objective, |(reprojection, weight)| Errors {
        reproj_error: Reprojection { elements: reprojection[0], repeated: reprojection.len() },
        w_err: Weight { element: weight[0], repeated: weight.len() },
    })
}

pub fn jacobian(input: &RawValue) -> Outcome {
    let function = |a: &Arguments, to: &mut Csr| {
        ba::jacobian(&a.cameras, &a.points, &a.weights, &a.observations, to);
    };
    run_into(
        input,
        arguments(input)?,
        Csr::new(0),
        function,
        |to| json!({"rows": ends(&to.rows), "cols": ends(&to.columns), "vals": ends(&to.values)}),
    )
}

/// The first 30 elements, and the last one.
fn ends<T: Copy>(list: &[T]) -> Vec<T> {
    list.iter().take(30).chain(list.last()).copied().collect()
}
