//! The text form of a plan: its tree of loops with their statements, and where each stored value lives.
//!
//! Invariant: an expression is shown down to what is stored; a part that is used more than once has a line of its own.

use super::{Place, Plan, Statement, Step, Storage, Sweep, Work};
use crate::ir::{Array, AxisId, Checkpoint, Dtype, Index, Node, NodeId, Op, RedOp, Size};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// A line longer than this is broken by names for its parts.
const WIDTH: usize = 80;

/// The plan as text; `targets` are the names of the memory that it writes.
pub fn show(plan: &Plan, targets: &[String]) -> String {
    let mut text = Text {
        plan,
        targets,
        lines: String::new(),
        uses: uses(plan),
        scopes: vec![BTreeMap::new()],
        letters: vec![],
    };
    text.steps(&plan.steps, 0);
    text.results();
    text.storage();
    text.lines
}

/// The values that are computed in more than one place because they are not stored, in order.
pub fn recomputed(plan: &Plan) -> Vec<NodeId> {
    let mut places: BTreeMap<NodeId, BTreeSet<Vec<usize>>> = BTreeMap::new();
    let mut todo: Vec<(Vec<(usize, AxisId)>, &Step)> = plan.steps.iter().map(|s| (vec![], s)).collect();
    let mut loops = 0;
    while let Some((path, step)) = todo.pop() {
        match step {
            Step::Loop { axis, body } => {
                loops += 1;
                let mut path = path;
                path.push((loops, *axis));
                todo.extend(body.iter().map(|s| (path.clone(), s)));
            }
            Step::Run(s) => {
                for id in inside(plan, &plan.statements[*s]) {
                    // an expression is computed in the innermost loop over one of its axes
                    let axes = plan.graph.axes(id);
                    let depth = path.iter().rposition(|(_, a)| axes.contains(a)).map_or(0, |d| d + 1);
                    let place = path[..depth].iter().map(|p| p.0).collect();
                    places.entry(id).or_default().insert(place);
                }
            }
        }
    }
    places.into_iter().filter(|(_, places)| places.len() > 1).map(|(id, _)| id).collect()
}

/// The operations that a statement computes, in order.
fn inside(plan: &Plan, statement: &Statement) -> BTreeSet<NodeId> {
    let mut out = BTreeSet::new();
    let mut stack = plan.expression(&statement.work);
    if matches!(statement.work, Work::Gemm(_)) {
        return out;
    }
    stack.extend(match statement.work {
        Work::Map(id) => Some(id),
        _ => None,
    });
    let own = statement.work.node();
    while let Some(id) = stack.pop() {
        if plan.storage.contains_key(&id) && Some(id) != own {
            continue;
        }
        let operation = matches!(plan.graph.node(id), Node::Apply(..));
        if operation && Some(id) != own && plan.graph.dtype(id).is_float() && !out.insert(id) {
            continue;
        }
        match plan.graph.node(id) {
            Node::Load { .. } => {}
            _ => stack.extend(plan.graph.operands(id)),
        }
    }
    out
}

/// How often each node is read.
fn uses(plan: &Plan) -> Vec<u32> {
    let graph = &plan.graph;
    let mut uses = vec![0; graph.len()];
    let roots: Vec<NodeId> = plan.targets.iter().map(|t| t.node).collect();
    let needed = graph.reachable(&roots);
    for id in graph.ids().filter(|id| needed[id.0 as usize]) {
        graph.operands(id).iter().for_each(|o| uses[o.0 as usize] += 1);
    }
    roots.iter().for_each(|r| uses[r.0 as usize] += 1);
    uses
}

struct Text<'a> {
    plan: &'a Plan,
    targets: &'a [String],
    lines: String,
    uses: Vec<u32>,
    /// The text of what is known in each of the loops around.
    scopes: Vec<BTreeMap<NodeId, String>>,
    /// Axes that have a letter, in the order of their appearance.
    letters: Vec<AxisId>,
}

impl Text<'_> {
    fn line(&mut self, depth: usize, text: &str) {
        let _ = writeln!(self.lines, "{}{text}", "    ".repeat(depth));
    }

    fn steps(&mut self, steps: &[Step], depth: usize) {
        for step in steps {
            match step {
                Step::Loop { axis, body } => {
                    let (name, graph) = (self.axis(*axis), &self.plan.graph);
                    self.line(
                        depth,
                        &format!("for {name} < {} {{", graph.sizes.show(graph.axis_size(*axis))),
                    );
                    self.scopes.push(BTreeMap::new());
                    self.steps(body, depth + 1);
                    self.scopes.pop();
                    self.line(depth, "}");
                }
                Step::Run(s) if self.plan.idle.contains(s) => {}
                Step::Run(s) => self.statement(&self.plan.statements[*s], depth),
            }
        }
    }

    fn statement(&mut self, statement: &Statement, depth: usize) {
        let text = match &statement.work {
            Work::Map(id) => {
                let value = self.expression(*id, true, depth);
                format!("{} = {value}", self.element(*id))
            }
            Work::Reduce(id) => {
                let Node::Reduce(op, _, x) = *self.plan.graph.node(*id) else { return };
                let value = self.value(x, depth);
                format!("{} {} {value}", self.element(*id), reduction(op))
            }
            Work::Part(id, k) => {
                let Node::Scatter { view, parts, .. } = self.plan.graph.node(*id) else { return };
                let count = if self.plan.neighbours(*id, *k).is_some() { 2 } else { 1 };
                let mut lines = vec![];
                for part in parts.iter().skip(*k).take(count) {
                    let value = self.value(part.value, depth);
                    let (view, at) = (self.view(view), self.indices(&part.index, depth));
                    lines.push(format!("{}{view}[{at}] += {value}", self.name(*id)));
                }
                let text = lines.pop().unwrap_or_default();
                lines.iter().for_each(|l| self.line(depth, l));
                text
            }
            Work::List(id) => {
                let Node::Scatter { parts, .. } = self.plan.graph.node(*id) else { return };
                let mut lines = vec![];
                for part in parts {
                    let (value, at) = (self.value(part.value, depth), self.indices(&part.index, depth));
                    lines.push(format!("{}[{at}] = {value}", self.name(*id)));
                }
                let text = lines.pop().unwrap_or_default();
                lines.iter().for_each(|l| self.line(depth, l));
                text
            }
            Work::Write(id, false) => {
                let Node::Write { array, .. } = *self.plan.graph.node(*id) else { return };
                let value = self.value(array, depth);
                format!("{} = {value}", self.element(*id))
            }
            Work::Write(id, true) => {
                let Node::Write { value, index, .. } = self.plan.graph.node(*id).clone() else { return };
                let (value, at) = (self.value(value, depth), self.indices(&index, depth));
                format!("{}[{at}] = {value}", self.name(*id))
            }
            Work::Zero(id) => format!("{} = 0", self.name(*id)),
            Work::Added(_) => return,
            Work::Call(id) => {
                let Node::Call { callee, args, guard, .. } = self.plan.graph.node(*id).clone() else {
                    return;
                };
                let args: Vec<String> = args.iter().map(|a| self.value(a.0, depth)).collect();
                let guard = guard.map_or(String::new(), |g| format!(" if {}", self.value(g, depth)));
                let name = self.plan.graph.callee(callee).name.clone();
                format!("{} = {name}({}){guard}", self.element(*id), args.join(", "))
            }
            Work::Start { .. } => return,
            Work::Go(scan) => {
                let go = self.plan.graph.scan(*scan).go;
                let go = go.map_or(String::new(), |n| self.value(n, depth));
                format!("go on while {go}")
            }
            Work::Carry(id) => {
                let init = self.plan.graph.operands(*id).first().copied();
                let init = init.map_or(String::new(), |n| self.value(n, depth));
                let reversed = matches!(self.plan.graph.node(*id), Node::Carry { scan, .. } if self.plan.graph.scan(*scan).reversed);
                let order = if reversed { ", from the last position to the first" } else { "" };
                format!("{} = carried from {init}{order}", self.element(*id))
            }
            Work::Next { carry, last } => {
                let next = self.plan.graph.operands(*last).first().copied();
                let next = next.map_or(String::new(), |n| self.value(n, depth));
                format!("{} carries {next}", self.element(*carry))
            }
            Work::Gemm(g) => {
                let (a, b) = (self.value(g.a.node, depth), self.value(g.b.node, depth));
                let (c, summed) = (self.element(g.node), self.axis(g.summed));
                let sign = if g.again.is_empty() { "=" } else { "+=" };
                format!("gemm {c} {sign} Σ[{summed}] {a} · {b}")
            }
            Work::Store(k) => {
                let Some(target) = self.plan.targets.get(*k) else { return };
                let value = self.value(target.node, depth);
                let dims = self.axes(&target.dims);
                let name = self.target(*k);
                match dims.is_empty() {
                    true => format!("{name} = {value}"),
                    false => format!("{name}[{dims}] = {value}"),
                }
            }
        };
        self.line(depth, &text);
    }

    /// The numbers that the kernel returns.
    fn results(&mut self) {
        for k in 0..self.plan.targets.len() {
            let target = &self.plan.targets[k];
            let written = self.plan.statements.iter().any(|s| matches!(s.work, Work::Store(j) if j == k));
            if target.scalar && !written {
                let (name, value) = (self.target(k), self.value(target.node, 0));
                self.line(0, &format!("{name} = {value}"));
            }
        }
    }

    fn storage(&mut self) {
        let plan = self.plan;
        let mut lines = vec![];
        for (id, storage) in &plan.storage {
            let place = match storage.place {
                Place::Buffer => "workspace".to_string(),
                Place::Shared(owner) => format!("in the memory of {}", self.name(owner)),
                Place::Local | Place::Target(_) => continue,
            };
            lines.push(format!("{}: {}, {place}", self.name(*id), extent(plan, *id)));
        }
        if !lines.is_empty() {
            self.line(0, "stored {");
            lines.iter().for_each(|l| self.line(1, l));
            self.line(0, "}");
        }
        for sweep in &plan.sweeps {
            let state: Vec<String> = sweep.state.iter().map(|(carry, _)| self.name(*carry)).collect();
            self.line(0, &format!("kept {}: {}", kept(sweep), state.join(", ")));
        }
    }

    // ---- names ----

    fn target(&self, k: usize) -> String {
        self.targets.get(k).cloned().unwrap_or_else(|| format!("target_{k}"))
    }

    fn name(&self, id: NodeId) -> String {
        if let Some(Storage { place: Place::Target(k), .. }) = self.plan.storage.get(&id) {
            return self.target(*k);
        }
        match self.plan.graph.name(id) {
            // equal names are told apart by the number
            Some(name) => {
                match self.plan.storage.keys().any(|o| *o < id && self.plan.graph.name(*o) == Some(name)) {
                    true => format!("{name}.{}", id.0),
                    false => name.to_string(),
                }
            }
            None => format!("t{}", id.0),
        }
    }

    /// A letter for each axis.
    fn axis(&mut self, axis: AxisId) -> String {
        const LETTERS: &str = "ijklmnpqrs";
        let k = self.letters.iter().position(|a| *a == axis).unwrap_or_else(|| {
            self.letters.push(axis);
            self.letters.len() - 1
        });
        let (round, k) = (k / LETTERS.len(), k % LETTERS.len());
        let number = if round == 0 { String::new() } else { (round + 1).to_string() };
        format!("{}{number}", &LETTERS[k..k + 1])
    }

    fn axes(&mut self, axes: &[AxisId]) -> String {
        axes.iter().map(|a| self.axis(*a)).collect::<Vec<_>>().join(", ")
    }

    /// A stored node at the loops' own position.
    fn element(&mut self, id: NodeId) -> String {
        let plan = self.plan;
        match plan.storage.get(&id) {
            Some(s) if !s.layout.is_empty() => format!("{}[{}]", self.name(id), self.axes(&s.layout)),
            _ => self.name(id),
        }
    }

    fn view(&self, view: &Option<Vec<Size>>) -> String {
        let sizes = &self.plan.graph.sizes;
        match view {
            Some(dims) => {
                format!(" as ({})", dims.iter().map(|d| sizes.show(d)).collect::<Vec<_>>().join(", "))
            }
            None => String::new(),
        }
    }

    // ---- expressions ----

    fn known(&self, id: NodeId) -> Option<&String> {
        self.scopes.iter().rev().find_map(|s| s.get(&id))
    }

    /// The text of a value, after lines for the parts that are used more than once.
    fn value(&mut self, id: NodeId, depth: usize) -> String {
        self.expression(id, false, depth)
    }

    /// The same; a root that is stored may be computed here.
    fn expression(&mut self, root: NodeId, computed: bool, depth: usize) -> String {
        let plan = self.plan;
        let computing = |id: NodeId| computed && id == root;
        let (mut todo, mut stack) = (BTreeSet::new(), vec![root]);
        while let Some(id) = stack.pop() {
            let read = plan.storage.contains_key(&id) && !computing(id);
            if self.known(id).is_some() || !todo.insert(id) || read {
                continue;
            }
            match plan.graph.node(id) {
                Node::Load { index, .. } => stack.extend(index.iter().filter_map(|i| i.gather)),
                _ => stack.extend(plan.graph.operands(id)),
            }
        }
        let mut last = String::new();
        for id in todo {
            let read = plan.storage.contains_key(&id) && !computing(id);
            let mut text = if read { self.element(id) } else { self.node(id) };
            if id == root {
                last = text;
                break;
            }
            let operation = matches!(plan.graph.node(id), Node::Apply(..) | Node::Cast(_)) && !read;
            if operation && (self.uses[id.0 as usize] > 1 || text.len() > WIDTH) {
                let name = self.name(id);
                self.line(depth, &format!("{name} = {}", bare(&text)));
                text = name;
            }
            if let Some(scope) = self.scopes.last_mut() {
                scope.insert(id, text);
            }
        }
        match self.known(root) {
            Some(text) => text.clone(),
            None => bare(&last).to_string(),
        }
    }

    fn operand(&self, id: NodeId) -> String {
        self.known(id).cloned().unwrap_or_else(|| self.name(id))
    }

    fn indices(&mut self, index: &[Index], depth: usize) -> String {
        for gather in index.iter().filter_map(|i| i.gather) {
            let text = self.value(gather, depth);
            if let Some(scope) = self.scopes.last_mut() {
                scope.insert(gather, text);
            }
        }
        self.index_texts(index)
    }

    fn index_texts(&mut self, index: &[Index]) -> String {
        let sizes = &self.plan.graph.sizes;
        let mut one = |i: &Index| {
            let mut parts: Vec<String> = vec![];
            for (axis, c) in &i.terms {
                let name = self.axis(*axis);
                parts.push(if c.is_one() { name } else { format!("{}·{name}", sizes.show(c)) });
            }
            parts.extend(i.gather.map(|g| self.operand(g)));
            if i.offset.as_const() != Some(0) || parts.is_empty() {
                parts.push(sizes.show(&i.offset));
            }
            parts.join(" + ")
        };
        index.iter().map(&mut one).collect::<Vec<_>>().join(", ")
    }

    fn node(&mut self, id: NodeId) -> String {
        let plan = self.plan;
        let graph = &plan.graph;
        match graph.node(id) {
            Node::Const(bits) => match graph.dtype(id) {
                Dtype::Bool => (f64::from_bits(*bits) != 0.0).to_string(),
                _ => f64::from_bits(*bits).to_string(),
            },
            Node::Size(size) => graph.sizes.show(size),
            Node::Position(axis) => format!("position({})", self.axis(*axis)),
            Node::Load { array: Array::Node(n, bound), view: None, index }
                if plan.storage.contains_key(n) =>
            {
                // in the order of memory, whose loops may have dropped some dimensions
                let layout = plan.storage.get(n).map_or(&[][..], |s| &s.layout);
                let at = |a: &AxisId| match bound.iter().position(|b| b == a) {
                    Some(k) => index.get(k).cloned().unwrap_or_default(),
                    None => Index::axis(*a),
                };
                let index: Vec<Index> = layout.iter().map(at).collect();
                format!("{}[{}]", self.name(*n), self.index_texts(&index))
            }
            Node::Load { array, view, index } => {
                let base = match array {
                    Array::Input(i) => graph.input(*i).name.clone(),
                    Array::Node(n, _) => self.name(*n),
                };
                match index.is_empty() {
                    true => base,
                    false => format!("{base}{}[{}]", self.view(view), self.index_texts(index)),
                }
            }
            Node::Carry { init, .. } => format!("carried from {}", self.operand(*init)),
            Node::Final { next, .. } => format!("the last {}", self.operand(*next)),
            Node::Write { array, index, value, .. } => {
                let at = self.index_texts(index);
                format!("{} with [{at}] = {}", self.operand(*array), self.operand(*value))
            }
            Node::Apply(op, args) => {
                let args: Vec<String> = args.iter().map(|a| self.operand(*a)).collect();
                match (infix(*op), &args[..]) {
                    (Some(sign), [a, b]) => format!("({a} {sign} {b})"),
                    _ if *op == Op::Neg => format!("(-{})", args[0]),
                    _ => {
                        let args: Vec<&str> = args.iter().map(|a| bare(a)).collect();
                        format!("{}({})", op.info().name, args.join(", "))
                    }
                }
            }
            Node::Cast(x) => format!("({} as {})", self.operand(*x), graph.dtype(id).name()),
            Node::Reduce(..) | Node::Scatter { .. } | Node::Call { .. } | Node::Added { .. } => {
                self.element(id)
            }
        }
    }
}

/// The text without parentheses that enclose all of it.
fn bare(text: &str) -> &str {
    let Some(inner) = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')) else { return text };
    let mut depth = 0i32;
    for c in inner.chars() {
        depth += i32::from(c == '(') - i32::from(c == ')');
        if depth < 0 {
            return text;
        }
    }
    inner
}

fn infix(op: Op) -> Option<&'static str> {
    Some(match op {
        Op::Add => "+",
        Op::Sub => "-",
        Op::Mul => "·",
        Op::Div => "/",
        Op::Rem => "%",
        Op::Lt => "<",
        Op::Le => "<=",
        Op::Gt => ">",
        Op::Ge => ">=",
        Op::Eq => "==",
        Op::Ne => "!=",
        Op::And => "and",
        Op::Or => "or",
        _ => return None,
    })
}

fn reduction(op: RedOp) -> &'static str {
    match op {
        RedOp::Sum => "+=",
        RedOp::Prod => "·=",
        RedOp::Max => "max=",
        RedOp::Min => "min=",
        RedOp::LogSumExp => "logsumexp=",
    }
}

/// Where the state of a recurrence is kept.
pub fn kept(sweep: &Sweep) -> String {
    match sweep.kept {
        Checkpoint::Every(1) => "before each iteration".to_string(),
        Checkpoint::Every(k) => format!("before one iteration in {k}"),
        Checkpoint::Halving => "before iterations that halve what is left".to_string(),
    }
}

/// The type and the sizes of a stored value: `f32[B, 128]`.
pub fn extent(plan: &Plan, id: NodeId) -> String {
    let layout = plan.storage.get(&id).map_or(&[][..], |s| &s.layout);
    let sizes: Vec<String> = layout.iter().map(|a| plan.graph.sizes.show(plan.graph.axis_size(*a))).collect();
    format!("{}[{}]", plan.graph.dtype(id).name(), sizes.join(", "))
}
