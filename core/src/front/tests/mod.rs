//! Functions as source text against their graphs, their derivatives against differences, their mistakes against messages.

mod arrays;
mod errors;
mod fuzz;
mod gradients;
mod graphs;
mod loops;
mod programs;
mod requests;
mod values;

use super::{lower, Definition, Definitions};
use crate::derive::reverse;
use crate::diag::Errors;
use crate::ir::interp::{evaluate, over, Dual, Point};
use crate::ir::{Dtype, InputId, NodeId};
use crate::signature::Primal;
use proc_macro2::TokenStream;

fn tokens(source: &str) -> TokenStream {
    source.parse().expect("tokens")
}

/// All functions of `chainrule::nn` under their own names, and the given items.
pub fn definitions(items: &[(&str, &str)]) -> Definitions {
    let mut defs = Definitions::default();
    for name in [
        "relu",
        "leaky_relu",
        "sigmoid",
        "silu",
        "gelu",
        "gelu_tanh",
        "softplus",
        "softmax",
        "log_softmax",
        "logsumexp",
        "cross_entropy",
        "mse",
        "dropout",
        "xlogy",
    ] {
        defs.insert(tokens(name), Definition::Builtin(name.into()));
    }
    for (path, item) in items {
        let inner = defs.clone();
        let definition = match item.contains("struct") {
            true => Definition::Struct { item: tokens(item), defs: inner },
            false => Definition::Function {
                attr: TokenStream::new(),
                item: tokens(item),
                defs: inner,
                surroundings: vec![],
            },
        };
        defs.insert(tokens(path), definition);
    }
    Definitions::parse(defs.to_tokens()).expect("definitions survive writing")
}

pub fn lowered(attr: &str, source: &str, defs: &Definitions) -> Result<Primal, Errors> {
    lower(tokens(attr), tokens(source), defs, crate::derive::MODES).map_err(|failure| failure.errors)
}

/// The function, which must be accepted.
pub fn accepted(attr: &str, source: &str, defs: &Definitions) -> Primal {
    lowered(attr, source, defs).unwrap_or_else(|e| {
        panic!("{source}\n{}", e.list.iter().map(|e| e.text()).collect::<Vec<_>>().join("\n"))
    })
}

/// The graph as text.
pub fn check(source: &str) -> String {
    text(&accepted("", source, &definitions(&[])))
}

pub fn text(p: &Primal) -> String {
    let roots: Vec<(String, NodeId)> =
        p.outputs.iter().enumerate().map(|(k, o)| (format!("out{k}"), o.node)).collect();
    crate::ir::text::show(&p.graph, &roots)
}

/// A value for each symbol, distinct sizes for distinct ones.
pub fn sizes(p: &Primal, given: &[(&str, i64)]) -> Vec<i64> {
    let named = |name: &str| given.iter().find(|g| g.0 == name).map(|g| g.1);
    (0..p.graph.sizes.syms.len())
        .map(|k| named(&p.graph.sizes.syms[k].name).unwrap_or(3 + k as i64 % 3))
        .collect()
}

pub fn point(p: &Primal, given: &[(&str, i64)], range: (f64, f64)) -> Point {
    let syms = sizes(p, given);
    let mut seed = 7u64;
    let mut next = || {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 11) as f64 / (1u64 << 53) as f64
    };
    let inputs = p
        .graph
        .inputs
        .iter()
        .map(|input| {
            let count: i64 =
                input.dims.iter().map(|d| p.graph.sizes.resolve(d).eval(&|s| syms[s.0 as usize])).product();
            let value = |u: f64| match input.dtype {
                Dtype::Int => (u * 3.0).floor(),
                _ => range.0 + (range.1 - range.0) * u,
            };
            (0..count).map(|_| Dual::constant(value(next()))).collect()
        })
        .collect();
    Point { inputs, syms, functions: vec![] }
}

/// The elements of an output.
pub fn values(p: &Primal, at: &Point, k: usize) -> Vec<f64> {
    let out = &p.outputs[k];
    let all = evaluate(&p.graph, &[out.node], at);
    over(&p.graph, &all, at, out.node, &out.dims).iter().map(|d| d.value).collect()
}

/// Reverse mode against central differences, for the weighted sum of all outputs.
pub fn gradient_holds(
    attr: &str,
    source: &str,
    defs: &Definitions,
    given: &[(&str, i64)],
    range: (f64, f64),
) {
    let mut p = accepted(attr, source, defs);
    let mut at = point(&p, given, range);
    let weight = |i: usize| 0.5 + ((i * 7 + 3) % 5) as f64 * 0.25;
    let primal =
        Primal { graph: p.graph.clone(), outputs: p.outputs.clone(), ..accepted(attr, source, defs) };
    let objective = |at: &Point| -> f64 {
        (0..primal.outputs.len())
            .map(|k| values(&primal, at, k).iter().enumerate().map(|(i, v)| weight(i) * v).sum::<f64>())
            .sum()
    };
    assert!(objective(&at).is_finite(), "{source}: {:?}\n{}", objective(&at), text(&p));
    // seeds are inputs of their own, so that they can hold the weights
    let mut seeds = vec![];
    for (k, out) in p.outputs.clone().iter().enumerate() {
        let dims: Vec<_> = out.dims.iter().map(|a| p.graph.axis_size(*a).clone()).collect();
        let dtype = p.graph.dtype(out.node);
        let id = p.graph.add_input(crate::ir::Input {
            name: format!("seed{k}"),
            dtype,
            dims,
            active: false,
            computed: false,
        });
        let index = out.dims.iter().map(|a| crate::ir::Index::axis(*a)).collect();
        let seed = p.graph.load(crate::ir::Array::Input(id), None, index);
        let count = values(&primal, &at, k).len();
        at.inputs.push((0..count).map(|i| Dual::constant(weight(i))).collect());
        seeds.push((out.node, seed));
    }
    let wrt: Vec<InputId> =
        (0..p.graph.inputs.len() as u32).map(InputId).filter(|i| p.graph.input(*i).active).collect();
    assert!(!wrt.is_empty());
    let gradients = reverse(&mut p.graph, &seeds, &wrt);
    let nodes: Vec<NodeId> = gradients.iter().map(|g| g.node).collect();
    let all = evaluate(&p.graph, &nodes, &at);
    for g in &gradients {
        let exact = over(&p.graph, &all, &at, g.node, &g.dims);
        let name = &p.graph.input(g.input).name;
        for i in 0..at.inputs[g.input.0 as usize].len() {
            let h = 1e-5;
            let mut shifted = |s: f64| {
                at.inputs[g.input.0 as usize][i].value += s;
                let v = objective(&at);
                at.inputs[g.input.0 as usize][i].value -= s;
                v
            };
            let numeric = (shifted(h) - shifted(-h)) / (2.0 * h);
            let (a, b) = (exact[i].value, numeric);
            assert!(
                (a - b).abs() <= 1e-5 * (1.0 + b.abs()),
                "{source}\n∂/∂{name}[{i}]: {a} against {b}\n{}",
                text(&p)
            );
        }
    }
}

/// The function must be refused, with this among its messages.
pub fn check_error(attr: &str, source: &str, expected: &str) {
    let errors = lowered(attr, source, &definitions(&[])).expect_err("refused");
    let texts: Vec<String> = errors.list.iter().map(|e| e.text()).collect();
    assert!(
        texts.iter().any(|t| t.contains(expected)),
        "{source}\nexpected: {expected}\n{}",
        texts.join("\n")
    );
    assert!(!errors.into_compile_errors().is_empty());
}
