//! `kmeans`: points and centroids of one dimension.

use super::run::{matrix, read, require, rows_of, run, run_into};
use super::Outcome;
use crate::kmeans;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Input {
    points: Vec<Vec<f64>>,
    centroids: Vec<Vec<f64>>,
}

/// Points and centroids, rows of `d`.
#[derive(Clone, Debug)]
pub struct Arguments {
    pub points: Vec<f64>,
    pub centroids: Vec<f64>,
    pub d: usize,
}

fn arguments(input: &RawValue) -> Result<Arguments, String> {
    let Input { points, centroids } = read(input)?;
    let d = points.first().ok_or("`points` is empty")?.len();
    require(d >= 1, || "the points have no coordinates".into())?;
    require(!centroids.is_empty(), || "`centroids` is empty".into())?;
    let (n, k) = (points.len(), centroids.len());
    Ok(Arguments {
        points: matrix("points", points, n, d)?,
        centroids: matrix("centroids", centroids, k, d)?,
        d,
    })
}

pub fn cost(input: &RawValue) -> Outcome {
    run(input, arguments(input)?, |a| kmeans::cost(&a.centroids, &a.points, a.d), |value| value)
}

/// What Newton's method would subtract, and the memory that it is computed in.
#[derive(Clone, Debug, Default)]
pub struct Direction {
    pub direction: Vec<f64>,
    ones: Vec<f64>,
    diagonal: Vec<f64>,
    workspace: kmeans::cost::Workspace,
}

impl Direction {
    /// The gradient divided by the Hessian, which is diagonal: its product with ones is its diagonal.
    pub fn fill(&mut self, a: &Arguments) {
        let Direction { direction, ones, diagonal, workspace } = self;
        ones.resize(a.centroids.len(), 1.0);
        kmeans::cost::hvp_into(&a.centroids, &a.points, a.d, ones, direction, diagonal, workspace);
        direction.iter_mut().zip(diagonal).for_each(|(g, h)| *g /= *h);
    }
}

pub fn dir(input: &RawValue) -> Outcome {
    let a = arguments(input)?;
    let (k, d) = (a.centroids.len() / a.d, a.d);
    let function = |a: &Arguments, to: &mut Direction| to.fill(a);
    run_into(input, a, Direction::default(), function, |to| json!(rows_of(&to.direction, k, d)))
}
