//! Calls that stay calls: functions whose bodies are not read, with the rules that the user wrote for their derivatives.
//!
//! Invariant: a call carries the conditions under which it runs, and an argument that moves has a rule or is an error.

use super::env::{Tensor, Value};
use super::host::names;
use super::options::{Asked, Custom};
use super::scope::moved;
use super::types::{strip, Known};
use super::Lower;
use crate::diag::{source, Kind};
use crate::ir::{AxisId, Callee, CalleeId, Calling, Dtype, Given, NodeId, Op};
use crate::signature::{Called, Form, Passed, Returned, Rule, RuleKind};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, ToTokens};
use syn::{ItemFn, PatType, ReturnType};

/// An argument of a call: the parameter, its value, and how inactive code says it.
pub struct Argument<'a> {
    pub param: &'a PatType,
    pub name: String,
    pub value: Value,
    pub host: Option<TokenStream>,
}

/// The paths to a function and to the module beside it, as the generated module says them.
#[derive(Clone)]
pub struct Paths {
    pub function: TokenStream,
    pub module: TokenStream,
}

/// What the kernel gives to all functions of one call: the value's and the rules'.
struct Prepared {
    positions: Vec<(Ident, NodeId)>,
    args: Vec<Passed>,
    given: Vec<Given>,
    /// The differentiated arguments: their numbers among those given, their names, and their forms.
    wrt: Vec<(usize, String, Form)>,
    active: bool,
}

impl Lower {
    /// The paths to a function that is called, seen from the function around the call.
    pub fn paths(&self, path: &TokenStream) -> Paths {
        match &self.env.scope {
            None => {
                let function = own_path(path);
                Paths { module: function.clone(), function }
            }
            Some(_) => {
                let function = self.looked_up(path.clone());
                Paths { module: function.clone(), function }
            }
        }
    }

    /// The rules of the function that is expanded.
    pub fn rules_of(custom: &Custom) -> Vec<Rule> {
        let one = |kind, path: &Option<syn::Path>| {
            path.as_ref().map(|p| Rule { kind, path: own_path(&p.to_token_stream()) })
        };
        let all = [
            one(RuleKind::Gradient, &custom.gradient),
            one(RuleKind::Vjp, &custom.vjp),
            one(RuleKind::Jvp, &custom.jvp),
        ];
        all.into_iter().flatten().collect()
    }

    /// A call of a function with rules of the user's.
    pub fn foreign(
        &mut self,
        item: &ItemFn,
        asked: &Asked,
        arguments: Vec<Argument>,
        paths: &Paths,
        at: &dyn ToTokens,
    ) -> Value {
        let (false, ReturnType::Type(_, output)) = (self.refuses(at), &item.sig.output) else {
            return Value::Poison;
        };
        let (own, recursive) = (Custom::default(), asked.custom.is_none());
        let custom = asked.custom.as_ref().unwrap_or(&own);
        let name = item.sig.ident.to_string();
        let Known::Numbers(form, dtype) = self.known(output) else {
            let help = "return f32, f64 or arrays of them";
            self.errors.push(Kind::Type, output, &[&source(output), help]);
            return Value::Poison;
        };
        if !form.is_fixed() || !dtype.is_float() {
            let help = "a function with rules of its own returns a number or an array `[f64; N]`";
            self.errors.push(Kind::Type, output, &[&source(output), help]);
            return Value::Poison;
        }
        if form.rank() > 0 && recursive {
            let help = "a function that calls itself returns one number";
            self.errors.push(Kind::Type, output, &[&source(output), help]);
            return Value::Poison;
        }
        if form.rank() > 0 && custom.gradient.is_some() {
            let help = "write `custom(vjp = path)`: a function of the arguments and the cotangent of the result, which returns the gradient";
            self.errors.push(Kind::Rule, output, &[&name, "a result that is an array", help]);
            return Value::Poison;
        }
        let values: Vec<Value> = arguments.iter().map(|a| a.value.clone()).collect();
        let Some(prepared) = self.prepared(&name, asked, arguments, dtype, at) else { return Value::Poison };
        let guard = self.call_guard(&prepared);
        let dims = self.dims_of(&form, "result");
        let axes = self.layout(&dims);
        let along: Vec<AxisId> = axes.iter().flatten().copied().collect();

        let callee =
            |run: &mut Self, path: TokenStream, more: Vec<Passed>, results: Vec<Returned>, info: Callee| {
                let args = prepared.args.iter().cloned().chain(more).collect();
                let positions = prepared.positions.iter().map(|p| p.0.clone()).collect();
                let (name, at) = (name.clone(), at.to_token_stream());
                // the gradients of a recursion are added to memory
                let array = |w: &(usize, String, Form)| !prepared.given[w.0].1.is_empty();
                let sums = match info.adjoint {
                    true => prepared.wrt.iter().map(array).collect(),
                    false => vec![],
                };
                run.callee_of(Called { path, name, at, positions, args, results, sums }, info)
            };
        let gradient = || -> Vec<Returned> {
            let one = |(k, name, form): &(usize, String, Form)| Returned {
                form: form.clone(),
                of: Some((*k - prepared.positions.len(), name.clone())),
                number: prepared.wrt.len() == 1 && prepared.given[*k].1.is_empty(),
            };
            prepared.wrt.iter().map(one).collect()
        };
        let module = &paths.module;
        let rule = |kind: RuleKind| {
            let function = format_ident!("{}", kind.function());
            quote!(#module::#function)
        };
        let number = along.is_empty();
        let owned = |form: &Form| Passed::Given { form: form.clone(), ty: quote!(), by_ref: false, number };
        let whole = || vec![Returned { form: form.clone(), of: None, number }];
        let bare = |suffix: &str| Callee { name: format!("{name}_{suffix}"), ..Callee::default() };
        let generated = |function: &str| {
            let function = Ident::new(function, Span::call_site());
            quote!(#module::#function)
        };
        let wrt: Vec<usize> = prepared.wrt.iter().map(|w| w.0).collect();
        let vjp = if recursive {
            let arrays = wrt.iter().copied().filter(|k| !prepared.given[*k].1.is_empty());
            let info = Callee { with_value: true, adjoint: true, adds: arrays.collect(), ..bare("adjoint") };
            let path = generated("adjoint");
            Some(callee(self, path, vec![owned(&form)], whole(), info))
        } else {
            let path = rule(RuleKind::Vjp);
            custom.vjp.as_ref().map(|_| callee(self, path, vec![owned(&form)], gradient(), bare("vjp")))
        };
        let forward = custom.jvp.is_some() || (recursive && asked.more.jvp);
        let jvp = forward.then(|| {
            let tangents = prepared.wrt.iter().filter_map(|(k, ..)| {
                prepared
                    .args
                    .iter()
                    .filter(|a| matches!(a, Passed::Given { .. }))
                    .nth(k - prepared.positions.len())
            });
            let tangents: Vec<Passed> = tangents.cloned().collect();
            match recursive {
                true => {
                    let both = [
                        Returned { form: form.clone(), of: None, number: false },
                        Returned { form: form.clone(), of: None, number: false },
                    ];
                    let info = Callee { with_value: true, ..bare("jvp") };
                    callee(self, generated("jvp"), tangents, both.to_vec(), info)
                }
                false => callee(self, rule(RuleKind::Jvp), tangents, whole(), bare("jvp")),
            }
        });
        let info = Callee { name: name.clone(), wrt: wrt.clone(), vjp, jvp, ..Callee::default() };
        let value = callee(self, paths.function.clone(), vec![], whole(), info);

        let mut partials = vec![];
        if let Some(path) = &custom.gradient {
            partials = vec![None; prepared.given.len()];
            let path = path.to_token_stream();
            let known = self.env.defs.get(&super::path_key(&path)).is_some();
            let nodes = match known {
                true => match self.inlined_rule(&path, values, &prepared, at) {
                    Some(nodes) => nodes,
                    None => return Value::Poison,
                },
                false => {
                    let rule = callee(self, rule(RuleKind::Gradient), vec![], gradient(), bare("rule"));
                    let calling = Calling { callee: rule, args: prepared.given.clone(), guard };
                    let shapes: Vec<Vec<AxisId>> = wrt.iter().map(|k| prepared.given[*k].1.clone()).collect();
                    self.graph.results(calling, &shapes, dtype).1
                }
            };
            wrt.iter().zip(nodes).for_each(|(k, node)| partials[*k] = Some(node));
        }
        let calling = Calling { callee: value, args: prepared.given.clone(), guard };
        let node = self.graph.call(calling, along, partials, dtype);
        Value::Tensor(Tensor { node, dims, axes, active: prepared.active, nd: false })
    }

    /// The number of a function among those that are called.
    fn callee_of(&mut self, called: Called, info: Callee) -> CalleeId {
        // what it is, wherever it stands
        let arg = |a: &Passed| match a {
            Passed::Host(tokens) => tokens.to_string(),
            Passed::Given { form, ty, by_ref, number } => format!("{form:?} {ty} {by_ref} {number}"),
        };
        let text = |c: &Called| {
            let args: Vec<String> = c.args.iter().map(arg).collect();
            let positions: Vec<String> = c.positions.iter().map(Ident::to_string).collect();
            format!("{} {positions:?} {args:?} {:?} {:?}", c.path, c.results, c.sums)
        };
        let wanted = text(&called);
        let known = self.callees.iter().position(|c| text(&c.0) == wanted);
        let k = known.unwrap_or_else(|| {
            self.callees.push((called, info));
            self.callees.len() - 1
        });
        // a body that is lowered again begins with an earlier graph
        let there = self.graph.callees.len();
        self.graph.callees.extend(self.callees.iter().skip(there).map(|c| c.1.clone()));
        CalleeId(k as u32)
    }

    /// The arguments as the kernel gives them, or as inactive code.
    fn prepared(
        &mut self,
        name: &str,
        asked: &Asked,
        arguments: Vec<Argument>,
        dtype: Dtype,
        at: &dyn ToTokens,
    ) -> Option<Prepared> {
        let mut args: Vec<(Passed, Option<Given>)> = vec![];
        let mut positions: Vec<(Ident, NodeId)> = vec![];
        let (mut wrt, mut any) = (vec![], false);
        for argument in arguments {
            let ty = &argument.param.ty;
            if matches!(&**ty, syn::Type::Reference(r) if r.mutability.is_some()) {
                let help = "take `&` and return the new value";
                let what = "a function with `&mut` arguments that is not inlined";
                self.errors.push(Kind::Function, at, &[what, help]);
                return None;
            }
            let (stripped, by_ref) = strip(ty);
            let differentiated = match &asked.wrt {
                Some(names) => names.iter().any(|n| *n == argument.name),
                None => true,
            } && self.differentiable(ty);
            let active = argument.value.active();
            any |= active;
            let known = self.known(ty);
            let number = match (&known, &argument.value) {
                (Known::Numbers(Form::Nd { .. }, _), _) if active || differentiated => {
                    let help = "take slices or arrays: `&[f64]`, `[f64; N]`";
                    let what = "a function with rules of its own and `ndarray` arguments";
                    self.errors.push(Kind::Function, at, &[what, help]);
                    return None;
                }
                (Known::Numbers(form, d), _) if d.is_float() && !matches!(form, Form::Nd { .. }) => {
                    Some((form.clone(), *d))
                }
                // integers in their own type where inactive code has them
                (Known::Numbers(form @ Form::Scalar(_), d), Value::Int(_) | Value::Tensor(_))
                    if argument.host.is_none() =>
                {
                    Some((form.clone(), *d))
                }
                _ => None,
            };
            let Some((form, d)) = number else {
                let host = match (&argument.host, &argument.value) {
                    (Some(tokens), _) | (None, Value::Host(tokens)) if !active => tokens.clone(),
                    _ => {
                        let help = "take numbers and arrays apart, or bind what is inactive with `let`";
                        let what =
                            format!("this argument `{}` of a function that is not inlined", argument.name);
                        self.errors.push(Kind::Unsupported, at, &[&what, help]);
                        return None;
                    }
                };
                let mentioned = names(&host);
                for (position, node) in self.host_positions.clone() {
                    let new = !positions.iter().any(|p| p.0 == position);
                    if mentioned.contains(&position) && new {
                        positions.push((Ident::new(&position, Span::call_site()), node));
                    }
                }
                args.push((Passed::Host(host), None));
                continue;
            };
            let t = self.tensor(argument.value.clone(), Some(d), at)?;
            let mut t = self.canonical(&t);
            // nothing comes back from a call that does not run; partials are multiplied with what does
            let partials = asked.custom.as_ref().is_some_and(|c| c.gradient.is_some());
            while let (crate::ir::Node::Apply(Op::When, of), false) = (self.graph.node(t.node), partials) {
                if !self.env.guards.contains(&of[0]) {
                    break;
                }
                t.node = of[1];
            }
            if d.is_float() && d != dtype {
                let what = format!("arguments and a result of `{name}`");
                self.errors.push(Kind::Dtypes, at, &[&what, d.name(), dtype.name()]);
                return None;
            }
            if self.unsized_length(&form) {
                let help = "let the lengths of arrays be numbers, or const generics of the function around";
                let what = format!("an array `{}` whose length only the run tells", argument.name);
                self.errors.push(Kind::Unsupported, at, &[&what, help]);
                return None;
            }
            if active && !differentiated {
                let help = format!("add `{}` to its `wrt`, or pass `chainrule::constant(…)`", argument.name);
                let what = format!("`{}`, which is differentiated here", argument.name);
                self.errors.push(Kind::Rule, at, &[name, &what, &help]);
                return None;
            }
            if differentiated {
                wrt.push((
                    args.iter().filter(|a| a.1.is_some()).count(),
                    argument.name.clone(),
                    form.clone(),
                ));
            }
            let ty = moved(stripped.to_token_stream());
            let bound = t.own_axes();
            let number = bound.is_empty();
            args.push((Passed::Given { form, ty, by_ref, number }, Some((t.node, bound))));
        }
        let first = positions.len();
        let given = positions.iter().map(|p| (p.1, vec![])).chain(args.iter().filter_map(|a| a.1.clone()));
        Some(Prepared {
            given: given.collect(),
            args: args.into_iter().map(|a| a.0).collect(),
            wrt: wrt.into_iter().map(|(k, name, form)| (k + first, name, form)).collect(),
            positions,
            active: any,
        })
    }

    /// Whether a length in the type is neither a number nor a const generic.
    fn unsized_length(&self, form: &Form) -> bool {
        match form {
            Form::Array(item, n) => {
                let text = self.graph.sizes.show(&self.graph.sizes.resolve(n));
                let number = text.parse::<usize>().is_ok();
                let generic = self.generics.contains(&text);
                !(number || generic) || self.unsized_length(item)
            }
            Form::Slice(item) => self.unsized_length(item),
            _ => false,
        }
    }

    /// The condition under which a call runs: the branches and loops around it.
    fn call_guard(&mut self, prepared: &Prepared) -> Option<NodeId> {
        let mut guard = self.guard_from(0);
        let mut own: Vec<AxisId> = prepared
            .given
            .iter()
            .flat_map(|(n, bound)| self.graph.axes(*n).iter().filter(|a| !bound.contains(a)).copied())
            .collect();
        own.extend(guard.map_or(vec![], |g| self.graph.axes(g).to_vec()));
        for axis in self.outer.clone() {
            let size = self.graph.axis_size(axis).clone();
            let holds = match self.graph.sizes.counted(&size) {
                true => self.graph.scans.iter().rev().find(|s| s.axis == axis).and_then(|s| s.go),
                // in a loop without positions, nothing runs
                false if !own.contains(&axis) => {
                    let n = self.graph.size(&size, Dtype::Int);
                    let zero = self.graph.constant(0.0, Dtype::Int);
                    Some(self.graph.apply(Op::Gt, &[n, zero]))
                }
                false => None,
            };
            guard = match (guard, holds) {
                (Some(a), Some(b)) => Some(self.graph.apply(Op::And, &[a, b])),
                (a, b) => a.or(b),
            };
        }
        guard
    }

    /// The gradient as the body of the rule, which is a differentiable function itself.
    fn inlined_rule(
        &mut self,
        path: &TokenStream,
        values: Vec<Value>,
        prepared: &Prepared,
        at: &dyn ToTokens,
    ) -> Option<Vec<NodeId>> {
        let parts = match (self.call_path(path, values, None, at), prepared.wrt.len()) {
            (Value::Poison, _) => return None,
            (Value::Tuple(list), n) if n > 1 && list.len() == n => list,
            (one, 1) => vec![one],
            _ => {
                let text = format!("{} gradients in a tuple", prepared.wrt.len());
                self.errors.push(Kind::Result, at, &["something else", &text]);
                return None;
            }
        };
        let mut out = vec![];
        for (part, (k, name, _)) in parts.into_iter().zip(&prepared.wrt) {
            let (arg, bound) = prepared.given[*k].clone();
            let t = self.tensor(part, Some(self.graph.dtype(arg)), at)?;
            let t = self.canonical(&t);
            if t.own_axes() != bound || self.graph.dtype(t.node) != self.graph.dtype(arg) {
                let (a, b) = (self.shape_text(&t.dims), format!("that of `{name}`"));
                self.errors.push(
                    Kind::Shape,
                    at,
                    &["the rule's gradient", &a, &b, "it has the argument's shape"],
                );
                return None;
            }
            out.push(t.node);
        }
        Some(out)
    }

    /// Errors for calls that move, and have no rule for what is asked.
    pub fn check_rules(&mut self, asked: &Asked) {
        let outputs: Vec<NodeId> = self.outputs.iter().map(|o| o.node).collect();
        let more = &asked.more;
        let scalar = matches!(&self.outputs[..], [one] if one.dims.is_empty());
        let missing = |run: &Self, forward| (run.modes.ruleless)(&run.graph, &outputs, None, forward);
        let (reverse, forward) = (missing(self, false), missing(self, true));
        if let (Some(call), true) = (reverse, scalar || more.vjp || more.hvp || more.hessian) {
            return self.ruleless(call, false);
        }
        if let (Some(call), true) = (forward, more.jvp) {
            return self.ruleless(call, true);
        }
        if let (Some(call), Some(_), true) = (reverse, forward, more.jacobian) {
            return self.ruleless(call, false);
        }
        if !(more.hvp || more.hessian) {
            return;
        }
        let needed = self.graph.reachable(&outputs);
        for id in self.graph.ids().filter(|id| needed[id.0 as usize]) {
            let crate::ir::Node::Call { partials, .. } = self.graph.node(id) else { continue };
            let partials: Vec<NodeId> = partials.iter().flatten().copied().collect();
            let again = (self.modes.ruleless)(&self.graph, &partials, None, true);
            if again.is_some() || (partials.is_empty() && self.depends_on_active(id)) {
                return self.ruled_once(id);
            }
        }
    }

    fn called(&self, call: NodeId) -> (String, TokenStream) {
        let found = match self.graph.node(call) {
            crate::ir::Node::Call { callee, .. } => self.callees.get(callee.0 as usize),
            _ => None,
        };
        found.map_or((String::new(), TokenStream::new()), |(c, _)| (c.name.clone(), c.at.clone()))
    }

    /// A call has no rule for reverse, or forward, mode.
    pub fn ruleless(&mut self, call: NodeId, forward: bool) {
        let (name, at) = self.called(call);
        let rule = match self.graph.node(call) {
            crate::ir::Node::Call { callee, .. } => {
                let info = self.graph.callee(*callee);
                info.vjp.is_none() && info.jvp.is_none() && info.wrt.is_empty()
            }
            _ => false,
        };
        if rule {
            return self.ruled_once(call);
        }
        let (mode, help) = match forward {
            true if self.is_recursion(call) => (
                "forward mode",
                "a function that calls itself has it where it asks for it: `#[differentiable(jvp)]`",
            ),
            true => (
                "forward mode",
                "write `custom(jvp = path)` too: a function of the arguments and of tangents of the differentiated ones, which returns the tangent of the result",
            ),
            false => (
                "reverse mode",
                "write `custom(vjp = path)` too: a function of the arguments and of the cotangent of the result, which returns the gradient",
            ),
        };
        self.errors.push(Kind::Rule, &at, &[&name, mode, help]);
    }

    /// The function of a call calls itself, or is the adjoint of one that does.
    fn is_recursion(&self, call: NodeId) -> bool {
        let crate::ir::Node::Call { callee, .. } = self.graph.node(call) else { return false };
        let info = self.graph.callee(*callee);
        info.with_value || info.vjp.is_some_and(|v| self.graph.callee(v).with_value)
    }

    fn ruled_once(&mut self, call: NodeId) {
        let (name, at) = self.called(call);
        if self.is_recursion(call) {
            let help = "a function that calls itself has first derivatives; write a loop for more";
            return self.errors.push(Kind::Rule, &at, &[&name, "second derivatives", help]);
        }
        let help = format!(
            "make the rule `#[differentiable]`, and say so at `{name}` by asking for second derivatives there: `#[differentiable(custom = path, hvp)]`"
        );
        self.errors.push(Kind::Rule, &at, &[&name, "second derivatives", &help]);
    }
}

/// A path of the function's module, said one level below. A name alone may not be one of the generated module's.
pub fn own_path(path: &TokenStream) -> TokenStream {
    let path = moved(path.clone());
    let module = (path.clone().into_iter().count() == 1).then(|| quote!(super::));
    quote!(#module #path)
}
