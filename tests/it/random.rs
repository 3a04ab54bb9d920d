//! Random straight-line programs as source text: lowered, differentiated, simplified, and compared as graphs.
//!
//! The seed is fixed; `CASES=100000 SEED=7 cargo test --test it random` is the long run (see `fuzz/README.md`).

use crate::gradients::near;
use chainrule_core::front::{lower, Definitions};
use chainrule_core::ir::interp::{evaluate, over, Dual, Point};
use chainrule_core::ir::NodeId;
use chainrule_core::{programs, simplify};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

type Line = (u8, u8, u8);

/// Each line names a new number or array made of two earlier ones; all are finite and smooth near the points.
fn program(lines: &[Line], strict: bool) -> (String, String) {
    let attr = if strict { "math = \"strict\"" } else { "" };
    let mut text = String::from("fn f(x: f64, y: f64, #[dims(3)] u: ArrayView1<f64>) -> f64 {\n");
    let mut numbers = vec!["x".to_string(), "y".to_string()];
    let mut arrays = vec!["u".to_string()];
    for (k, (op, a, b)) in lines.iter().enumerate() {
        let pick = |list: &[String], i: u8| list[i as usize % list.len()].clone();
        let (p, q) = (pick(&numbers, *a), pick(&numbers, *b));
        let (v, w) = (pick(&arrays, *a), pick(&arrays, *b));
        let (array, e) = match op % 18 {
            0 => (false, format!("{p} + {q}")),
            1 => (false, format!("{p} - {q}")),
            2 => (false, format!("({p} * {q}).sin()")),
            3 => (false, format!("{p} / ({q} * {q} + 1.0)")),
            4 => (false, format!("{p}.tanh() * {q}.cos()")),
            5 => (false, format!("(-{p} * {p}).exp() + {q}")),
            6 => (false, format!("({p} * {p} + 0.5).ln() - {q}.atan()")),
            7 => (false, format!("({p} * {p} + {q} * {q} + 0.25).sqrt()")),
            8 => (false, format!("1.0 / (1.0 + (-{p}).exp()) * {q}")),
            9 => (false, format!("(1.0 + {p}.sin().exp()).ln() + {q}.sin().powi(3)")),
            10 => (true, format!("&{v} * {p}.sin() + &{w}")),
            11 => (true, format!("{v}.mapv(|e| (e * {q}).sin())")),
            12 => (true, format!("&{v} * &{w}.mapv(f64::cos)")),
            13 => (false, format!("{v}.dot(&{w}).sin()")),
            14 => (false, format!("{v}.mapv(f64::tanh).sum() + {p}")),
            15 => (false, format!("{v}.mapv(f64::sin).mapv(f64::exp).sum().ln() * {q}")),
            16 => (true, format!("&{v}.mapv(f64::sin) - {w}.sum().sin()")),
            _ => (false, format!("{v}.mapv(|e| e * e).mean().unwrap().sin()")),
        };
        text.push_str(&format!("    let a{k} = {e};\n"));
        if array { &mut arrays } else { &mut numbers }.push(format!("a{k}"));
    }
    let result = format!("({}).sin() + {}.sum().cos()", numbers[numbers.len() - 1], arrays[arrays.len() - 1]);
    (attr.into(), format!("{text}    {result}\n}}"))
}

fn holds(lines: &[Line], strict: bool) -> Result<(), String> {
    let (attr, text) = program(lines, strict);
    let parse = |s: &str| s.parse().expect("tokens");
    let mut primal =
        lower(parse(&attr), parse(&text), &Definitions::default(), chainrule_core::derive::MODES)
            .map_err(|e| format!("{:?}", e.errors.list.iter().map(|e| e.text()).collect::<Vec<_>>()))?;
    let start = [vec![0.6], vec![-0.8], vec![0.3, -0.5, 0.9]];
    let way = [vec![0.7], vec![0.4], vec![-0.6, 0.2, 0.5]];
    let at = |t: f64| {
        let dual = |(x, d): (&Vec<f64>, &Vec<f64>)| {
            x.iter().zip(d).map(|(x, d)| Dual { value: x + t * d, dot: *d }).collect()
        };
        let syms = vec![3; primal.graph.sizes.syms.len()];
        Point { inputs: start.iter().zip(&way).map(dual).collect(), syms }
    };
    let points = [at(0.0), at(1e-5), at(-1e-5)];
    let value = |p: &Point| {
        let node = primal.outputs[0].node;
        over(&primal.graph, &evaluate(&primal.graph, &[node], p), p, node, &[])[0]
    };
    let [here, ahead, behind] = [0, 1, 2].map(|k| value(&points[k]));
    near("forward against differences", &[here.dot], &[(ahead.value - behind.value) / 2e-5], 1e-5)?;
    for recognised in [false, true] {
        if recognised {
            let (graph, roots) = simplify::recognise(&primal.graph, &[primal.outputs[0].node]);
            primal.graph = graph;
            primal.outputs[0].node = roots[0];
        }
        for simplified in [false, true] {
            let program = programs::gradient(&primal).expect("a scalar");
            let program = if simplified { programs::simplified(program) } else { program };
            let mut nodes: Vec<NodeId> = vec![program.outputs[0].node];
            nodes.extend(program.gradients.iter().map(|g| g.node));
            let all = evaluate(&program.graph, &nodes, &points[0]);
            let of = |node, dims| -> Vec<f64> {
                over(&program.graph, &all, &points[0], node, dims).iter().map(|d| d.value).collect()
            };
            let what = format!("recognised {recognised}, simplified {simplified}");
            near(&format!("value, {what}"), &of(nodes[0], &[]), &[here.value], 1e-11)?;
            let slope: f64 = program
                .gradients
                .iter()
                .map(|g| crate::fixture::dot(&of(g.node, &g.dims), &way[g.input.0 as usize]))
                .sum();
            near(&format!("reverse against forward, {what}"), &[slope], &[here.dot], 1e-9)?;
            // the Hessian times the direction: dual numbers through the gradient, and forward over reverse
            let dots = program
                .gradients
                .iter()
                .flat_map(|g| over(&program.graph, &all, &points[0], g.node, &g.dims));
            let exact: Vec<f64> = dots.map(|d| d.dot).collect();
            let hvp = programs::hvp(&primal).expect("a scalar");
            let hvp = if simplified { programs::simplified(hvp) } else { hvp };
            let (inputs, syms) = (points[0].inputs.clone(), points[0].syms.clone());
            let mut along = Point { inputs, syms };
            along.inputs.extend(way.iter().map(|d| d.iter().map(|d| Dual::constant(*d)).collect()));
            let nodes: Vec<NodeId> = hvp.more.iter().map(|m| m.node).collect();
            let all = evaluate(&hvp.graph, &nodes, &along);
            let product = hvp.more.iter().flat_map(|m| over(&hvp.graph, &all, &along, m.node, &m.dims));
            let product: Vec<f64> = product.map(|d| d.value).collect();
            near(&format!("forward over reverse, {what}"), &product, &exact, 1e-8)?;
        }
    }
    Ok(())
}

/// Programs that failed once, shrunk.
const REGRESSIONS: &[(&[Line], bool)] = &[(&[], false), (&[(9, 0, 1), (15, 0, 2)], false)];

#[test]
fn programs_that_failed_once_hold() {
    for (lines, strict) in REGRESSIONS {
        holds(lines, *strict).unwrap_or_else(|e| panic!("{lines:?}: {e}\n{}", program(lines, *strict).1));
    }
}

#[test]
fn random_programs_hold() {
    let number =
        |name: &str, default: u64| std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default);
    let (cases, seed) = (number("CASES", 60), number("SEED", 1));
    println!("SEED={seed} CASES={cases}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases: cases as u32, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let programs = (vec((0u8..18, any::<u8>(), any::<u8>()), 1..9), any::<bool>());
    let done = runner.run(&programs, |(lines, strict)| {
        holds(&lines, strict)
            .map_err(|e| TestCaseError::fail(format!("SEED={seed}\n{e}\n{}", program(&lines, strict).1)))
    });
    done.unwrap_or_else(|e| panic!("{e}"));
}
