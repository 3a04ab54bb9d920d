//! The oracle: the unsimplified graph of each fixture under dual numbers, and every level of optimisation against it.

use crate::fixture::{dot, double, weights, Fixture, Point};
use crate::gradients::{each, near};
use crate::source;
use chainrule_core::emit::module::Program;
use chainrule_core::front::lower;
use chainrule_core::ir::interp::{evaluate, over, Dual, Point as At};
use chainrule_core::ir::{Dtype, Graph, NodeId, Size};
use chainrule_core::signature::Primal;
use chainrule_core::{derive, programs, simplify};

/// A lowered fixture with its values.
pub struct Oracle {
    pub primal: Primal,
    pub at: At,
}

/// Solves the shapes for the symbols: each dimension is an equation.
fn solve(graph: &Graph, known: &mut Vec<Option<i64>>, equations: &[(Size, i64)]) {
    loop {
        let mut changed = false;
        for (size, value) in equations {
            let size = graph.sizes.resolve(size);
            let open: Vec<_> = size
                .terms()
                .iter()
                .flat_map(|t| t.0.clone())
                .filter(|s| known[s.0 as usize].is_none())
                .collect();
            let [sym] = open[..] else { continue };
            let at = |x: i64| size.eval(&|s| if s == sym { x } else { known[s.0 as usize].unwrap_or(0) });
            // the equation is linear in the symbol
            let (zero, one) = (at(0), at(1));
            if one != zero {
                known[sym.0 as usize] = Some((value - zero) / (one - zero));
                changed = true;
            }
        }
        if !changed {
            return;
        }
    }
}

impl Oracle {
    /// `None` where a shape is not known: an empty array has no shape to see.
    pub fn new(f: &Fixture, n: usize, point: &Point, tangent: Option<&Point>) -> Option<Oracle> {
        let source::Item { attr, item, definitions } = source::fixture(f.name);
        let primal = match lower(attr, item, &definitions, derive::MODES) {
            Ok(primal) => primal,
            Err(errors) => panic!("{:?}", errors.errors.list.iter().map(|e| e.text()).collect::<Vec<_>>()),
        };
        // functions whose bodies the graph does not have
        if !primal.callees.is_empty() {
            return None;
        }
        let arguments = (f.arguments)(n);
        let mut known: Vec<Option<i64>> = vec![None; primal.graph.sizes.syms.len()];
        for (k, sym) in primal.graph.sizes.syms.iter().enumerate() {
            let argument =
                arguments.iter().position(|a| a.name == sym.name && a.whole && a.shapes.concat().is_empty());
            known[k] = argument.map(|a| point[a][0] as i64);
        }
        let mut equations = vec![];
        let mut inputs = vec![];
        for (input, leaf) in primal.graph.inputs.iter().zip(&primal.leaves) {
            if let Some(g) = f.given.iter().find(|g| g.0 == input.name) {
                inputs.push(vec![Dual::constant(g.1)]);
                continue;
            }
            let root = leaf.place.clone().into_iter().next()?.to_string();
            // inactive code that only rustc can run
            if leaf.arg.is_none() {
                return None;
            }
            let k = arguments
                .iter()
                .position(|a| a.name == root)
                .unwrap_or_else(|| panic!("no value for {}", input.name));
            let path = input.name[root.len()..].trim_start_matches('.');
            let shapes = &arguments[k].shapes;
            let counts: Vec<usize> = shapes.iter().map(|s| s.iter().product()).collect();
            // one array, or a part of each element of a list, one after the other
            let (found, shape): (Vec<usize>, Vec<usize>) = match path.split_once("[..]") {
                None => {
                    let leaf = arguments[k].paths.iter().position(|p| p == path)?;
                    (vec![leaf], shapes[leaf].clone())
                }
                Some((list, part)) => {
                    let at = |j: usize| format!("{list}[{j}]{part}");
                    let place = |j| arguments[k].paths.iter().position(|p| *p == at(j));
                    let found: Vec<usize> = (0..).map_while(place).collect();
                    let one = found.first().map(|f| shapes[*f].clone())?;
                    let shape = [vec![found.len()], one].concat();
                    (found, shape)
                }
            };
            equations.extend(input.dims.iter().cloned().zip(shape.iter().map(|d| *d as i64)));
            let range = |f: &usize| counts[..*f].iter().sum::<usize>()..counts[..=*f].iter().sum::<usize>();
            let of = |p: &Point| found.iter().flat_map(|f| p[k][range(f)].to_vec()).collect::<Vec<_>>();
            let dots = tangent.map_or_else(|| vec![0.0; of(point).len()], of);
            inputs.push(of(point).iter().zip(dots).map(|(v, d)| Dual { value: *v, dot: d }).collect());
        }
        solve(&primal.graph, &mut known, &equations);
        let computed =
            |(k, sym): (&Option<i64>, &chainrule_core::ir::size::SymInfo)| k.is_none() && sym.rigid;
        if known.iter().zip(&primal.graph.sizes.syms).any(computed) {
            return None;
        }
        let syms = known.into_iter().map(|k| k.unwrap_or(0)).collect();
        Some(Oracle { primal, at: At { inputs, syms, functions: vec![] } })
    }

    /// Values and tangents of the results, flat.
    pub fn results(&self) -> (Vec<f64>, Vec<f64>) {
        let nodes: Vec<NodeId> = self.primal.outputs.iter().map(|o| o.node).collect();
        let all = evaluate(&self.primal.graph, &nodes, &self.at);
        let duals: Vec<Dual> = self
            .primal
            .outputs
            .iter()
            .flat_map(|o| over(&self.primal.graph, &all, &self.at, o.node, &o.dims))
            .collect();
        (duals.iter().map(|d| d.value).collect(), duals.iter().map(|d| d.dot).collect())
    }
}

#[test]
fn gradients_are_those_of_dual_numbers() {
    each(double::all(), |f, n, point| {
        let v = f.direction(n, 11);
        let Some(oracle) = Oracle::new(f, n, point, Some(&v)) else { return Ok(()) };
        let (value, tangent) = oracle.results();
        let (ours, g, w) = f.reverse(n, point);
        near("value", &ours, &value, 1e-12)?;
        near("<g, v>", &[dot(&g, &f.active(n, &v))], &[dot(&w, &tangent)], 1e-11)?;
        match f.jvp {
            Some(jvp) => near("tangent", &jvp(n, point, &v).1, &tangent, 1e-11),
            None => Ok(()),
        }
    });
}

/// Values, then gradients, of a program.
fn run(program: &Program, at: &At) -> Vec<f64> {
    let mut roots: Vec<_> = program.outputs.iter().map(|o| (o.node, o.dims.clone())).collect();
    roots.extend(program.gradients.iter().map(|g| (g.node, g.dims.clone())));
    let nodes: Vec<NodeId> = roots.iter().map(|r| r.0).collect();
    let all = evaluate(&program.graph, &nodes, at);
    roots
        .iter()
        .flat_map(|(node, dims)| over(&program.graph, &all, at, *node, dims))
        .map(|d| d.value)
        .collect()
}

#[test]
fn every_level_of_optimisation_agrees() {
    each(double::all(), |f, n, point| {
        let Some(Oracle { mut primal, mut at }) = Oracle::new(f, n, point, None) else { return Ok(()) };
        let value = |p: &Primal| p.outputs.iter().map(|o| o.node).collect::<Vec<_>>();
        let scalar = primal.outputs.len() == 1 && primal.outputs[0].dims.is_empty();
        if !scalar {
            // the seeds of a vector-Jacobian product come behind the inputs
            let count = |k: usize| {
                let o = &primal.outputs[k];
                let all = evaluate(&primal.graph, &[o.node], &at);
                over(&primal.graph, &all, &at, o.node, &o.dims).len()
            };
            let seeds: Vec<_> = (0..primal.outputs.len()).map(count).collect();
            at.inputs.extend(seeds.into_iter().map(|c| weights(c).into_iter().map(Dual::constant).collect()));
        }
        let program = |p: &Primal| match scalar {
            true => programs::gradient(p).expect("a scalar has a gradient"),
            false => programs::vjp(p),
        };
        // level 0: reverse mode on the graph as written
        let plain = run(&program(&primal), &at);
        // level 1: simplified afterwards
        near("simplified", &run(&programs::simplified(program(&primal)), &at), &plain, 1e-11)?;
        // level 2: idioms recognised first
        let (graph, roots) = simplify::recognise(&primal.graph, &value(&primal));
        primal.graph = graph;
        primal.outputs.iter_mut().zip(roots).for_each(|(o, r)| o.node = r);
        near("recognised", &run(&program(&primal), &at), &plain, 1e-11)?;
        // level 3: both
        near("recognised and simplified", &run(&programs::simplified(program(&primal)), &at), &plain, 1e-11)
    });
}

/// Graph level and generated code both know which inputs are differentiated.
#[test]
fn inputs_have_types() {
    for f in double::all() {
        let n = *f.sizes.last().expect("a size");
        let Some(oracle) = Oracle::new(&f, n, &f.sample(n, 0), None) else { continue };
        for input in &oracle.primal.graph.inputs {
            assert!(!input.active || input.dtype == Dtype::F64, "{}: {}", f.name, input.name);
        }
    }
}
