//! The loops of a plan as Rust: what runs inside a kernel, at one level of SIMD.
//!
//! A frame is one loop that the emitter is inside of. An expression is computed in the outermost frame that has all of
//! its axes, so that what does not change in a loop stands before it. Invariant: operands are emitted before
//! their users, in the order of node numbers, without recursion over expressions.

mod blocks;
mod bounds;
mod calls;
mod direct;
mod expressions;
mod guards;
mod integers;
mod loops;
mod memory;
mod neighbours;
mod numbers;
mod reductions;
mod rows;
mod scans;
mod statements;
mod sweeps;
mod turns;

pub use numbers::Style;

use super::module::uses;
use super::names::{product, Names};
use super::place::{Linear, Slice};
use crate::ir::{AxisId, Dtype, NodeId, Size};
use crate::schedule::{Plan, Step};
use proc_macro2::{Ident, TokenStream};
use quote::quote;
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
    /// A block of points, in a loop whose points are lanes and in the loops inside of it.
    Block,
    /// The points behind the last block that one vector holds, in the same loops.
    Tail,
    /// Neighbours along a loop in those, each such a vector.
    Row,
}

impl Lanes {
    fn blocks(self) -> bool {
        matches!(self, Lanes::Block | Lanes::Tail | Lanes::Row)
    }
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
    /// Where the sums over points go that each element of an array is.
    sums: BTreeMap<usize, Ident>,
    /// A condition that holds wherever the loop runs.
    truth: Option<NodeId>,
    /// What is kept for the next positions of a loop.
    kept: BTreeMap<usize, neighbours::Kept>,
    /// Stands for the loop's axis in arrays that hold one segment: with its variable, or always the first row.
    rows: Option<(AxisId, Option<Ident>)>,
    /// Counted axes whose number of turns is known here.
    counted: BTreeSet<AxisId>,
    /// Where the rows of counted axes start here.
    starts: BTreeMap<AxisId, Ident>,
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
            sums: BTreeMap::new(),
            truth: None,
            kept: BTreeMap::new(),
            rows: None,
            counted: BTreeSet::new(),
            starts: BTreeMap::new(),
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
    /// Inputs that are functions of positions.
    pub computed: BTreeSet<crate::ir::InputId>,
    /// Names of the targets' memory.
    pub target_names: Vec<String>,
    /// What is moved: the function that does it, the parameter, its gradient, and its number.
    pub updates: Vec<(Ident, (Slice, Slice, usize))>,
    pub style: Style,
    /// Operations that no `const fn` has.
    pub missing: BTreeSet<&'static str>,
    /// The function's name, for messages.
    pub function: String,
    /// Inputs that are functions of positions, where those are written out: their arguments and their values.
    pub functions: BTreeMap<crate::ir::InputId, (Vec<TokenStream>, TokenStream)>,
    frames: Vec<Frame>,
    uses: Vec<u32>,
    /// The numbers that scans around carry: each carry with its variable.
    states: BTreeMap<NodeId, Ident>,
    /// Arrays that the vector loop around changes beside reading or changing other rows of them.
    direct: BTreeSet<Slice>,
    /// Conditions that hold here.
    truths: Vec<NodeId>,
    /// The statements in loops whose points are lanes.
    in_lanes: BTreeSet<usize>,
    /// Statements that are left out here.
    skip: BTreeSet<usize>,
    turns: turns::Turns,
    /// Where the loops of flags end: the variables that hold it.
    ends: BTreeMap<NodeId, Ident>,
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
            computed: BTreeSet::new(),
            target_names: vec![],
            updates: vec![],
            style: Style::default(),
            missing: BTreeSet::new(),
            function: String::new(),
            functions: BTreeMap::new(),
            frames: vec![Frame::new(None, None, Lanes::One)],
            uses,
            states: BTreeMap::new(),
            direct: BTreeSet::new(),
            truths: vec![],
            in_lanes: plan.in_lanes(),
            skip: BTreeSet::new(),
            turns: turns::Turns::default(),
            ends: BTreeMap::new(),
        }
    }

    /// The statements of the whole plan.
    pub fn emit(&mut self) -> TokenStream {
        self.count_rows();
        if !self.updates.is_empty() {
            return self.with_updates();
        }
        self.steps(&self.plan.steps);
        self.frames.pop().map(|f| f.out).unwrap_or_default()
    }

    /// The statements, and behind the last one that names a parameter or its gradient the parameter's update.
    fn with_updates(&mut self) -> TokenStream {
        let mut parts: Vec<TokenStream> = vec![];
        let mut rest = &self.plan.steps[..];
        while !rest.is_empty() {
            let guarded = self.guarded(rest);
            let (first, others) = rest.split_at(guarded.max(1));
            if guarded == 0 {
                first.iter().for_each(|s| self.step(s));
            }
            parts.push(std::mem::take(&mut self.top().out));
            rest = others;
        }
        for (update, (params, gradient, k)) in std::mem::take(&mut self.updates) {
            let [params, gradient] = [params, gradient].map(|slice| self.name_of(slice, true));
            let names =
                |part: &TokenStream| uses(part, &params.to_string()) || uses(part, &gradient.to_string());
            let k = proc_macro2::Literal::usize_unsuffixed(k);
            let update = quote!(#update(#k, &mut *#params, &*#gradient););
            match parts.iter_mut().rev().find(|part| names(part)) {
                Some(last) => last.extend(update),
                None => parts.push(update),
            }
        }
        self.frames.pop();
        parts.into_iter().collect()
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
        let mut rest = steps;
        while let Some((first, others)) = rest.split_first() {
            let guarded = self.guarded(rest);
            if guarded == 0 {
                self.step(first);
                rest = others;
            } else {
                rest = &rest[guarded..];
            }
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Run(s) => self.run(*s),
            Step::Loop { axis, body } if self.frames.len() == 1 && self.plan.is_in_lanes(step) => {
                self.lanes_loop(*axis, body)
            }
            Step::Loop { axis, body } => self.looped(*axis, body),
        }
    }

    pub fn size(&mut self, size: &Size) -> TokenStream {
        self.name_turns(size);
        self.names.size(&self.plan.graph, size, self.generics)
    }

    fn signed_size(&mut self, size: &Size) -> TokenStream {
        self.name_turns(size);
        self.names.signed_size(&self.plan.graph, size, self.generics)
    }

    // ---- types ----

    fn vector_type(&self, dtype: Dtype, lanes: Lanes) -> TokenStream {
        match (dtype, lanes) {
            (Dtype::F32, Lanes::One) => quote!(S::S32),
            (Dtype::F32, Lanes::Block | Lanes::Row) => quote!(S::B32),
            (Dtype::F32, Lanes::Tail) => quote!(S::T32),
            (Dtype::F32, _) => quote!(S::F32),
            (_, Lanes::One) => quote!(S::S64),
            (_, Lanes::Block | Lanes::Row) => quote!(S::B64),
            (_, Lanes::Tail) => quote!(S::T64),
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
            Slice::Callee(c) => {
                let name = format!("call_{}", self.plan.graph.callee(c).name);
                self.names.fresh(&name)
            }
            Slice::Buffer(n) => self.node_name(n, "t"),
            Slice::Kept(n) => {
                let hint = format!("{}_kept", self.plan.graph.name(n).unwrap_or("state"));
                self.names.fresh(&hint)
            }
            Slice::Target(k) => {
                let name = self.target_names.get(k).cloned().unwrap_or_else(|| format!("out{k}"));
                self.names.fresh(&name)
            }
            Slice::Turns(_) => self.names.fresh("kept"),
            Slice::Ends(_) => self.names.fresh("ends"),
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
