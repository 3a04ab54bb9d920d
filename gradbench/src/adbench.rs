//! ADBench: its files are read, and what is computed from them is held against what is known.

pub mod expected;
pub mod files;

use crate::evals::{ba, gmm, ht, lstm};
use crate::{ba as bundle, gmm as mixture, ht as hand, lstm as network};
use chainrule::sparse::Csr;
use expected::{near, summary};
use serde_json::Value;
use std::path::Path;

/// The directory of those files that are in this repository.
pub const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/adbench");

/// What a file holds.
#[derive(Clone, Debug)]
pub enum Problem {
    Gmm(gmm::Arguments),
    Ba(ba::Arguments),
    Hand(Box<ht::Arguments>),
    Lstm(lstm::Arguments),
}

/// The problem in the file `name` of a directory; `expected` says what it is.
pub fn read(directory: &Path, name: &str, expected: &Value) -> Result<Problem, String> {
    let file = directory.join(name);
    match expected["problem"].as_str() {
        Some("gmm") => files::gmm(&file).map(Problem::Gmm),
        Some("ba") => files::ba(&file).map(Problem::Ba),
        Some("ba_full") => files::ba_full(&file).map(Problem::Ba),
        Some("lstm") => files::lstm(&file).map(Problem::Lstm),
        Some(problem @ ("hand_simple" | "hand_complicated")) => {
            let model = directory.join(expected["model"].as_str().ok_or("no `model`")?);
            let problem = files::hand(&model, &file, problem == "hand_complicated")?;
            Ok(Problem::Hand(Box::new(problem)))
        }
        problem => Err(format!("no problem {problem:?}")),
    }
}

impl Problem {
    /// Computes the objective, and holds it against what is expected.
    pub fn check_objective(&self, expected: &Value) -> Result<(), String> {
        match self {
            Problem::Gmm(a) => {
                let value = mixture::adbench_objective(&a.alpha, &a.mu, &a.q, &a.l, &a.x, a.d, a.wishart);
                near("objective", value, &expected["objective"])
            }
            Problem::Lstm(a) => {
                let value = network::objective(&a.main, &a.extra, &a.state, &a.sequence, a.b);
                near("objective", value, &expected["objective"])
            }
            Problem::Ba(a) => {
                let (reprojection, weight) =
                    bundle::errors(&a.cameras, &a.points, &a.weights, &a.observations);
                summary("reproj_err", reprojection.as_flattened(), &expected["reproj_err"])?;
                summary("w_err", &weight, &expected["w_err"])
            }
            Problem::Hand(a) => {
                let errors = if a.us.is_empty() {
                    hand::simple(&a.theta, &a.hand, &a.correspondences, &a.points)
                } else {
                    hand::complicated(&a.theta, &a.us, &a.hand, &a.correspondences, &a.points)
                };
                summary("err", errors.as_flattened(), &expected["err"])
            }
        }
    }

    /// The generated gradient or Jacobian.
    pub fn derivative(&self) -> Derivative {
        match self {
            Problem::Gmm(a) => {
                let mixture::adbench_objective::Gradient { alpha, mu, q, l } =
                    mixture::adbench_objective::gradient(&a.alpha, &a.mu, &a.q, &a.l, &a.x, a.d, a.wishart);
                Derivative::Gmm { alpha, mu, q, l }
            }
            Problem::Lstm(a) => {
                let network::objective::Gradient { main, extra } =
                    network::objective::gradient(&a.main, &a.extra, &a.state, &a.sequence, a.b);
                Derivative::Lstm { main, extra }
            }
            Problem::Ba(a) => {
                let mut jacobian = Csr::new(0);
                bundle::jacobian(&a.cameras, &a.points, &a.weights, &a.observations, &mut jacobian);
                Derivative::Ba(jacobian)
            }
            Problem::Hand(a) => {
                let mut jacobian = ht::Jacobian::default();
                jacobian.fill(a);
                Derivative::Hand(jacobian.rows())
            }
        }
    }
}

/// A gradient or Jacobian, in the layout of our functions.
#[derive(Clone, Debug)]
pub enum Derivative {
    Gmm {
        alpha: Vec<f64>,
        mu: Vec<f64>,
        q: Vec<f64>,
        l: Vec<f64>,
    },
    Ba(Csr),
    /// One row for each error: `us` before `theta`.
    Hand(Vec<Vec<f64>>),
    Lstm {
        main: Vec<f64>,
        extra: Vec<f64>,
    },
}

impl Derivative {
    /// Holds it against what is expected.
    pub fn check(&self, expected: &Value) -> Result<(), String> {
        match self {
            Derivative::Gmm { alpha, mu, q, l } => {
                let (d, below) = (mu.len() / alpha.len(), l.len() / alpha.len());
                // a component's diagonal and what is below it stand together
                let icf: Vec<f64> = (0..alpha.len())
                    .flat_map(|c| [&q[c * d..][..d], &l[c * below..][..below]].concat())
                    .collect();
                summary("gradient_alpha", alpha, &expected["gradient_alpha"])?;
                summary("gradient_mu", mu, &expected["gradient_mu"])?;
                summary("gradient_icf", &icf, &expected["gradient_icf"])?;
                summary("gradient", &[&alpha[..], mu, &icf].concat(), &expected["gradient"])
            }
            Derivative::Lstm { main, extra } => {
                summary("gradient_main", main, &expected["gradient_main"])?;
                summary("gradient_extra", extra, &expected["gradient_extra"])?;
                summary("gradient", &[&main[..], extra].concat(), &expected["gradient"])
            }
            Derivative::Ba(jacobian) => expected::sparse(jacobian, &expected["jacobian"]),
            Derivative::Hand(rows) => expected::dense(rows, &expected["jacobian"]),
        }
    }
}
