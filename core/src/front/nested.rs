//! Calls of derivatives in a body: `loss::gradient(x)` is the body of `loss` in the place of the call, differentiated there.
//!
//! The arguments that the inner derivative is for are marked: it stops at the marks, and the outer derivative goes
//! through them. Invariant: calls that loops or closures tell apart have derivatives of their own.

use super::env::{Env, Tensor, Value};
use super::options;
use super::Lower;
use crate::diag::{Errors, Kind};
use crate::ir::{AxisId, Dtype, NodeId, Op};
use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use std::rc::Rc;
use syn::ExprCall;

/// Functions of a generated module that may be called in a body.
pub fn is_derivative(name: &str) -> bool {
    matches!(
        name,
        "gradient"
            | "value_and_gradient"
            | "jvp"
            | "vjp"
            | "hvp"
            | "jacobian"
            | "value_and_jacobian"
            | "hessian"
    )
}

/// The arguments that a derivative is for.
pub struct Marked {
    wrt: Option<Vec<Ident>>,
    list: Vec<(String, Tensor)>,
}

impl Marked {
    pub fn wants(&self, run: &mut Lower, ident: &Ident, ty: &syn::Type) -> bool {
        match &self.wrt {
            Some(names) => names.contains(ident),
            None => run.differentiable(ty),
        }
    }

    /// The argument behind a mark.
    pub fn argument(&mut self, run: &mut Lower, ident: &Ident, value: Value, at: &dyn ToTokens) -> Value {
        let t = match value {
            Value::Tensor(t) => run.canonical(&t),
            Value::Poison => return Value::Poison,
            _ => {
                let help = "take the fields as arguments, or write the derivative out";
                let what =
                    format!("a derivative here with respect to `{ident}`, which is no number or array,");
                return run.unsupported(at, &what, help);
            }
        };
        run.marks += 1;
        let mut tag = run.graph.constant(f64::from(run.marks), Dtype::Int);
        // elements that are equal are told apart
        for axis in t.own_axes() {
            if !run.graph.axes(t.node).contains(&axis) {
                let position = run.graph.position(axis, Dtype::Int);
                tag = run.graph.apply(Op::Add, &[tag, position]);
            }
        }
        let node = run.graph.apply(Op::Mark, &[t.node, tag]);
        let t = Tensor { node, active: true, ..t };
        self.list.push((ident.to_string(), t.clone()));
        Value::Tensor(t)
    }
}

impl Lower {
    /// A derivative of the function `item` in the place of the call.
    pub fn derivative(
        &mut self,
        what: &str,
        (attr, item): (TokenStream, TokenStream),
        env: Env,
        mut args: Vec<Value>,
        c: Option<&ExprCall>,
        at: &dyn ToTokens,
    ) -> Value {
        let asked = options::parse(attr.clone(), &mut Errors::default());
        let Some(count) = syn::parse2::<syn::ItemFn>(item.clone()).ok().map(|i| i.sig.inputs.len()) else {
            return self.unsupported(at, "this call", "call a function with `#[differentiable]`");
        };
        if syn::parse2::<syn::ItemFn>(item.clone()).is_ok_and(|i| super::function::changes(&i)) {
            let what = "the derivative here of a function that changes its arguments";
            return self.unsupported(at, what, "let the function return what it computes");
        }
        let more = args.split_off(count.min(args.len()));
        let mut marked = Marked { wrt: asked.wrt, list: vec![] };
        let value = self.inline((attr, item), env, args, c, at, Some(&mut marked));
        let outputs: Option<Vec<Tensor>> = match &value {
            Value::Tensor(t) => Some(vec![t.clone()]),
            Value::Tuple(list) => list
                .iter()
                .map(|v| match v {
                    Value::Tensor(t) => Some(t.clone()),
                    _ => None,
                })
                .collect(),
            Value::Poison => return Value::Poison,
            _ => None,
        };
        let Some(outputs) = outputs else {
            return self.unsupported(at, "the derivative of this result here", "return numbers and arrays");
        };
        let outputs: Vec<Tensor> = outputs.iter().map(|t| self.canonical(t)).collect();
        let along: Vec<AxisId> = self
            .outer
            .iter()
            .copied()
            .filter(|a| outputs.iter().any(|o| self.graph.axes(o.node).contains(a)))
            .collect();
        let wanted = match what {
            "jvp" | "hvp" => marked.list.len(),
            "vjp" => outputs.len(),
            _ => 0,
        };
        if more.len() != wanted {
            let text = format!("{} arguments", count + wanted);
            self.errors.push(Kind::Argument, at, &[&format!("`{what}`"), &text, ""]);
            return Value::Poison;
        }
        let scalar = matches!(&outputs[..], [one] if one.rank() == 0);
        if !scalar && matches!(what, "gradient" | "value_and_gradient" | "hvp" | "hessian") {
            let help = "take the `vjp` or the `jvp`";
            return self.unsupported(at, &format!("`{what}` of a result that is no scalar"), help);
        }
        let likes: Vec<Tensor> = match what {
            "vjp" => outputs.clone(),
            _ => marked.list.iter().map(|m| m.1.clone()).collect(),
        };
        let Some(directions) = self.like_all(&likes, more, at) else { return Value::Poison };
        let whole = self.together(&outputs);
        match what {
            "gradient" | "value_and_gradient" | "vjp" => {
                let seeds: Vec<NodeId> = match what {
                    "vjp" => directions,
                    _ => vec![self.graph.constant(1.0, self.graph.dtype(outputs[0].node))],
                };
                let gradient = self.reversed(&outputs, &seeds, &marked, &along);
                let gradient = self.by_argument(&marked, gradient);
                match what {
                    "gradient" => gradient,
                    _ => Value::Tuple(vec![whole, gradient]),
                }
            }
            "jvp" => {
                let nodes: Vec<NodeId> = outputs.iter().map(|o| o.node).collect();
                let tangents = self.pushed(&nodes, &directions, &marked, &along);
                let tangents: Vec<Tensor> =
                    outputs.iter().zip(tangents).map(|(o, node)| Tensor { node, ..o.clone() }).collect();
                let tangents = self.together(&tangents);
                Value::Tuple(vec![whole, tangents])
            }
            "hvp" => {
                let one = self.graph.constant(1.0, self.graph.dtype(outputs[0].node));
                let gradient = self.reversed(&outputs, &[one], &marked, &along);
                let product = self.pushed(&gradient, &directions, &marked, &along);
                let gradient = self.by_argument(&marked, gradient);
                let product = self.by_argument(&marked, product);
                Value::Tuple(vec![whole, gradient, product])
            }
            _ => self.matrix(what, &outputs, &marked, &along, at),
        }
    }

    /// `jacobian` and `hessian` with respect to one argument.
    fn matrix(
        &mut self,
        what: &str,
        outputs: &[Tensor],
        marked: &Marked,
        along: &[AxisId],
        at: &dyn ToTokens,
    ) -> Value {
        let ([output], [(_, argument)]) = (outputs, &marked.list[..]) else {
            let help = "name one argument with `wrt`, or take the `jvp` or the `hvp`";
            return self.unsupported(at, &format!("`{what}` with respect to several arguments here"), help);
        };
        let rows = match what {
            "hessian" => {
                let one = self.graph.constant(1.0, self.graph.dtype(output.node));
                let node = self.reversed(outputs, &[one], marked, along).first().copied();
                node.map(|node| Tensor { node, ..argument.clone() })
            }
            _ => Some(output.clone()),
        };
        let Some(rows) = rows else { return Value::Poison };
        let own = argument.own_axes();
        let fresh: Vec<AxisId> = own
            .iter()
            .map(|a| {
                let size = self.graph.axis_size(*a).clone();
                self.graph.fresh_axis(&size)
            })
            .collect();
        let dtype = self.graph.dtype(argument.node);
        let seed = (self.modes.one_hot)(&mut self.graph, &own, &fresh, dtype);
        let all: Vec<AxisId> = along.iter().chain(&fresh).copied().collect();
        let node = self.pushed(&[rows.node], &[seed], marked, &all);
        let mut columns = fresh.iter();
        let mut axes = rows.axes.clone();
        axes.extend(argument.axes.iter().map(|a| a.and_then(|_| columns.next().copied())));
        let dims = rows.dims.iter().chain(&argument.dims).cloned().collect();
        let Some(node) = node.first().copied() else { return Value::Poison };
        let nd = rows.nd || (rows.rank() == 0 && argument.nd);
        if rows.rank() > 0 && argument.rank() > 0 && rows.nd != argument.nd {
            let help = "let both be `ndarray` arrays, or none";
            return self.unsupported(at, "a matrix of arrays of two kinds", help);
        }
        let matrix = self.canonical(&Tensor { node, dims, axes, active: true, nd });
        match what {
            "value_and_jacobian" => Value::Tuple(vec![Value::Tensor(output.clone()), Value::Tensor(matrix)]),
            _ => Value::Tensor(matrix),
        }
    }

    fn reversed(
        &mut self,
        outputs: &[Tensor],
        seeds: &[NodeId],
        marked: &Marked,
        along: &[AxisId],
    ) -> Vec<NodeId> {
        let seeds: Vec<(NodeId, NodeId)> = outputs.iter().zip(seeds).map(|(o, s)| (o.node, *s)).collect();
        let nodes: Vec<NodeId> = marked.list.iter().map(|m| m.1.node).collect();
        if let Some(call) =
            self.moves_without_rule(&outputs.iter().map(|o| o.node).collect::<Vec<_>>(), &nodes, false)
        {
            self.ruleless(call, false);
        }
        let span = self.graph.span;
        let gradient = (self.modes.reverse)(&mut self.graph, &seeds, &nodes, along);
        self.graph.span = span;
        gradient
    }

    fn pushed(
        &mut self,
        nodes: &[NodeId],
        directions: &[NodeId],
        marked: &Marked,
        along: &[AxisId],
    ) -> Vec<NodeId> {
        let directions: Vec<(NodeId, NodeId)> =
            marked.list.iter().zip(directions).map(|(m, d)| (m.1.node, *d)).collect();
        let sources: Vec<NodeId> = marked.list.iter().map(|m| m.1.node).collect();
        if let Some(call) = self.moves_without_rule(nodes, &sources, true) {
            self.ruleless(call, true);
        }
        let span = self.graph.span;
        let tangents = (self.modes.forward)(&mut self.graph, nodes, &directions, along);
        self.graph.span = span;
        tangents
            .into_iter()
            .zip(nodes)
            .map(|(t, n)| t.unwrap_or_else(|| self.graph.constant(0.0, self.graph.dtype(*n))))
            .collect()
    }

    fn moves_without_rule(&self, nodes: &[NodeId], sources: &[NodeId], forward: bool) -> Option<NodeId> {
        (self.modes.ruleless)(&self.graph, nodes, Some(sources), forward)
    }

    /// Values of the shapes of others, over the same axes.
    fn like_all(&mut self, likes: &[Tensor], values: Vec<Value>, at: &dyn ToTokens) -> Option<Vec<NodeId>> {
        let mut out = vec![];
        for (like, value) in likes.iter().zip(values) {
            let t = self.tensor(value, Some(self.graph.dtype(like.node)), at)?;
            let t = self.canonical(&t);
            let same = t.rank() == like.rank()
                && t.dims.iter().zip(&like.dims).all(|(a, b)| self.graph.sizes.unify(a, b))
                && self.graph.dtype(t.node) == self.graph.dtype(like.node);
            if !same {
                let (a, b) = (self.shape_text(&t.dims), self.shape_text(&like.dims));
                let help = "a direction has the shape and the type of what it belongs to";
                self.errors.push(Kind::Shape, at, &["a direction", &a, &b, help]);
                return None;
            }
            let pairs = t.axes.iter().zip(&like.axes).filter_map(|(a, b)| Some(((*a)?, (*b)?)));
            let (from, to): (Vec<AxisId>, Vec<AxisId>) = pairs.unzip();
            out.push(self.graph.rename(t.node, &from, &to));
        }
        Some(out)
    }

    /// One result alone, several as a tuple.
    fn together(&self, parts: &[Tensor]) -> Value {
        match parts {
            [one] => Value::Tensor(one.clone()),
            many => Value::Tuple(many.iter().map(|t| Value::Tensor(t.clone())).collect()),
        }
    }

    /// A gradient: of one argument its own, of several a struct.
    fn by_argument(&self, marked: &Marked, nodes: Vec<NodeId>) -> Value {
        let mut parts = marked
            .list
            .iter()
            .zip(nodes)
            .map(|((name, t), node)| (name.clone(), Value::Tensor(Tensor { node, ..t.clone() })));
        match marked.list.len() {
            1 => parts.next().map_or(Value::Poison, |p| p.1),
            _ => Value::Struct(Rc::new(parts.collect())),
        }
    }
}
