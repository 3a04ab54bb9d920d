//! The workloads: their inputs, and what is measured on each.

pub mod peers;

use crate::by_hand;
use chainrule::sparse::Csr;
use gradbench::adbench::{read, Problem, DATA};
use gradbench::evals::gmm::Arguments as Mixture;
use gradbench::evals::ht::Jacobian;
use gradbench::evals::kmeans::{Arguments as Clusters, Direction};
use gradbench::gmm::{below, Wishart};
use gradbench::{ba, det, gmm, ht, kmeans, llsq, lse, lstm, ode};
use std::hint::black_box;
use std::path::Path;

/// One evaluation.
pub type Evaluate = Box<dyn FnMut()>;

pub struct Case {
    pub objective: Option<Evaluate>,
    pub by_hand: Option<Evaluate>,
    /// The generated derivative, as far as there is one.
    pub generated: Option<Evaluate>,
}

/// An evaluation of a function of these arguments, whose result is kept from the optimiser.
fn evaluate<A: Clone + 'static, T>(a: &A, mut f: impl FnMut(&A) -> T + 'static) -> Evaluate {
    let a = a.clone();
    Box::new(move || {
        black_box(f(black_box(&a)));
    })
}

/// The objective of a case.
fn objective_of<A: Clone + 'static, T>(a: &A, f: impl FnMut(&A) -> T + 'static) -> Option<Evaluate> {
    Some(evaluate(a, f))
}

/// Numbers between 0 and 1, the same in each run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    fn take(&mut self, n: usize) -> Vec<f64> {
        (0..n).map(|_| self.next()).collect()
    }

    /// Of a normal distribution, nearly.
    fn normal(&mut self, n: usize) -> Vec<f64> {
        (0..n).map(|_| (0..12).map(|_| self.next()).sum::<f64>() - 6.0).collect()
    }
}

/// The workload of GradBench with a name of [`peers::GRADBENCH`].
pub fn gradbench(name: &str) -> Option<Case> {
    let size = |key: &str| -> usize {
        let word = name.split(' ').find_map(|w| w.strip_prefix(key)?.strip_prefix('='));
        word.expect("the size is in the name").parse().expect("a size")
    };
    let data = |file: &str| adbench(DATA.as_ref(), file);
    match name.split(' ').next()? {
        "gmm" => Some(mixture(size("d"), size("k"))),
        "lstm" => data(&format!("lstm/lstm_l{}_c{}.txt", size("l"), size("c"))),
        "ba1" => data("ba/ba1_n49_m7776_p31843.txt"),
        "ht" => data("hand/complicated_small/hand1_t26_c100.txt"),
        "kmeans" => Some(clusters(size("k"), 10_000, 8)),
        "llsq" => Some(squares(128, size("n"))),
        "lse" => Some(exponentials(size("n"))),
        "ode" => Some(chain(size("n"), size("s"))),
        "det" => Some(minors(size("ell"))),
        "particle" => search(name, r#""w": 0.0"#),
        "saddle" => search(name, r#""start": [1.0, 1.0]"#),
        _ => None,
    }
}

/// The file of ADBench in a directory, if it is there.
pub fn adbench(directory: &Path, name: &str) -> Option<Case> {
    directory.join(name).exists().then_some(())?;
    let places = [directory.join("expected.json"), directory.join("../expected.json")];
    let text = places.iter().find_map(|p| std::fs::read_to_string(p).ok()).expect("expected.json");
    let expected: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    Some(match read(directory, name, &expected[name]).expect("a file that can be read") {
        Problem::Gmm(a) => {
            let mut g = by_hand::Gmm::default();
            let mut generated =
                gmm::adbench_objective::Gradient { alpha: vec![], mu: vec![], q: vec![], l: vec![] };
            let mut workspace = gmm::adbench_objective::Workspace::default();
            Case {
                objective: objective_of(&a, |a| {
                    gmm::adbench_objective(&a.alpha, &a.mu, &a.q, &a.l, &a.x, a.d, a.wishart)
                }),
                by_hand: Some(evaluate(&a, move |a| g.gradient(a, -1.0))),
                generated: Some(evaluate(&a, move |a| {
                    let Mixture { d, alpha, mu, q, l, x, wishart } = a;
                    let (g, w) = (&mut generated, &mut workspace);
                    gmm::adbench_objective::value_and_gradient_into(alpha, mu, q, l, x, *d, *wishart, g, w)
                })),
            }
        }
        Problem::Lstm(a) => {
            let mut g = by_hand::Lstm::default();
            let mut generated = lstm::objective::Gradient { main: vec![], extra: vec![] };
            let mut workspace = lstm::objective::Workspace::default();
            Case {
                objective: objective_of(&a, |a| {
                    lstm::objective(&a.main, &a.extra, &a.state, &a.sequence, a.b)
                }),
                by_hand: Some(evaluate(&a, move |a| g.gradient(a))),
                generated: Some(evaluate(&a, move |a| {
                    let (main, extra, g, w) = (&a.main, &a.extra, &mut generated, &mut workspace);
                    lstm::objective::value_and_gradient_into(main, extra, &a.state, &a.sequence, a.b, g, w)
                })),
            }
        }
        Problem::Ba(a) => {
            let (mut jacobian, mut generated) = (Csr::new(0), Csr::new(0));
            Case {
                objective: objective_of(&a, |a| {
                    ba::errors(&a.cameras, &a.points, &a.weights, &a.observations)
                }),
                by_hand: Some(evaluate(&a, move |a| by_hand::jacobian(a, &mut jacobian))),
                generated: Some(evaluate(&a, move |a| {
                    ba::jacobian(&a.cameras, &a.points, &a.weights, &a.observations, &mut generated)
                })),
            }
        }
        Problem::Hand(a) => {
            let mut rows = vec![];
            let objective = if a.us.is_empty() {
                objective_of(&*a, |a| ht::simple(&a.theta, &a.hand, &a.correspondences, &a.points))
            } else {
                objective_of(&*a, |a| {
                    ht::complicated(&a.theta, &a.us, &a.hand, &a.correspondences, &a.points)
                })
            };
            let by_hand = Some(evaluate(&*a, move |a| by_hand::hand(a, &mut rows)));
            let mut generated = Jacobian::default();
            Case { objective, by_hand, generated: Some(evaluate(&*a, move |a| generated.fill(a))) }
        }
    })
}

/// A search as GradBench asks for it: both descents, with all derivatives within.
fn search(name: &str, input: &str) -> Option<Case> {
    let (module, modes) = name.split_once(' ')?;
    let f = gradbench::evals::function(module, modes).ok()?;
    let generated = move |input: &Box<serde_json::value::RawValue>| f(input).expect("an answer");
    let input = format!(r#"{{ {input}, "min_runs": 1, "min_seconds": 0.0 }}"#);
    let input = serde_json::value::RawValue::from_string(input).ok()?;
    Some(Case { objective: None, by_hand: None, generated: Some(evaluate(&input, generated)) })
}

fn mixture(d: usize, k: usize) -> Case {
    let mut numbers = Numbers(31337);
    let a = Mixture {
        d,
        alpha: numbers.normal(k),
        mu: numbers.take(k * d),
        q: numbers.normal(k * d),
        l: numbers.normal(k * below(d)),
        x: numbers.normal(1000 * d),
        wishart: Wishart { gamma: 1.0, m: 0.0 },
    };
    let mut g = by_hand::Gmm::default();
    let mut generated = gmm::objective::Gradient { alpha: vec![], mu: vec![], q: vec![], l: vec![] };
    let mut workspace = gmm::objective::Workspace::default();
    Case {
        objective: objective_of(&a, |a| gmm::objective(&a.alpha, &a.mu, &a.q, &a.l, &a.x, a.d, a.wishart)),
        by_hand: Some(evaluate(&a, move |a| g.gradient(a, 1.0))),
        generated: Some(evaluate(&a, move |a| {
            let Mixture { d, alpha, mu, q, l, x, wishart } = a;
            let (g, w) = (&mut generated, &mut workspace);
            gmm::objective::value_and_gradient_into(alpha, mu, q, l, x, *d, *wishart, g, w)
        })),
    }
}

fn clusters(k: usize, n: usize, d: usize) -> Case {
    let points = Numbers(31337).take(n * d);
    let centroids = points[(n - k) * d..].to_vec();
    let (mut g, mut space) = (centroids.clone(), by_hand::Kmeans::default());
    let a = Clusters { centroids, points, d };
    let mut generated = Direction::default();
    Case {
        objective: objective_of(&a, |a| kmeans::cost(&a.centroids, &a.points, a.d)),
        by_hand: Some(evaluate(&a, move |a| space.direction(&a.centroids, &a.points, a.d, &mut g))),
        generated: Some(evaluate(&a, move |a| generated.fill(a))),
    }
}

fn squares(m: usize, n: usize) -> Case {
    let x = Numbers(31337).take(m);
    let (mut g, mut space) = (x.clone(), by_hand::Llsq::default());
    let (mut generated, mut workspace) = (x.clone(), llsq::residual::Workspace::default());
    Case {
        objective: objective_of(&x, move |x| llsq::residual(x, n)),
        by_hand: Some(evaluate(&x, move |x| space.gradient(x, n, &mut g))),
        generated: Some(evaluate(&x, move |x| {
            llsq::residual::value_and_gradient_into(x, n, &mut generated, &mut workspace)
        })),
    }
}

fn exponentials(n: usize) -> Case {
    let x = Numbers(31337).take(n);
    let mut g = x.clone();
    let (mut generated, mut workspace) = (x.clone(), lse::logsumexp::Workspace::default());
    Case {
        objective: objective_of(&x, |x| lse::logsumexp(x)),
        by_hand: Some(evaluate(&x, move |x| by_hand::logsumexp(x, &mut g))),
        generated: Some(evaluate(&x, move |x| {
            lse::logsumexp::value_and_gradient_into(x, &mut generated, &mut workspace)
        })),
    }
}

fn chain(n: usize, steps: usize) -> Case {
    let x = Numbers(31337).take(n);
    let (mut g, mut space) = (x.clone(), by_hand::Ode::default());
    let (mut generated, mut workspace) = (x.clone(), ode::last::Workspace::default());
    Case {
        objective: objective_of(&x, move |x| ode::solution(x, steps)),
        by_hand: Some(evaluate(&x, move |x| space.gradient(x, steps, &mut g))),
        generated: Some(evaluate(&x, move |x| {
            ode::last::value_and_gradient_into(x, steps, &mut generated, &mut workspace)
        })),
    }
}

fn minors(ell: usize) -> Case {
    let a = Numbers(31337).take(ell * ell);
    let (mut g, mut generated) = (a.clone(), a.clone());
    let mut workspace = det::determinant::Workspace::default();
    Case {
        objective: objective_of(&a, move |a| det::determinant(a, ell)),
        by_hand: Some(evaluate(&a, move |a| by_hand::determinant(a, ell, &mut g))),
        generated: Some(evaluate(&a, move |a| {
            det::determinant::value_and_gradient_into(a, ell, &mut generated, &mut workspace)
        })),
    }
}
