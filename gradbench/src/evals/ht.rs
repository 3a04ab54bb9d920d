//! `ht`: a hand, measured points, and a pose.

use super::run::{length, matrix, read, require, run, run_into, within};
use super::Outcome;
use crate::ht::{by_us, complicated, simple, Hand, Matrix};
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Input {
    theta: [f64; 26],
    us: Vec<[f64; 2]>,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    correspondences: Vec<usize>,
    points: Vec<[f64; 3]>,
    model: Model,
}

#[derive(Deserialize)]
struct Model {
    bone_count: usize,
    parents: Vec<isize>,
    base_relatives: Vec<Matrix>,
    inverse_base_absolutes: Vec<Matrix>,
    base_positions: Vec<[f64; 4]>,
    weights: Vec<Vec<f64>>,
    triangles: Vec<[usize; 3]>,
    is_mirrored: bool,
}

impl Model {
    fn hand(self) -> Result<Hand, String> {
        let (bones, vertices) = (self.bone_count, self.base_positions.len());
        require(bones >= 21, || format!("{bones} bones are too few for five fingers"))?;
        length("parents", &self.parents, bones)?;
        length("base_relatives", &self.base_relatives, bones)?;
        length("inverse_base_absolutes", &self.inverse_base_absolutes, bones)?;
        for vertex in self.triangles.iter().flatten() {
            within("triangles", *vertex, vertices)?;
        }
        let parent = |(bone, parent): (usize, &isize)| match usize::try_from(*parent) {
            Ok(parent) if parent < bone => Ok(Some(parent)),
            Err(_) if *parent == -1 => Ok(None),
            _ => Err(format!("the parent of bone {bone} is {parent}, not one before it")),
        };
        Ok(Hand {
            parents: self.parents.iter().enumerate().map(parent).collect::<Result<_, _>>()?,
            base_relatives: self.base_relatives,
            inverse_base_absolutes: self.inverse_base_absolutes,
            base_positions: self.base_positions,
            weights: matrix("weights", self.weights, vertices, bones)?,
            triangles: self.triangles,
            is_mirrored: self.is_mirrored,
        })
    }
}

/// A pose of a hand and measured points. Without `us`, they correspond to vertices, else to triangles.
#[derive(Clone, Debug)]
pub struct Arguments {
    pub theta: [f64; 26],
    pub us: Vec<[f64; 2]>,
    pub hand: Hand,
    pub correspondences: Vec<usize>,
    pub points: Vec<[f64; 3]>,
}

fn arguments(input: &RawValue) -> Result<Arguments, String> {
    let Input { theta, us, data: Data { correspondences, points, model } } = read(input)?;
    let hand = model.hand()?;
    length("points", &points, correspondences.len())?;
    if !us.is_empty() {
        length("us", &us, correspondences.len())?;
    }
    let places = if us.is_empty() { hand.base_positions.len() } else { hand.triangles.len() };
    for place in &correspondences {
        within("correspondences", *place, places)?;
    }
    Ok(Arguments { theta, us, hand, correspondences, points })
}

/// The Jacobian of all errors, in two parts.
#[derive(Clone, Debug, Default)]
pub struct Jacobian {
    /// With respect to the two `us` of the error's own point; on those of other points it does not depend. None where
    /// there are no `us`.
    pub us: Vec<[[f64; 2]; 3]>,
    pub theta: Vec<[[f64; 26]; 3]>,
    simple: simple::Workspace,
    complicated: complicated::Workspace,
}

impl Jacobian {
    /// Computes it, into memory that is used again.
    pub fn fill(&mut self, a: &Arguments) {
        let Arguments { theta, us, hand, correspondences, points } = a;
        if us.is_empty() {
            self.us.clear();
            let (to, space) = (&mut self.theta, &mut self.simple);
            simple::value_and_jacobian_into(theta, hand, correspondences, points, to, space);
        } else {
            by_us(theta, us, hand, correspondences, points, &mut self.us);
            let (to, space) = (&mut self.theta, &mut self.complicated);
            complicated::value_and_jacobian_into(theta, us, hand, correspondences, points, to, space);
        }
    }

    /// One row for each error: `us`, if there are any, before `theta`.
    pub fn rows(&self) -> Vec<Vec<f64>> {
        let row = |i: usize, axis: usize| {
            let us = self.us.get(i).into_iter().flat_map(|by| by[axis]);
            us.chain(self.theta[i][axis]).collect()
        };
        (0..self.theta.len()).flat_map(|i| (0..3).map(move |axis| row(i, axis))).collect()
    }
}

pub fn jacobian(input: &RawValue) -> Outcome {
    let function = |a: &Arguments, to: &mut Jacobian| to.fill(a);
    run_into(input, arguments(input)?, Jacobian::default(), function, |jacobian| jacobian.rows())
}

pub fn objective(input: &RawValue) -> Outcome {
    let a = arguments(input)?;
    let write = |errors: Vec<[f64; 3]>| errors.into_flattened();
    if a.us.is_empty() {
        run(input, a, |a| simple(&a.theta, &a.hand, &a.correspondences, &a.points), write)
    } else {
        run(input, a, |a| complicated(&a.theta, &a.us, &a.hand, &a.correspondences, &a.points), write)
    }
}
