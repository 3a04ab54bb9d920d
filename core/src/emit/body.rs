//! The loops of a plan as Rust: what runs inside a kernel, at one level of SIMD.
//!
//! A frame is one loop that the emitter is inside of. An expression is computed in the outermost frame that has all of
//! its axes, so that what does not change in a loop stands before it. Invariant: operands are emitted before
//! their users, in the order of node numbers, without recursion over expressions.

use super::entry::usize_literal;
use super::expr;
use super::names::{join, product, Names};
use super::place::{self, Linear, Slice};
use crate::ir::{AxisId, Dtype, Node, NodeId, Op, RedOp, Size};
use crate::schedule::{Gemm, Plan, Statement, Step, Work};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use std::collections::{BTreeMap, BTreeSet};

/// A matrix product with sizes up to this is unrolled for its sizes.
const FIXED: i64 = 32;

/// How many elements a frame computes at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Lanes {
    One,
    /// A full vector.
    Full,
    /// The rest of a row that fills no vector.
    Part,
}

/// A run of elements that a vector loop walks.
struct Chunk {
    slice: Slice,
    at: Linear,
    name: Ident,
    mutable: bool,
}

struct Frame {
    axis: Option<AxisId>,
    var: Option<Ident>,
    lanes: Lanes,
    memo: BTreeMap<NodeId, TokenStream>,
    splats: BTreeMap<NodeId, TokenStream>,
    out: TokenStream,
    accumulators: BTreeMap<usize, Ident>,
    chunks: Vec<Chunk>,
    counts: bool,
    /// Which of several accumulators a reduction of this frame goes to, where there are several.
    turn: Option<TokenStream>,
    /// How many elements a partial vector has.
    rest: TokenStream,
}

impl Frame {
    fn new(axis: Option<AxisId>, var: Option<Ident>, lanes: Lanes) -> Self {
        Frame {
            axis,
            var,
            lanes,
            memo: BTreeMap::new(),
            splats: BTreeMap::new(),
            out: TokenStream::new(),
            accumulators: BTreeMap::new(),
            chunks: vec![],
            counts: false,
            turn: None,
            rest: TokenStream::new(),
        }
    }
}

pub struct Body<'a> {
    pub plan: &'a Plan,
    pub names: &'a mut Names,
    pub generics: &'a [String],
    /// Slices that the body reads or writes, with their variables.
    pub slices: BTreeMap<Slice, (Ident, bool)>,
    /// The value of each scalar target.
    pub results: BTreeMap<usize, TokenStream>,
    /// What cannot happen; reported as a compile error.
    pub bugs: Vec<String>,
    /// Names of the targets' memory.
    pub target_names: Vec<String>,
    frames: Vec<Frame>,
    uses: Vec<u32>,
}

impl<'a> Body<'a> {
    pub fn new(plan: &'a Plan, names: &'a mut Names, generics: &'a [String]) -> Self {
        let graph = &plan.graph;
        let mut uses = vec![0; graph.len()];
        let roots: Vec<NodeId> = plan.targets.iter().map(|t| t.node).collect();
        let needed = graph.reachable(&roots);
        for id in graph.ids().filter(|id| needed[id.0 as usize]) {
            graph.operands(id).iter().for_each(|o| uses[o.0 as usize] += 1);
        }
        roots.iter().for_each(|r| uses[r.0 as usize] += 1);
        Body {
            plan,
            names,
            generics,
            slices: BTreeMap::new(),
            results: BTreeMap::new(),
            bugs: vec![],
            target_names: vec![],
            frames: vec![Frame::new(None, None, Lanes::One)],
            uses,
        }
    }

    /// The statements of the whole plan.
    pub fn emit(&mut self) -> TokenStream {
        self.steps(&self.plan.steps);
        self.frames.pop().map(|f| f.out).unwrap_or_default()
    }

    fn top(&mut self) -> &mut Frame {
        if self.frames.is_empty() {
            self.bugs.push("no frame".into());
            self.frames.push(Frame::new(None, None, Lanes::One));
        }
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }

    fn push(&mut self, tokens: TokenStream) {
        self.top().out.extend(tokens);
    }

    fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Run(s) => self.run(*s),
                Step::Loop { axis, body } => self.looped(*axis, body),
            }
        }
    }

    pub fn size(&mut self, size: &Size) -> TokenStream {
        self.names.size(&self.plan.graph, size, self.generics)
    }

    // ---- types ----

    fn vector_type(&self, dtype: Dtype, lanes: Lanes) -> TokenStream {
        match (dtype, lanes) {
            (Dtype::F32, Lanes::One) => quote!(S::S32),
            (Dtype::F32, _) => quote!(S::F32),
            (_, Lanes::One) => quote!(S::S64),
            (_, _) => quote!(S::F64),
        }
    }

    fn name_of(&mut self, slice: Slice, mutable: bool) -> Ident {
        if let Some((name, was)) = self.slices.get_mut(&slice) {
            *was |= mutable;
            return name.clone();
        }
        let name = match slice {
            Slice::Input(i) => self.names.input(&self.plan.graph, i),
            Slice::Buffer(n) => self.node_name(n, "t"),
            Slice::Target(k) => {
                let name = self.target_names.get(k).cloned().unwrap_or_else(|| format!("out{k}"));
                self.names.fresh(&name)
            }
        };
        self.slices.insert(slice, (name.clone(), mutable));
        name
    }

    /// A variable for a node: the user's name for it, or a letter and its number.
    fn node_name(&mut self, id: NodeId, letter: &str) -> Ident {
        match self.plan.graph.name(id) {
            Some(name) => self.names.fresh(name),
            None => self.names.fresh(&format!("{letter}{}", id.0)),
        }
    }

    // ---- positions ----

    fn variable(&self, axis: AxisId) -> Option<&Frame> {
        self.frames.iter().rev().find(|f| f.axis == Some(axis))
    }

    /// The position as a `usize` expression; `None` for nothing to add.
    fn position(&mut self, at: &Linear) -> Option<TokenStream> {
        let mut plus: Vec<TokenStream> = vec![];
        let mut minus: Vec<TokenStream> = vec![];
        if at.offset.as_const() != Some(0) {
            plus.push(self.size(&at.offset));
        }
        for (axis, c) in &at.axes {
            let Some(var) = self.variable(*axis).and_then(|f| f.var.clone()) else {
                self.bugs.push(format!("axis {} is outside of its loop", axis.0));
                continue;
            };
            if c.is_one() {
                plus.push(quote!(#var));
            } else if c.as_const().is_some_and(|c| c < 0) {
                let c = self.size(&c.scale(-1));
                minus.push(quote!(#var * #c));
            } else {
                let c = self.size(c);
                plus.push(quote!(#var * #c));
            }
        }
        for (index, stride, below) in &at.gathers {
            // the whole position along the dimension, checked: a wrong one would read a neighbour
            let mut parts = vec![];
            if let Some(node) = index.gather {
                parts.push(self.int(node));
            }
            if index.offset.as_const() != Some(0) {
                parts.push(self.names.signed_size(&self.plan.graph, &index.offset, self.generics));
            }
            for (axis, c) in &index.terms {
                if let Some(var) = self.variable(*axis).and_then(|f| f.var.clone()) {
                    let c = self.names.signed_size(&self.plan.graph, c, self.generics);
                    parts.push(quote!(#var as isize * #c));
                }
            }
            let (sum, below) = (join(&parts, quote!(+)), self.size(below));
            let index = quote!(rt::bounded(#sum, #below));
            if stride.is_one() {
                plus.push(index);
            } else {
                let stride = self.size(stride);
                plus.push(quote!(#index * #stride));
            }
        }
        if plus.is_empty() && minus.is_empty() {
            return None;
        }
        let mut out = if plus.is_empty() { quote!(0) } else { join(&plus, quote!(+)) };
        for m in minus {
            out.extend(quote!(- #m));
        }
        Some(out)
    }

    // ---- expressions ----

    /// Computes all that the expressions need and is not known yet, in the order of node numbers.
    fn prepare(&mut self, roots: &[NodeId]) {
        let mut todo = BTreeSet::new();
        let mut stack: Vec<NodeId> = roots.to_vec();
        while let Some(id) = stack.pop() {
            if self.known(id).is_some() || !todo.insert(id) {
                continue;
            }
            if self.plan.storage.contains_key(&id) {
                continue;
            }
            match self.plan.graph.node(id) {
                // the array behind a load is memory; only gathered positions are expressions
                Node::Load { index, .. } => stack.extend(index.iter().filter_map(|i| i.gather)),
                _ => stack.extend(self.plan.graph.operands(id)),
            }
        }
        for id in todo {
            self.compute(id);
        }
    }

    fn known(&self, id: NodeId) -> Option<usize> {
        (0..self.frames.len()).rev().find(|f| self.frames[*f].memo.contains_key(&id))
    }

    /// The outermost frame that has all axes of a node.
    fn home(&self, id: NodeId) -> usize {
        let axes = self.plan.graph.axes(id);
        (0..self.frames.len())
            .rev()
            .find(|f| self.frames[*f].axis.is_some_and(|a| axes.contains(&a)))
            .unwrap_or(0)
    }

    /// An operand for use in a frame, splat over the lanes where the frame has more than the operand.
    fn operand(&mut self, id: NodeId, frame: usize) -> TokenStream {
        let Some(from) = self.known(id) else {
            self.bugs.push(format!("%{} is used before it is computed", id.0));
            return quote!(());
        };
        let tokens = self.frames[from].memo[&id].clone();
        if self.frames[frame].lanes == Lanes::One || self.frames[from].lanes != Lanes::One {
            return tokens;
        }
        let dtype = self.plan.graph.dtype(id);
        if let Node::Const(bits) = self.plan.graph.node(id) {
            if dtype.is_float() {
                let v = self.vector_type(dtype, Lanes::Full);
                let value = expr::number(f64::from_bits(*bits), dtype == Dtype::F32);
                return quote!(#v::splat(#value));
            }
        }
        if dtype == Dtype::Int {
            return tokens;
        }
        if let Some(t) = self.frames[frame - 1].splats.get(&id) {
            return t.clone();
        }
        let name = self.names.fresh("each");
        let one = if dtype == Dtype::Bool {
            // all lanes of a mask, or none
            let v = self.vector_type(self.frame_float(), Lanes::Full);
            quote!(let #name = #v::first(if rt::simd::Mask::any(#tokens) { #v::LEN } else { 0 });)
        } else {
            let v = self.vector_type(dtype, Lanes::Full);
            quote!(let #name = #v::splat(#tokens.lane(0));)
        };
        self.frames[frame - 1].out.extend(one);
        let t = quote!(#name);
        self.frames[frame - 1].splats.insert(id, t.clone());
        t
    }

    fn compute(&mut self, id: NodeId) {
        if self.known(id).is_some() {
            return;
        }
        let frame = self.home(id);
        let lanes = self.frames[frame].lanes;
        let dtype = self.plan.graph.dtype(id);
        let v = self.vector_type(dtype, lanes);
        if self.plan.storage.contains_key(&id) {
            if let Some((slice, at)) = place::of_stored(self.plan, id) {
                let t = self.read(slice, &at, frame, dtype);
                self.bind(id, frame, t, 9);
            } else {
                self.bugs.push(format!("%{} is read outside of the loops that compute it", id.0));
            }
            return;
        }
        let (tokens, weight) = match self.plan.graph.node(id).clone() {
            Node::Const(bits) if dtype.is_float() => {
                let value = expr::number(f64::from_bits(bits), dtype == Dtype::F32);
                (quote!(#v::splat(#value)), 0)
            }
            Node::Const(bits) if dtype == Dtype::Bool => {
                let value = f64::from_bits(bits) != 0.0;
                (quote!(#value), 0)
            }
            Node::Size(size) if dtype.is_float() => {
                let ty = format_ident!("{}", dtype.name());
                let size = self.names.signed_size(&self.plan.graph, &size, self.generics);
                (quote!(#v::splat((#size) as #ty)), 2)
            }
            // integers are computed where they are used
            _ if dtype == Dtype::Int => return,
            Node::Load { .. } => match place::of_load(self.plan, id) {
                Some((slice, at)) => (self.read(slice, &at, frame, dtype), 9),
                None => {
                    self.bugs.push(format!("%{} loads what is not stored", id.0));
                    return;
                }
            },
            Node::Cast(x) if self.plan.graph.dtype(x) == Dtype::Int => {
                let ty = format_ident!("{}", dtype.name());
                (self.int_lanes(x, frame, &v, &ty), 3)
            }
            Node::Cast(x) => {
                let ty = format_ident!("{}", dtype.name());
                let x = self.operand(x, frame);
                (quote!(#v::splat(#x.lane(0) as #ty)), 3)
            }
            Node::Apply(op, args) if op.is_bool() && self.plan.graph.dtype(args[0]) == Dtype::Int => {
                let parts: Vec<TokenStream> = args.iter().map(|a| self.int_operand(*a, frame)).collect();
                let tokens = match lanes {
                    Lanes::One => expr::std_apply(op, &parts),
                    _ => expr::apply(op, &parts, &v, false),
                };
                (tokens, 3)
            }
            Node::Apply(Op::Powi, args) => {
                let x = self.operand(args[0], frame);
                let n = self.int(args[1]);
                (quote!(math::powi(#x, #n as i32)), 4)
            }
            Node::Apply(op, args) => {
                if let Some(fused) = self.fused(op, &args, frame) {
                    (fused, 3)
                } else {
                    let parts: Vec<TokenStream> = args.iter().map(|a| self.operand(*a, frame)).collect();
                    let strict = self.plan.graph.math == crate::ir::Math::Strict;
                    (expr::apply(op, &parts, &v, strict), 2)
                }
            }
            node => {
                self.bugs.push(format!("%{} is no expression: {node:?}", id.0));
                return;
            }
        };
        self.bind(id, frame, tokens, weight);
    }

    /// Multiply-adds, where only the sum needs the product.
    fn fused(&mut self, op: Op, args: &[NodeId], frame: usize) -> Option<TokenStream> {
        if self.plan.graph.math == crate::ir::Math::Strict {
            return None;
        }
        let product_of = |this: &Self, id: NodeId| match this.plan.graph.node(id) {
            Node::Apply(Op::Mul, f)
                if this.uses[id.0 as usize] == 1
                    && !this.plan.storage.contains_key(&id)
                    && this.home(id) == frame
                    && f[0] != f[1] =>
            {
                Some((f[0], f[1]))
            }
            _ => None,
        };
        let (a, b) = (*args.first()?, *args.get(1)?);
        match op {
            Op::Add => {
                let ((x, y), z) = match (product_of(self, a), product_of(self, b)) {
                    (_, Some(p)) => (p, a),
                    (Some(p), None) => (p, b),
                    _ => return None,
                };
                let (x, y, z) = (self.operand(x, frame), self.operand(y, frame), self.operand(z, frame));
                Some(quote!(#x.mul_add(#y, #z)))
            }
            Op::Sub => match (product_of(self, a), product_of(self, b)) {
                (_, Some((x, y))) => {
                    let (x, y, z) = (self.operand(x, frame), self.operand(y, frame), self.operand(a, frame));
                    Some(quote!((-#x).mul_add(#y, #z)))
                }
                (Some((x, y)), None) => {
                    let (x, y, z) = (self.operand(x, frame), self.operand(y, frame), self.operand(b, frame));
                    Some(quote!(#x.mul_add(#y, -#z)))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// Remembers a value: under a name where it is used more than once or long, as it stands where not.
    fn bind(&mut self, id: NodeId, frame: usize, tokens: TokenStream, weight: u32) {
        let top = self.frames.len() - 1;
        let short = weight == 0 || (weight < 4 && self.uses[id.0 as usize] <= 1 && frame == top);
        let long = weight > 0 && tokens.to_string().len() > 70;
        if short && !long {
            self.frames[frame].memo.insert(id, tokens);
            return;
        }
        let name = self.node_name(id, "v");
        self.frames[frame].out.extend(quote!(let #name = #tokens;));
        self.frames[frame].memo.insert(id, quote!(#name));
    }

    /// An inactive integer as an `isize` expression, outside of vectors.
    fn int(&mut self, id: NodeId) -> TokenStream {
        let is_float = self.plan.graph.dtype(id).is_float();
        match (self.known(id), self.plan.graph.node(id)) {
            // an exponent has the type of its base, but is an integer
            (_, Node::Cast(x)) if is_float => return self.int(*x),
            (Some(f), _) if !is_float => return self.frames[f].memo[&id].clone(),
            _ => {}
        }
        match self.plan.graph.node(id).clone() {
            Node::Const(bits) => {
                let value = f64::from_bits(bits) as i64;
                let magnitude = proc_macro2::Literal::i64_unsuffixed(value.abs());
                if value < 0 {
                    quote!((-#magnitude))
                } else {
                    quote!(#magnitude)
                }
            }
            Node::Size(size) => self.names.signed_size(&self.plan.graph, &size, self.generics),
            Node::Position(axis) => match self.variable(axis).and_then(|f| f.var.clone()) {
                Some(var) => quote!((#var as isize)),
                None => {
                    self.bugs.push("position outside of its loop".into());
                    quote!(0)
                }
            },
            Node::Load { .. } => match place::of_load(self.plan, id) {
                Some((slice, at)) => {
                    let frame = self.home(id);
                    let name = self.name_of(slice, false);
                    let at = self.position(&at);
                    let tokens = match at {
                        Some(at) => quote!((#name[#at] as isize)),
                        None => match slice {
                            Slice::Input(i) if self.plan.graph.input(i).dims.is_empty() => {
                                quote!((#name as isize))
                            }
                            _ => quote!((#name[0] as isize)),
                        },
                    };
                    let var = self.names.fresh("at");
                    self.frames[frame].out.extend(quote!(let #var = #tokens;));
                    self.frames[frame].memo.insert(id, quote!(#var));
                    quote!(#var)
                }
                None => quote!(0),
            },
            Node::Apply(op, args) => {
                let parts: Vec<TokenStream> = args.iter().map(|a| self.int(*a)).collect();
                expr::std_apply(op, &parts)
            }
            _ => {
                self.bugs.push(format!("%{} is no integer expression", id.0));
                quote!(0)
            }
        }
    }

    /// An integer as an operand of a comparison in a frame; in vectors, as floats.
    fn int_operand(&mut self, id: NodeId, frame: usize) -> TokenStream {
        if self.frames[frame].lanes == Lanes::One {
            return self.int(id);
        }
        let ty = self.frame_float();
        let ident = format_ident!("{}", ty.name());
        let v = self.vector_type(ty, Lanes::Full);
        self.int_lanes(id, frame, &v, &ident)
    }

    /// An integer as a vector of floats.
    fn int_lanes(&mut self, id: NodeId, frame: usize, v: &TokenStream, ty: &Ident) -> TokenStream {
        let axis = self.frames[frame].axis;
        if let (Node::Position(a), true) = (self.plan.graph.node(id), self.frames[frame].lanes != Lanes::One)
        {
            if Some(*a) == axis {
                self.frames[frame].counts = true;
                let var = self.frames[frame].var.clone();
                return quote!((#v::iota() + #v::splat(#var as #ty)));
            }
        }
        let x = self.int(id);
        quote!(#v::splat(#x as #ty))
    }

    /// The float type of the loop that is being emitted.
    fn frame_float(&self) -> Dtype {
        let roots: Vec<NodeId> = self.plan.targets.iter().map(|t| t.node).collect();
        roots.iter().map(|r| self.plan.graph.dtype(*r)).find(|d| d.is_float()).unwrap_or(Dtype::F64)
    }

    // ---- memory ----

    fn read(&mut self, slice: Slice, at: &Linear, frame: usize, dtype: Dtype) -> TokenStream {
        let lanes = self.frames[frame].lanes;
        let v = self.vector_type(dtype, lanes);
        if lanes == Lanes::One {
            let name = self.name_of(slice, false);
            if let Slice::Input(i) = slice {
                if self.plan.graph.input(i).dims.is_empty() {
                    return quote!(#v::splat(#name));
                }
            }
            let at = self.position(at).unwrap_or(quote!(0));
            return quote!(#v::splat(#name[#at]));
        }
        let Some(axis) = self.frames[frame].axis else { return quote!(()) };
        let c = at.coefficient(axis);
        if c.is_one() {
            let chunk = self.chunk(slice, at, frame, axis, false);
            return match lanes {
                Lanes::Part => quote!(#v::load_part(#chunk)),
                _ => quote!(#v::load(#chunk)),
            };
        }
        // elements that lie apart
        self.frames[frame].counts = true;
        let name = self.name_of(slice, false);
        let rest = at.without(axis);
        let base = self.position(&rest).unwrap_or(quote!(0));
        let var = self.frames[frame].var.clone();
        let extent = self.plan.graph.axis_size(axis).clone();
        let n = self.size(&extent);
        if c.as_const().is_some_and(|c| c < 0) {
            let c = self.size(&c.scale(-1));
            quote!(#v::from_fn(|l| if #var + l < #n { #name[#base - (#var + l) * #c] } else { Default::default() }))
        } else {
            let c = self.size(&c);
            match lanes {
                Lanes::Part => quote!(#v::load_strided_part(&#name[#base + #var * #c..], #c, #n - #var)),
                _ => quote!(#v::load_strided(&#name[#base + #var * #c..], #c)),
            }
        }
    }

    /// The variable of a run of elements along the vector axis.
    fn chunk(&mut self, slice: Slice, at: &Linear, frame: usize, axis: AxisId, mutable: bool) -> Ident {
        let at = at.without(axis);
        if let Some(chunk) = self.frames[frame].chunks.iter_mut().find(|c| c.slice == slice && c.at == at) {
            chunk.mutable |= mutable;
            return chunk.name.clone();
        }
        let base = self.name_of(slice, mutable);
        let name = self.names.fresh(&format!("{base}_c"));
        self.frames[frame].chunks.push(Chunk { slice, at, name: name.clone(), mutable });
        name
    }

    /// Writes a value of the top frame to memory.
    fn write(&mut self, slice: Slice, at: &Linear, value: TokenStream, update: Option<RedOp>, dtype: Dtype) {
        let frame = self.frames.len() - 1;
        let lanes = self.frames[frame].lanes;
        let v = self.vector_type(dtype, lanes);
        if lanes == Lanes::One {
            let name = self.name_of(slice, true);
            let at = self.position(at).unwrap_or(quote!(0));
            let tokens = match update {
                None => quote!(#name[#at] = #value.lane(0);),
                Some(op) => {
                    let old = quote!(#v::splat(#name[#at]));
                    let new = expr::combine(op, &old, &value);
                    quote!(#name[#at] = (#new).lane(0);)
                }
            };
            self.push(tokens);
            return;
        }
        let Some(axis) = self.frames[frame].axis else { return };
        if !at.coefficient(axis).is_one() {
            self.bugs.push("a vector is written to elements that lie apart".into());
            return;
        }
        let chunk = self.chunk(slice, at, frame, axis, true);
        let (load, store) = match lanes {
            Lanes::Part => (quote!(load_part), quote!(store_part)),
            _ => (quote!(load), quote!(store)),
        };
        let value = match update {
            None => value,
            Some(op) => {
                let old = quote!(#v::#load(#chunk));
                let new = expr::combine(op, &old, &value);
                quote!((#new))
            }
        };
        self.push(quote!(#value.#store(#chunk);));
    }

    // ---- loops ----

    fn statements(&self, steps: &[Step]) -> Vec<usize> {
        let mut out = vec![];
        let mut stack: Vec<&Step> = steps.iter().rev().collect();
        while let Some(step) = stack.pop() {
            match step {
                Step::Run(s) => out.push(*s),
                Step::Loop { body, .. } => stack.extend(body.iter().rev()),
            }
        }
        out
    }

    /// For a reduction: the depth from which on all loops are reduced, and the outermost reduced one before that.
    fn reduction(&self, statement: &Statement) -> Option<(RedOp, usize, Option<usize>)> {
        let Work::Reduce(node) = statement.work else { return None };
        let Node::Reduce(op, over, _) = self.plan.graph.node(node) else { return None };
        let reduced: Vec<bool> = statement.loops.iter().map(|a| over.contains(a)).collect();
        let suffix = reduced.iter().rev().take_while(|r| **r).count();
        let start = reduced.len() - suffix;
        let outer = reduced[..start].iter().position(|r| *r);
        Some((*op, start, outer))
    }

    fn looped(&mut self, axis: AxisId, body: &[Step]) {
        let depth = self.frames.len() - 1;
        let inside = self.statements(body);
        let vector = self.vectorises(axis, body);
        for s in &inside {
            let statement = &self.plan.statements[*s];
            if let Some((op, start, outer)) = self.reduction(statement) {
                if outer == Some(depth) {
                    self.fill(*s, expr::initial(op));
                }
                if start == depth {
                    self.declare(*s, op, axis, vector);
                }
            }
            if let Work::Part(_, 0) = statement.work {
                if depth == 0 {
                    self.fill(*s, 0.0);
                }
            }
        }
        if vector {
            self.vector_loop(axis, body);
        } else {
            let hint = ["i", "j", "k", "l", "m", "n"].get(depth).copied().unwrap_or("i");
            let var = self.names.fresh(hint);
            self.frames.push(Frame::new(Some(axis), Some(var.clone()), Lanes::One));
            self.steps(body);
            let out = self.frames.pop().map(|f| f.out).unwrap_or_default();
            let n = self.size(&self.plan.graph.axis_size(axis).clone());
            self.push(quote!(for #var in 0..#n { #out }));
        }
        for s in &inside {
            if let Some((op, start, outer)) = self.reduction(&self.plan.statements[*s]) {
                if start == depth {
                    self.finish(*s, op, outer.is_some());
                }
            }
        }
    }

    /// The accumulator of a reduction whose remaining loops are all reduced.
    fn declare(&mut self, s: usize, op: RedOp, axis: AxisId, vector: bool) {
        let statement = &self.plan.statements[s];
        let Some(node) = statement.work.node() else { return };
        let last = statement.loops.last().copied();
        // the innermost loop of the statement is this one, or lies further in and decides for itself
        let lanes = if last == Some(axis) { vector } else { self.innermost_is_vector(s) };
        let dtype = self.plan.graph.dtype(node);
        let v = self.vector_type(dtype, if lanes { Lanes::Full } else { Lanes::One });
        let name = self.names.fresh(op.name());
        let initial = expr::number(expr::initial(op), dtype == Dtype::F32);
        let start = quote!(#v::splat(#initial));
        let start = if lanes && self.takes_turns(s) { quote!([#start; TURNS]) } else { start };
        self.push(quote!(let mut #name = #start;));
        self.top().accumulators.insert(s, name);
    }

    /// The innermost loop of a statement, with its body.
    fn innermost(&self, s: usize) -> Option<(AxisId, &'a [Step])> {
        let mut stack: Vec<&'a Step> = self.plan.steps.iter().collect();
        while let Some(step) = stack.pop() {
            if let Step::Loop { axis, body } = step {
                if body.iter().any(|b| matches!(b, Step::Run(r) if *r == s)) {
                    return Some((*axis, body));
                }
                stack.extend(body);
            }
        }
        None
    }

    fn takes_turns(&self, s: usize) -> bool {
        self.innermost(s).is_some_and(|(axis, body)| self.unrolls(axis, body))
    }

    /// A light loop with reductions runs on several accumulators: one would wait for its own last addition.
    fn unrolls(&self, axis: AxisId, body: &[Step]) -> bool {
        let graph = &self.plan.graph;
        if graph.axis_size(axis).as_const().is_some_and(|n| n < 128) || !self.vectorises(axis, body) {
            return false;
        }
        let (mut reduces, mut reads, mut cost) = (false, false, 0);
        for step in body {
            let Step::Run(s) = step else { return false };
            let statement = &self.plan.statements[*s];
            reduces |= self.reduction(statement).is_some_and(|(_, start, _)| start < statement.loops.len());
            let mut stack = self.plan.expression(&statement.work);
            let mut seen = BTreeSet::new();
            while let Some(id) = stack.pop() {
                let moves = graph.axes(id).contains(&axis);
                if !moves || !seen.insert(id) {
                    continue;
                }
                let at = place::of_stored(self.plan, id).or_else(|| place::of_load(self.plan, id));
                reads |= at.is_some_and(|(_, at)| at.coefficient(axis).is_one());
                if self.plan.storage.contains_key(&id) {
                    continue;
                }
                if let Node::Apply(op, args) = graph.node(id) {
                    cost += op.info().cost;
                    stack.extend(args);
                }
            }
        }
        reduces && reads && cost < 40
    }

    fn innermost_is_vector(&self, s: usize) -> bool {
        self.innermost(s).is_some_and(|(axis, body)| self.vectorises(axis, body))
    }

    /// After the loops of a reduction: its value.
    fn finish(&mut self, s: usize, op: RedOp, update: bool) {
        let Some(node) = self.plan.statements[s].work.node() else { return };
        let Some(name) = self.top().accumulators.get(&s).cloned() else { return };
        let dtype = self.plan.graph.dtype(node);
        let one = self.vector_type(dtype, Lanes::One);
        let vector = self.innermost_is_vector(s);
        let value = if vector {
            let reduce = format_ident!("reduce_{}", op.name());
            let whole = if self.takes_turns(s) {
                let half = |a: usize| {
                    let (a, b) = (usize_literal(a), usize_literal(a + 1));
                    let sum = expr::combine(op, &quote!(#name[#a]), &quote!(#name[#b]));
                    quote!((#sum))
                };
                let sum = expr::combine(op, &half(0), &half(2));
                quote!((#sum))
            } else {
                quote!(#name)
            };
            quote!(#one::splat(#whole.#reduce()))
        } else {
            quote!(#name)
        };
        let done = self.node_name(node, "v");
        self.push(quote!(let #done = #value;));
        let value = quote!(#done);
        if let Some((slice, at)) = place::of_stored(self.plan, node) {
            if !self.plan.storage.get(&node).is_some_and(|s| s.layout.is_empty()) {
                self.write(slice, &at, value.clone(), update.then_some(op), dtype);
            }
        }
        if !update {
            self.top().memo.insert(node, value);
        }
    }

    /// Sets the elements that a statement accumulates into, for the current position of the loops around.
    fn fill(&mut self, s: usize, value: f64) {
        let Some(node) = self.plan.statements[s].work.node() else { return };
        let Some((slice, _)) = place::of_stored(self.plan, node) else { return };
        let dtype = self.plan.graph.dtype(node);
        let name = self.name_of(slice, true);
        let number = expr::number(value, dtype == Dtype::F32);
        let layout = self.plan.storage.get(&node).map(|s| s.layout.clone()).unwrap_or_default();
        let entered: Vec<AxisId> = self.frames.iter().filter_map(|f| f.axis).collect();
        let outer = layout.iter().take_while(|a| entered.contains(a)).count();
        if layout[outer..].iter().any(|a| entered.contains(a)) {
            self.bugs.push("an accumulated array has its loops inside out".into());
            return;
        }
        if outer == 0 {
            match self.covered(s) {
                // what the first part assigns needs no zeros
                Some((start, end)) => {
                    let whole =
                        layout.first().map(|a| self.plan.graph.axis_size(*a).clone()).unwrap_or_default();
                    if start.as_const() != Some(0) {
                        let start = self.size(&start);
                        self.push(quote!(#name[..#start].fill(#number);));
                    }
                    if end != whole {
                        let end = self.size(&end);
                        self.push(quote!(#name[#end..].fill(#number);));
                    }
                }
                None => self.push(quote!(#name.fill(#number);)),
            }
            return;
        }
        let inner: Vec<Size> =
            layout[outer..].iter().map(|a| self.plan.graph.axis_size(*a).clone()).collect();
        let count = self.size(&Size::product(&inner));
        let index: Vec<crate::ir::Index> =
            layout[..outer].iter().map(|a| crate::ir::Index::axis(*a)).collect();
        let dims: Vec<Size> = layout[..outer].iter().map(|a| self.plan.graph.axis_size(*a).clone()).collect();
        let row = place::row_major(&dims, &index);
        let row = self.position(&row).unwrap_or(quote!(0));
        self.push(quote!(#name[(#row) * #count..][..#count].fill(#number);));
    }

    /// The range of a one-dimensional array that the first part of a scatter assigns.
    fn covered(&self, s: usize) -> Option<(Size, Size)> {
        let Work::Part(node, 0) = self.plan.statements.get(s)?.work else { return None };
        let Node::Scatter { view: None, dims, .. } = self.plan.graph.node(node) else { return None };
        let part = self.plan.graph.part(node, 0)?;
        let ([_], [index]) = (&dims[..], &part.index[..]) else { return None };
        match &index.terms[..] {
            [(axis, c)] if c.is_one() && self.lands_once(part) => {
                let end = index.offset.add(self.plan.graph.axis_size(*axis));
                Some((index.offset.clone(), self.plan.graph.sizes.resolve(&end)))
            }
            _ => None,
        }
    }

    /// Every access of the loop's statements fits a vector along the axis.
    fn vectorises(&self, axis: AxisId, body: &[Step]) -> bool {
        let graph = &self.plan.graph;
        if graph.axis_size(axis).as_const().is_some_and(|n| n < 4) {
            return false;
        }
        // the position depends on the axis through a gathered index
        let moves = |i: &crate::ir::Index| {
            i.gather.is_some_and(|g| graph.axes(g).contains(&axis) || i.terms.iter().any(|t| t.0 == axis))
        };
        let mut float = None;
        let mut same = |d: Dtype| !d.is_float() || *float.get_or_insert(d) == d;
        for step in body {
            let Step::Run(s) = step else { return false };
            let work = &self.plan.statements[*s].work;
            let written = match work {
                Work::Gemm(_) => return false,
                Work::Map(n) => place::of_stored(self.plan, *n),
                Work::Reduce(n) => {
                    if !matches!(graph.node(*n), Node::Reduce(_, over, _) if over.contains(&axis)) {
                        place::of_stored(self.plan, *n)
                    } else {
                        None
                    }
                }
                Work::Part(n, k) => place::of_part(self.plan, *n, *k),
                Work::Store(k) => Some(place::of_target(self.plan, *k)),
            };
            if written.is_some_and(|(_, at)| {
                !at.coefficient(axis).is_one() || at.gathers.iter().any(|(i, ..)| moves(i))
            }) {
                return false;
            }
            let mut stack = self.plan.expression(work);
            stack.extend(work.node());
            let mut seen = BTreeSet::new();
            while let Some(id) = stack.pop() {
                if !seen.insert(id) || !graph.axes(id).contains(&axis) && work.node() != Some(id) {
                    continue;
                }
                if !same(graph.dtype(id)) {
                    return false;
                }
                if self.plan.storage.contains_key(&id) && work.node() != Some(id) {
                    continue;
                }
                match graph.node(id) {
                    Node::Load { index, .. } => {
                        if graph.dtype(id) == Dtype::Int || index.iter().any(moves) {
                            return false;
                        }
                    }
                    Node::Cast(x) if graph.dtype(*x) != Dtype::Int => return false,
                    Node::Apply(..) if graph.dtype(id) == Dtype::Int => return false,
                    Node::Scatter { .. } => {}
                    _ => stack.extend(graph.operands(id)),
                }
            }
        }
        true
    }

    fn vector_loop(&mut self, axis: AxisId, body: &[Step]) {
        let var = self.names.fresh("at");
        let n = self.size(&self.plan.graph.axis_size(axis).clone());
        let float = self.loop_float(body);
        let v = self.vector_type(float, Lanes::Full);
        let turns = self.unrolls(axis, body);
        let (turn, left) = (self.names.fresh("turn"), self.names.fresh("left"));
        let emit = |this: &mut Self, lanes: Lanes| {
            let mut frame = Frame::new(Some(axis), Some(var.clone()), lanes);
            (frame.turn, frame.rest) = match (turns, lanes) {
                (true, Lanes::Full) => (Some(quote!(#turn)), TokenStream::new()),
                (true, _) => (Some(quote!(0)), quote!(#left)),
                (false, _) => (None, quote!(#n % #v::LEN)),
            };
            this.frames.push(frame);
            this.steps(body);
            this.frames.pop()
        };
        let (Some(full), Some(part)) = (emit(self, Lanes::Full), emit(self, Lanes::Part)) else { return };
        // every vector width divides the extent
        let whole = self.plan.graph.axis_size(axis).as_const().is_some_and(|n| n % 16 == 0) && !turns;
        let step = if turns { quote!(TURNS * #v::LEN) } else { quote!(#v::LEN) };
        let mut open = TokenStream::new();
        let (mut names, mut iters, mut tails, mut cut) = (vec![], vec![], vec![], TokenStream::new());
        let mut first = None;
        for (k, chunk) in full.chunks.iter().enumerate() {
            let Some((base, _)) = self.slices.get(&chunk.slice).cloned() else { continue };
            let row = match self.position(&chunk.at) {
                Some(at) => quote!([#at..][..#n]),
                None => quote!([..#n]),
            };
            let name = &chunk.name;
            let tail = part.chunks.get(k).map_or_else(|| name.clone(), |c| c.name.clone());
            let rows = format_ident!("{}s", name);
            let kept = if whole { quote!(_) } else { quote!(#tail) };
            let (split, chunks, rest, reference) = match chunk.mutable {
                true => (quote!(split_mut), quote!(chunks_exact_mut), quote!(chunks_mut), quote!(&mut)),
                false => (quote!(split), quote!(chunks_exact), quote!(chunks), quote!(&)),
            };
            open.extend(quote!(let (#rows, #kept) = rt::#split(#reference #base #row, #step);));
            iters.push(quote!(#rows.#chunks(#step)));
            tails.push(quote!(#tail.#rest(#v::LEN)));
            cut.extend(quote!(let #name = #reference #name[#turn * #v::LEN..][..#v::LEN];));
            first.get_or_insert(tail);
            names.push(quote!(#name));
        }
        let tail_names: Vec<TokenStream> = part
            .chunks
            .iter()
            .map(|c| {
                let n = &c.name;
                quote!(#n)
            })
            .collect();
        let (main, rest) = (full.out, part.out);
        let (pattern, iter) = zip(&names, &iters);
        let counts = full.counts || iters.is_empty();
        if turns {
            let (tail_pattern, tail_iter) = zip(&tail_names, &tails);
            let shift = counts.then(|| quote!(let #var = #var + #turn * #v::LEN;));
            let inner = quote!(for #turn in 0..TURNS { #shift #cut #main });
            let (head, tail_head) = match counts {
                true => (
                    quote!((#var, #pattern) in (0..#n).step_by(#step).zip(#iter)),
                    quote!((#var, #tail_pattern) in (#n - #n % (#step)..#n).step_by(#v::LEN).zip(#tail_iter)),
                ),
                false => (quote!(#pattern in #iter), quote!(#tail_pattern in #tail_iter)),
            };
            self.push(
                quote!({ #open for #head { #inner } for #tail_head { let #left = #first.len(); #rest } }),
            );
            return;
        }
        let main = match (counts, iters.is_empty()) {
            (_, true) => quote!(for #var in (0..#n - #n % #v::LEN).step_by(#v::LEN) { #main }),
            (true, _) => quote!(for (#var, #pattern) in (0..#n).step_by(#v::LEN).zip(#iter) { #main }),
            (false, _) => quote!(for #pattern in #iter { #main }),
        };
        let rest = if whole {
            quote!()
        } else {
            let start = counts.then(|| quote!(let #var = #n - #n % #v::LEN;));
            quote!(if #n % #v::LEN != 0 { #start #rest })
        };
        self.push(quote!({ #open #main #rest }));
    }

    fn loop_float(&self, body: &[Step]) -> Dtype {
        let statements = self.statements(body);
        let of = |s: &usize| {
            let work = &self.plan.statements[*s].work;
            work.node()
                .into_iter()
                .chain(self.plan.expression(work))
                .map(|n| self.plan.graph.dtype(n))
                .find(|d| d.is_float())
        };
        statements.iter().find_map(of).unwrap_or(Dtype::F64)
    }

    // ---- statements ----

    fn run(&mut self, s: usize) {
        let work = self.plan.statements[s].work.clone();
        if let Work::Gemm(gemm) = &work {
            self.gemm(gemm);
            return;
        }
        let frame = self.frames.len() - 1;
        match work {
            Work::Map(node) => {
                let operands: Vec<NodeId> = match self.plan.graph.node(node) {
                    Node::Load { index, .. } => index.iter().filter_map(|i| i.gather).collect(),
                    _ => self.plan.graph.operands(node),
                };
                self.prepare(&operands);
                self.map(node, frame);
            }
            Work::Store(k) => {
                let node = self.plan.targets[k].node;
                self.prepare(&[node]);
                let value = self.operand(node, frame);
                if self.plan.targets[k].scalar {
                    self.results.insert(k, value);
                } else {
                    let (slice, at) = place::of_target(self.plan, k);
                    let dtype = self.plan.graph.dtype(node);
                    self.write(slice, &at, value, None, dtype);
                }
            }
            Work::Part(node, k) => {
                let Some(part) = self.plan.graph.part(node, k).cloned() else { return };
                let mut roots = vec![part.value];
                roots.extend(part.index.iter().filter_map(|i| i.gather));
                self.prepare(&roots);
                let value = self.operand(part.value, frame);
                let Some((slice, at)) = place::of_part(self.plan, node, k) else { return };
                let dtype = self.plan.graph.dtype(node);
                if self.frames.len() == 1 && k == 0 {
                    self.fill(s, 0.0);
                }
                // the first part meets only zeros
                let first = k == 0 && self.lands_once(&part);
                self.write(slice, &at, value, (!first).then_some(RedOp::Sum), dtype);
            }
            Work::Reduce(node) => self.reduce(s, node, frame),
            Work::Gemm(_) => {}
        }
    }

    /// No two of a part's values land at the same position.
    fn lands_once(&self, part: &crate::ir::Part) -> bool {
        let mut seen: Vec<AxisId> = vec![];
        for index in &part.index {
            match (&index.terms[..], index.gather) {
                ([], None) => {}
                ([(axis, _)], None) if !seen.contains(axis) => seen.push(*axis),
                _ => return false,
            }
        }
        part.over.iter().all(|a| seen.contains(a))
    }

    /// A stored node at one position.
    fn map(&mut self, node: NodeId, frame: usize) {
        // computed as an expression although it has storage
        let dtype = self.plan.graph.dtype(node);
        let lanes = self.frames[frame].lanes;
        let v = self.vector_type(dtype, lanes);
        let strict = self.plan.graph.math == crate::ir::Math::Strict;
        let tokens = match self.plan.graph.node(node).clone() {
            Node::Apply(Op::Powi, args) => {
                let x = self.operand(args[0], frame);
                let n = self.int(args[1]);
                quote!(math::powi(#x, #n as i32))
            }
            Node::Apply(op, args) => match self.fused(op, &args, frame) {
                Some(fused) => fused,
                None => {
                    let parts: Vec<TokenStream> = args.iter().map(|a| self.operand(*a, frame)).collect();
                    expr::apply(op, &parts, &v, strict)
                }
            },
            Node::Load { .. } => match place::of_load(self.plan, node) {
                Some((slice, at)) => self.read(slice, &at, frame, dtype),
                None => return self.bugs.push("a load of what is not stored".into()),
            },
            Node::Cast(x) => {
                let ty = format_ident!("{}", dtype.name());
                let x = self.operand(x, frame);
                quote!(#v::splat(#x.lane(0) as #ty))
            }
            _ => return self.bugs.push(format!("%{} cannot be mapped", node.0)),
        };
        let name = self.node_name(node, "v");
        self.push(quote!(let #name = #tokens;));
        self.top().memo.insert(node, quote!(#name));
        if let Some((slice, at)) = place::of_stored(self.plan, node) {
            self.write(slice, &at, quote!(#name), None, dtype);
        }
    }

    fn reduce(&mut self, s: usize, node: NodeId, frame: usize) {
        let Node::Reduce(op, _, x) = self.plan.graph.node(node).clone() else { return };
        self.prepare(&[x]);
        let Some((_, start, _)) = self.reduction(&self.plan.statements[s]) else { return };
        let dtype = self.plan.graph.dtype(node);
        if start == self.plan.statements[s].loops.len() {
            // the innermost loop is not reduced: accumulate in memory
            let value = self.operand(x, frame);
            if let Some((slice, at)) = place::of_stored(self.plan, node) {
                self.write(slice, &at, value, Some(op), dtype);
            }
            return;
        }
        let Some(acc) = self.frames.iter().rev().find_map(|f| f.accumulators.get(&s)).cloned() else {
            self.bugs.push("a reduction without an accumulator".into());
            return;
        };
        let lanes = self.frames[frame].lanes;
        let acc = match &self.frames[frame].turn {
            Some(turn) => quote!(#acc[#turn]),
            None => quote!(#acc),
        };
        // Σ a·b in one multiply-add
        if let (RedOp::Sum, Lanes::Full | Lanes::One, Some(f)) = (op, lanes, self.square_or_product(x, frame))
        {
            let (a, b) = (self.operand(f.0, frame), self.operand(f.1, frame));
            self.push(quote!(#acc = #a.mul_add(#b, #acc);));
            return;
        }
        let mut value = self.operand(x, frame);
        if lanes == Lanes::Part {
            let rest = self.frames[frame].rest.clone();
            let v = self.vector_type(dtype, lanes);
            value = match op {
                RedOp::Sum => quote!(#value.keep(#rest)),
                _ => {
                    let initial = expr::number(expr::initial(op), dtype == Dtype::F32);
                    quote!(#value.keep_or(#rest, #v::splat(#initial)))
                }
            };
        }
        let next = expr::combine(op, &quote!(#acc), &value);
        self.push(quote!(#acc = #next;));
    }

    /// The factors of a product that only this sum uses.
    fn square_or_product(&self, x: NodeId, frame: usize) -> Option<(NodeId, NodeId)> {
        if self.plan.graph.math == crate::ir::Math::Strict || self.plan.storage.contains_key(&x) {
            return None;
        }
        match self.plan.graph.node(x) {
            Node::Apply(Op::Mul, f) if self.uses[x.0 as usize] == 1 && self.home(x) == frame => {
                Some((f[0], f[1]))
            }
            _ => None,
        }
    }

    fn gemm(&mut self, gemm: &Gemm) {
        let graph = &self.plan.graph;
        let operand = |id: NodeId| match place::of_stored(self.plan, id) {
            Some(found) => Some(found),
            None => place::of_load(self.plan, id),
        };
        let (Some((a, a_at)), Some((b, b_at)), Some((c, c_at))) =
            (operand(gemm.a.node), operand(gemm.b.node), place::of_stored(self.plan, gemm.node))
        else {
            self.bugs.push("a matrix product of what is not stored".into());
            return;
        };
        let dims = [gemm.rows, gemm.summed, gemm.cols].map(|x| graph.axis_size(x).clone());
        // sizes in the type make register tiles without a remainder at run time
        let known = dims.clone().map(|d| d.as_const());
        let fixed = known.iter().all(|d| d.is_some_and(|n| n <= FIXED));
        let sized = known.iter().flatten().all(|n| *n <= FIXED) && known.iter().flatten().count() == 2;
        let in_type =
            |d: Option<i64>, t: &TokenStream| if d.is_some() { t.clone() } else { quote!({ rt::ANY }) };
        let elem = format_ident!("{}", graph.dtype(gemm.node).name());
        let [m, k, n] = dims.map(|d| self.size(&d));
        let mut matrix = |slice: Slice, at: &Linear, row: AxisId, col: AxisId, mutable: bool| {
            let name = self.name_of(slice, mutable);
            let (rs, cs) = (at.coefficient(row), at.coefficient(col));
            let rest = at.without(row).without(col);
            let offset = self.position(&rest);
            let (rs, cs) = (self.size(&rs), self.size(&cs));
            let data = match offset {
                Some(o) => quote!(#name[#o..]),
                None => quote!(#name[..]),
            };
            (data, rs, cs)
        };
        let (a, ars, acs) = matrix(a, &a_at, gemm.rows, gemm.summed, false);
        let (b, brs, bcs) = matrix(b, &b_at, gemm.summed, gemm.cols, false);
        if !c_at.coefficient(gemm.cols).is_one() {
            self.bugs.push("a matrix product whose result is not row-major".into());
            return;
        }
        let (c, ldc, _) = matrix(c, &c_at, gemm.rows, gemm.cols, true);
        let (a, b) = (quote!(rt::Mat::new(&#a, #ars, #acs)), quote!(rt::Mat::new(&#b, #brs, #bcs)));
        self.push(if fixed {
            quote!(rt::contract_fixed::<#elem, S, #m, #k, #n>(#a, #b, &mut #c, #ldc, false);)
        } else if sized {
            let (rows, cols) = (in_type(known[0], &m), in_type(known[2], &n));
            quote!(rt::contract_sized::<#elem, S, #rows, #cols>(#m, #k, #n, #a, #b, &mut #c, #ldc, false);)
        } else {
            quote!(rt::gemm(#m, #k, #n, #a, #b, &mut #c, #ldc, false);)
        });
    }
}

/// `((a, b), c)` over `a.zip(b).zip(c)`
fn zip(names: &[TokenStream], iters: &[TokenStream]) -> (TokenStream, TokenStream) {
    let mut pairs = names.iter().zip(iters);
    let Some((name, iter)) = pairs.next() else { return (quote!(_), quote!(())) };
    let (mut pattern, mut all) = (name.clone(), iter.clone());
    for (name, iter) in pairs {
        pattern = quote!((#pattern, #name));
        all = quote!(#all.zip(#iter));
    }
    (pattern, all)
}

/// The product of sizes as tokens.
pub fn count(names: &mut Names, plan: &Plan, sizes: &[Size], generics: &[String]) -> TokenStream {
    let parts: Vec<TokenStream> = sizes.iter().map(|s| names.size(&plan.graph, s, generics)).collect();
    if parts.is_empty() {
        quote!(1)
    } else {
        product(&parts)
    }
}
