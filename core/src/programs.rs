//! The derivative programs of a primal: gradient, products with vectors, Jacobian and Hessian.
//!
//! Invariant: a program's inputs are the primal's, followed by its own.

use crate::derive;
use crate::emit::header::Notes;
use crate::emit::module::{More, Program};
use crate::ir::{Array, AxisId, Graph, Index, Input, InputId, NodeId, Op, Size};
use crate::signature::{Form, Leaf, List, Output, Primal};
use proc_macro2::{Ident, TokenStream};
use quote::quote;

fn wrt(primal: &Primal) -> Vec<InputId> {
    (0..primal.graph.inputs.len() as u32).map(InputId).filter(|i| primal.graph.input(*i).active).collect()
}

/// The value alone.
pub fn value(primal: &Primal) -> Program {
    let (graph, outputs, lists) = (primal.graph.clone(), primal.outputs.clone(), primal.lists.clone());
    Program {
        graph,
        outputs,
        gradients: vec![],
        more: vec![],
        extra: vec![],
        lists,
        notes: Notes::default(),
        adds: false,
    }
}

/// The value and the gradient of a scalar function.
pub fn gradient(primal: &Primal) -> Option<Program> {
    let output = primal.outputs.first().filter(|o| primal.signature.returned == 1 && o.dims.is_empty())?;
    let mut graph = primal.graph.clone();
    let one = graph.constant(1.0, graph.dtype(output.node));
    let gradients = derive::reverse(&mut graph, &[(output.node, one)], &wrt(primal));
    Some(Program {
        graph,
        outputs: vec![output.clone()],
        gradients,
        more: vec![],
        extra: vec![],
        lists: primal.lists.clone(),
        notes: Notes::default(),
        adds: false,
    })
}

/// The value, and the gradient of its inner product with a given cotangent.
pub fn vjp(primal: &Primal) -> Program {
    let mut graph = primal.graph.clone();
    let mut seeds = vec![];
    let mut extra = vec![];
    for (output, name) in primal.outputs.iter().zip(primal.signature.cotangents()) {
        let (seed, leaf) = like(&mut graph, output, &name);
        seeds.push((output.node, seed));
        extra.push(leaf);
    }
    let gradients = derive::reverse(&mut graph, &seeds, &wrt(primal));
    let (outputs, lists) = (primal.outputs.clone(), primal.lists.clone());
    Program { graph, outputs, gradients, more: vec![], extra, lists, notes: Notes::default(), adds: false }
}

/// The same, whose gradients are added to memory: what a function that calls itself calls.
pub fn adjoint(primal: &Primal) -> Program {
    Program { adds: true, ..vjp(primal) }
}

/// A new input of an output's shape, and the node that reads it.
fn like(graph: &mut Graph, output: &Output, name: &Ident) -> (NodeId, Leaf) {
    let dtype = graph.dtype(output.node);
    let dims: Vec<_> = output.dims.iter().map(|a| graph.axis_size(*a).clone()).collect();
    let input =
        graph.add_input(Input { name: name.to_string(), dtype, dims, active: false, computed: false });
    let index = output.dims.iter().map(|a| Index::axis(*a)).collect();
    let node = graph.load(Array::Input(input), None, index);
    let form = match output.dims.len() {
        0 => Form::Scalar(dtype),
        rank => Form::Nd { dtype, rank, view: true },
    };
    (node, Leaf { arg: None, place: quote!(#name), form })
}

/// The value and its derivative along tangents of the differentiated arguments.
pub fn jvp(primal: &Primal) -> Program {
    let mut graph = primal.graph.clone();
    let wrt = wrt(primal);
    let nodes: Vec<NodeId> = primal.outputs.iter().map(|o| o.node).collect();
    let (dots, tangents) = derive::forward(&mut graph, &nodes, &wrt);
    let mut outputs = primal.outputs.clone();
    for (output, tangent) in primal.outputs.iter().zip(tangents) {
        let node = tangent.unwrap_or_else(|| graph.constant(0.0, graph.dtype(output.node)));
        outputs.push(Output { node, ..output.clone() });
    }
    let (extra, lists) = along_arguments(primal, &wrt, &dots);
    Program {
        graph,
        outputs,
        gradients: vec![],
        more: vec![],
        extra,
        lists,
        notes: Notes::default(),
        adds: false,
    }
}

/// The arguments' tangents, and the lists with those that hold some of them.
fn along_arguments(primal: &Primal, wrt: &[InputId], dots: &[InputId]) -> (Vec<Leaf>, Vec<List>) {
    let mut extra = vec![];
    let tangent = |arg: Option<usize>, place: &TokenStream| {
        let root = arg.and_then(|a| primal.signature.args.get(a)).map(|a| primal.signature.tangent(a));
        let rest: TokenStream = place.clone().into_iter().skip(1).collect();
        quote!(#root #rest)
    };
    for (input, _) in wrt.iter().zip(dots) {
        let leaf = &primal.leaves[input.0 as usize];
        let place = tangent(leaf.arg, &leaf.place);
        extra.push(Leaf { arg: leaf.arg, place, form: leaf.form.clone() });
    }
    let mut lists = primal.lists.clone();
    let active = primal.lists.iter().filter(|l| l.active);
    lists.extend(active.map(|l| List { place: tangent(l.arg, &l.place), ..l.clone() }));
    (extra, lists)
}

/// The value, the gradient and its derivative along tangents of the differentiated arguments: forward over reverse.
pub fn hvp(primal: &Primal) -> Option<Program> {
    let mut program = gradient(primal)?;
    let wrt = wrt(primal);
    let nodes: Vec<NodeId> = program.gradients.iter().map(|g| g.node).collect();
    let (dots, tangents) = derive::forward(&mut program.graph, &nodes, &wrt);
    for (gradient, tangent) in program.gradients.iter().zip(tangents) {
        let graph = &mut program.graph;
        let node = tangent.unwrap_or_else(|| graph.constant(0.0, graph.dtype(gradient.node)));
        let name = format!("{}_bar_dot", graph.input(gradient.input).name);
        program.more.push(More { name, node, dims: gradient.dims.clone() });
    }
    (program.extra, program.lists) = along_arguments(primal, &wrt, &dots);
    Some(program)
}

/// The inputs that the Jacobian is for.
fn columns(primal: &Primal) -> Vec<InputId> {
    let is = |i: &InputId| {
        let arg = primal.leaves[i.0 as usize].arg.and_then(|a| primal.signature.args.get(a));
        arg.is_some_and(|a| primal.is_column(a))
    };
    wrt(primal).into_iter().filter(is).collect()
}

/// The sizes of a result.
fn sizes(graph: &Graph, output: &Output) -> Vec<Size> {
    output.dims.iter().map(|a| graph.axis_size(*a).clone()).collect()
}

/// The value and the Jacobian: for each differentiated argument, for each result, all partial derivatives.
///
/// One direction for each number on the side that has fewer: forward mode where those are the arguments'. Where sizes
/// are not known, forward mode unless the result alone is of fixed size.
pub fn jacobian(primal: &Primal) -> Program {
    let graph = &primal.graph;
    let count = |dims: &[Size]| Size::product(dims).as_const();
    let total = |all: Vec<Option<i64>>| all.into_iter().try_fold(0, |sum, n| Some(sum + n?));
    let arguments = total(columns(primal).iter().map(|i| count(&graph.input(*i).dims)).collect());
    let results = total(primal.outputs.iter().map(|o| count(&sizes(graph, o))).collect());
    let forward = match (arguments, results) {
        (Some(arguments), Some(results)) => arguments <= results,
        (None, Some(_)) => false,
        _ => true,
    };
    jacobian_by(primal, forward)
}

/// The same in forward or in reverse mode.
pub fn jacobian_by(primal: &Primal, forward: bool) -> Program {
    let mut graph = primal.graph.clone();
    let wrt = columns(primal);
    // by argument, then by result
    let mut blocks: Vec<(NodeId, Vec<AxisId>)> = vec![];
    let nodes: Vec<NodeId> = primal.outputs.iter().map(|o| o.node).collect();
    if forward {
        for (along, tangents) in one_hot_tangents(&mut graph, &nodes, &wrt) {
            for (output, tangent) in primal.outputs.iter().zip(tangents) {
                let node = tangent.unwrap_or_else(|| graph.constant(0.0, graph.dtype(output.node)));
                blocks.push((node, output.dims.iter().chain(&along).copied().collect()));
            }
        }
    } else {
        let rows: Vec<(Vec<AxisId>, Vec<derive::Gradient>)> = primal
            .outputs
            .iter()
            .map(|output| {
                let sizes = sizes(&graph, output);
                let along = fresh(&mut graph, &sizes);
                let dtype = graph.dtype(output.node);
                let seed = derive::one_hot(&mut graph, &output.dims, &along, dtype);
                let row = derive::reverse_along(&mut graph, &[(output.node, seed)], &wrt, &along);
                (along, row)
            })
            .collect();
        for k in 0..wrt.len() {
            for (along, row) in &rows {
                blocks.push((row[k].node, along.iter().chain(&row[k].dims).copied().collect()));
            }
        }
    }
    let more = blocks
        .into_iter()
        .enumerate()
        .map(|(k, (node, dims))| {
            let input = graph.input(wrt[k / primal.outputs.len().max(1)]).clone();
            let node = graph.cast(node, input.dtype);
            let name = match primal.outputs.len() {
                1 => format!("{}_jacobian", input.name),
                n => format!("{}_jacobian_{}", input.name, k % n),
            };
            More { name, node, dims }
        })
        .collect();
    let (outputs, lists) = (primal.outputs.clone(), primal.lists.clone());
    Program {
        graph,
        outputs,
        gradients: vec![],
        more,
        extra: vec![],
        lists,
        notes: Notes::default(),
        adds: false,
    }
}

/// The Hessian: for each two differentiated arguments the derivatives of the one's partials with respect to the other.
pub fn hessian(primal: &Primal) -> Option<Program> {
    let Program { mut graph, gradients, lists, .. } = gradient(primal)?;
    let wrt = wrt(primal);
    let nodes: Vec<NodeId> = gradients.iter().map(|g| g.node).collect();
    let columns = one_hot_tangents(&mut graph, &nodes, &wrt);
    let mut more = vec![];
    for (k, gradient) in gradients.iter().enumerate() {
        for ((along, tangents), input) in columns.iter().zip(&wrt) {
            let other = graph.input(*input).clone();
            let node = tangents[k].unwrap_or_else(|| graph.constant(0.0, other.dtype));
            let node = graph.cast(node, other.dtype);
            let name = format!("{}_{}_hessian", graph.input(gradient.input).name, other.name);
            more.push(More { name, node, dims: gradient.dims.iter().chain(along).copied().collect() });
        }
    }
    Some(Program {
        graph,
        outputs: vec![],
        gradients: vec![],
        more,
        extra: vec![],
        lists,
        notes: Notes::default(),
        adds: false,
    })
}

/// New axes of the sizes.
fn fresh(graph: &mut Graph, dims: &[Size]) -> Vec<AxisId> {
    dims.iter().map(|d| graph.fresh_axis(d)).collect()
}

/// For each input new axes along its dimensions, and the tangents of the nodes for a step of one along them.
fn one_hot_tangents(
    graph: &mut Graph,
    nodes: &[NodeId],
    wrt: &[InputId],
) -> Vec<(Vec<AxisId>, Vec<Option<NodeId>>)> {
    let sets: Vec<derive::Directions> = wrt
        .iter()
        .map(|input| {
            let Input { dims, dtype, .. } = graph.input(*input).clone();
            let (own, along) = (derive::canonical(graph, &dims), fresh(graph, &dims));
            let seed = derive::one_hot(graph, &own, &along, dtype);
            derive::Directions { inputs: vec![(*input, Array::Node(seed, own))], nodes: vec![], along }
        })
        .collect();
    let tangents = derive::tangents(graph, nodes, &sets);
    sets.into_iter().map(|s| s.along).zip(tangents).collect()
}

/// The same program with its graph simplified.
pub fn simplified(program: Program) -> Program {
    // nothing is differentiated any more
    let mut graph = program.graph.clone();
    graph.transparent.push(Op::Constant);
    let (graph, new, report) = crate::simplify::simplify(&graph, &roots(&program));
    let notes = Notes { operations: [report.ops_before, report.ops_after], rules: report.fired };
    Program { notes, ..replaced(program, graph, new) }
}

/// The same program with its short loops written out, for the interpreter of rustc.
pub fn written_out(program: Program) -> Program {
    let (graph, new) = crate::simplify::written_out(&program.graph, &roots(&program));
    replaced(program, graph, new)
}

/// The nodes that the program gives.
fn roots(program: &Program) -> Vec<NodeId> {
    let outputs = program.outputs.iter().map(|o| o.node);
    let gradients = program.gradients.iter().map(|g| g.node);
    outputs.chain(gradients).chain(program.more.iter().map(|m| m.node)).collect()
}

/// The program in another graph.
fn replaced(program: Program, graph: Graph, roots: Vec<NodeId>) -> Program {
    let mut program = Program { graph, ..program };
    let mut new = roots.into_iter();
    program.outputs.iter_mut().zip(&mut new).for_each(|(o, n)| o.node = n);
    program.gradients.iter_mut().zip(&mut new).for_each(|(g, n)| g.node = n);
    program.more.iter_mut().zip(new).for_each(|(m, n)| m.node = n);
    program
}
