//! The derivative programs of a primal: gradient, vector-Jacobian and Jacobian-vector product.
//!
//! Invariant: a program's inputs are the primal's, followed by its own.

use crate::derive;
use crate::emit::header::Notes;
use crate::emit::module::Program;
use crate::ir::{Array, Graph, Index, Input, InputId, NodeId};
use crate::signature::{Form, Leaf, List, Output, Primal};
use proc_macro2::{Ident, TokenStream};
use quote::quote;

fn wrt(primal: &Primal) -> Vec<InputId> {
    (0..primal.graph.inputs.len() as u32).map(InputId).filter(|i| primal.graph.input(*i).active).collect()
}

/// The value and the gradient of a scalar function.
pub fn gradient(primal: &Primal) -> Option<Program> {
    let [output] = &primal.outputs[..] else { return None };
    if !output.dims.is_empty() {
        return None;
    }
    let mut graph = primal.graph.clone();
    let one = graph.constant(1.0, graph.dtype(output.node));
    let gradients = derive::reverse(&mut graph, &[(output.node, one)], &wrt(primal));
    Some(Program {
        graph,
        outputs: primal.outputs.clone(),
        gradients,
        extra: vec![],
        lists: primal.lists.clone(),
        notes: Notes::default(),
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
    Program { graph, outputs, gradients, extra, lists, notes: Notes::default() }
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
    let mut extra = vec![];
    let tangent = |arg: Option<usize>, place: &TokenStream| {
        let root = arg.and_then(|a| primal.signature.args.get(a)).map(|a| primal.signature.tangent(a));
        let rest: TokenStream = place.clone().into_iter().skip(1).collect();
        quote!(#root #rest)
    };
    for (input, _) in wrt.iter().zip(&dots) {
        let leaf = &primal.leaves[input.0 as usize];
        let place = tangent(leaf.arg, &leaf.place);
        extra.push(Leaf { arg: leaf.arg, place, form: leaf.form.clone() });
    }
    let mut lists = primal.lists.clone();
    let active = primal.lists.iter().filter(|l| l.active);
    lists.extend(active.map(|l| List { place: tangent(l.arg, &l.place), ..l.clone() }));
    Program { graph, outputs, gradients: vec![], extra, lists, notes: Notes::default() }
}

/// The same program with its graph simplified.
pub fn simplified(program: Program) -> Program {
    let roots: Vec<NodeId> =
        program.outputs.iter().map(|o| o.node).chain(program.gradients.iter().map(|g| g.node)).collect();
    let (graph, new, report) = crate::simplify::simplify(&program.graph, &roots);
    let notes = Notes { operations: [report.ops_before, report.ops_after], rules: report.fired };
    let mut program = Program { graph, notes, ..program };
    let mut new = new.into_iter();
    program.outputs.iter_mut().zip(&mut new).for_each(|(o, n)| o.node = n);
    program.gradients.iter_mut().zip(new).for_each(|(g, n)| g.node = n);
    program
}
