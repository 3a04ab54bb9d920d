//! `kmeans`: points and centroids of one dimension.

use super::run::{matrix, read, require, run};
use super::Outcome;
use crate::kmeans;
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Input {
    points: Vec<Vec<f64>>,
    centroids: Vec<Vec<f64>>,
}

struct Arguments {
    points: Vec<f64>,
    centroids: Vec<f64>,
    d: usize,
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
