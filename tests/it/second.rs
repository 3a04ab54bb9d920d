//! Products with Hessians, Hessians and Jacobians of every fixture, as graphs, against dual numbers.

use crate::fixture::{double, Fixture, Point};
use crate::gradients::{each, near};
use crate::oracle::Oracle;
use chainrule_core::emit::module::Program;
use chainrule_core::ir::interp::{evaluate, over, Dual, Point as At};
use chainrule_core::ir::{AxisId, InputId, NodeId};
use chainrule_core::signature::Primal;
use chainrule_core::{programs, simplify};

/// Values of nodes along their dimensions.
fn values(program: &Program, roots: &[(NodeId, Vec<AxisId>)], at: &At) -> Vec<Vec<Dual>> {
    let nodes: Vec<NodeId> = roots.iter().map(|r| r.0).collect();
    let all = evaluate(&program.graph, &nodes, at);
    roots.iter().map(|(node, dims)| over(&program.graph, &all, at, *node, dims)).collect()
}

fn more(program: &Program) -> Vec<(NodeId, Vec<AxisId>)> {
    program.more.iter().map(|m| (m.node, m.dims.clone())).collect()
}

fn active(primal: &Primal) -> Vec<InputId> {
    let all = (0..primal.graph.inputs.len() as u32).map(InputId);
    all.filter(|i| primal.graph.input(*i).active).collect()
}

/// For each row of blocks the sum of the blocks' products with the tangents of the inputs.
fn times(blocks: &[Vec<Dual>], order: &[InputId], by_row: bool, rows: usize, at: &At) -> Vec<f64> {
    let columns = order.len();
    let mut out = vec![];
    for row in 0..rows {
        let mut sums: Vec<f64> = vec![];
        for (k, input) in order.iter().enumerate() {
            let block = &blocks[if by_row { row * columns + k } else { k * rows + row }];
            let tangent: Vec<f64> = at.inputs[input.0 as usize].iter().map(|d| d.dot).collect();
            if tangent.is_empty() {
                continue;
            }
            let lines: Vec<f64> = block
                .chunks(tangent.len())
                .map(|line| line.iter().zip(&tangent).map(|(a, b)| a.value * b).sum())
                .collect();
            sums.resize(lines.len(), 0.0);
            sums.iter_mut().zip(lines).for_each(|(s, l)| *s += l);
        }
        out.extend(sums);
    }
    out
}

/// The primal as written, and with its idioms recognised.
fn levels(oracle: Oracle) -> [(Primal, At); 2] {
    let Oracle { primal, at } = oracle;
    let nodes: Vec<NodeId> = primal.outputs.iter().map(|o| o.node).collect();
    let (graph, roots) = simplify::recognise(&primal.graph, &nodes);
    let mut recognised = Primal {
        graph,
        signature: primal.signature.clone(),
        leaves: primal.leaves.clone(),
        lists: primal.lists.clone(),
        outputs: primal.outputs.clone(),
        host: vec![],
        watched: None,
        surroundings: Default::default(),
        callees: primal.callees.clone(),
        rules: vec![],
        recursive: primal.recursive,
        options: primal.options.clone(),
    };
    recognised.outputs.iter_mut().zip(roots).for_each(|(o, r)| o.node = r);
    let again = At { inputs: at.inputs.clone(), syms: at.syms.clone(), functions: vec![] };
    [(primal, at), (recognised, again)]
}

/// Matrices of these sizes are computed one number at a time.
fn small(f: &Fixture, n: usize, point: &Point) -> bool {
    f.active(n, point).len() <= 20 && (f.primal)(n, point).len() <= 20
}

#[test]
fn products_and_hessians_are_those_of_dual_numbers() {
    each(double::all(), |f, n, point| {
        let v = f.direction(n, 21);
        let Some(oracle) = Oracle::new(f, n, point, Some(&v)) else { return Ok(()) };
        for (primal, mut at) in levels(oracle) {
            let Some(plain) = programs::gradient(&primal) else { return Ok(()) };
            let roots: Vec<_> = plain.gradients.iter().map(|g| (g.node, g.dims.clone())).collect();
            let exact: Vec<f64> = values(&plain, &roots, &at).concat().iter().map(|d| d.dot).collect();
            let order = active(&primal);
            if small(f, n, point) {
                for hessian in
                    [programs::hessian(&primal), programs::hessian(&primal).map(programs::simplified)]
                {
                    let hessian = hessian.expect("a scalar function");
                    let blocks = values(&hessian, &more(&hessian), &at);
                    near("H v", &times(&blocks, &order, true, order.len(), &at), &exact, 1e-10)?;
                }
            }
            let dots: Vec<Vec<Dual>> = order
                .iter()
                .map(|i| at.inputs[i.0 as usize].iter().map(|d| Dual::constant(d.dot)).collect())
                .collect();
            at.inputs.extend(dots);
            for hvp in [programs::hvp(&primal), programs::hvp(&primal).map(programs::simplified)] {
                let hvp = hvp.expect("a scalar function");
                let product: Vec<f64> =
                    values(&hvp, &more(&hvp), &at).concat().iter().map(|d| d.value).collect();
                near("product", &product, &exact, 1e-10)?;
            }
        }
        Ok(())
    });
}

#[test]
fn jacobians_are_those_of_dual_numbers() {
    each(double::all(), |f, n, point| {
        if !small(f, n, point) {
            return Ok(());
        }
        let v = f.direction(n, 22);
        let Some(oracle) = Oracle::new(f, n, point, Some(&v)) else { return Ok(()) };
        let exact = oracle.results().1;
        for (primal, at) in levels(oracle) {
            let (order, rows) = (active(&primal), primal.outputs.len());
            for forward in [true, false] {
                for simplified in [false, true] {
                    let mut jacobian = programs::jacobian_by(&primal, forward);
                    if simplified {
                        jacobian = programs::simplified(jacobian);
                    }
                    let blocks = values(&jacobian, &more(&jacobian), &at);
                    let what = if forward { "forward" } else { "reverse" };
                    near(what, &times(&blocks, &order, false, rows, &at), &exact, 1e-10)?;
                }
            }
        }
        Ok(())
    });
}
