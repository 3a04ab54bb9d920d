//! The language of the e-graph, what is known about a class, and the ways from a graph and back to one.
//!
//! Invariant: the type is part of every term, so values of two types are never equal.

use super::facts::{self, Facts};
use super::pattern::View;
use crate::ir::rebuild::{rebuild, with_operands};
use crate::ir::{Array, AxisId, Dtype, FastMap, Graph, Node, NodeId, Op, RedOp};
use egg::{Analysis, DidMerge, EClass, EGraph, Id, Language};

/// What a term does with its operands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Head {
    Const(u64),
    Apply(Op),
    Cast,
    /// Over the set of axes with this number.
    Reduce(RedOp, u32),
    /// The shape with this number: a load, a scatter, a size, a position.
    Shape(u32),
}

#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Term {
    pub head: Head,
    pub dtype: Dtype,
    pub args: Vec<Id>,
}

impl Language for Term {
    type Discriminant = (Head, Dtype);
    fn discriminant(&self) -> Self::Discriminant {
        (self.head, self.dtype)
    }
    fn matches(&self, other: &Self) -> bool {
        self.head == other.head && self.dtype == other.dtype && self.args.len() == other.args.len()
    }
    fn children(&self) -> &[Id] {
        &self.args
    }
    fn children_mut(&mut self) -> &mut [Id] {
        &mut self.args
    }
}

/// What is known about a class.
#[derive(Clone, Debug)]
pub struct Info {
    pub facts: Facts,
    pub constant: Option<u64>,
    /// The number of the set of axes that the value depends on.
    pub axes: u32,
    pub dtype: Dtype,
    pub span: u32,
}

/// A node with its operands taken out.
#[derive(Clone, Debug)]
struct Shape {
    node: Node,
    axes: u32,
    facts: Facts,
}

/// Tables beside the terms: sets of axes, extents, shapes.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    sets: Vec<Vec<AxisId>>,
    set_of: FastMap<Vec<AxisId>, u32>,
    unions: FastMap<(u32, u32), u32>,
    counts: Vec<Option<u64>>,
    shapes: Vec<Shape>,
    shape_of: FastMap<(Node, Dtype), u32>,
    /// The user's expression that new terms belong to.
    pub span: u32,
}

impl Tables {
    pub fn new(graph: &Graph) -> Self {
        let count = |i: usize| {
            let size = graph.sizes.resolve(graph.axis_size(AxisId(i as u32)));
            size.as_const().and_then(|n| u64::try_from(n).ok())
        };
        let mut tables = Tables { counts: (0..graph.axis_count()).map(count).collect(), ..Tables::default() };
        tables.set(&[]);
        tables
    }

    pub fn axes(&self, set: u32) -> &[AxisId] {
        &self.sets[set as usize]
    }

    pub fn set(&mut self, axes: &[AxisId]) -> u32 {
        if let Some(known) = self.set_of.get(axes) {
            return *known;
        }
        let number = self.sets.len() as u32;
        self.sets.push(axes.to_vec());
        self.set_of.insert(axes.to_vec(), number);
        number
    }

    fn union(&mut self, a: u32, b: u32) -> u32 {
        if a == b || b == 0 {
            return a;
        }
        if a == 0 {
            return b;
        }
        if let Some(known) = self.unions.get(&(a, b)) {
            return *known;
        }
        let mut all = self.sets[a as usize].clone();
        all.extend(self.axes(b));
        all.sort();
        all.dedup();
        let number = self.set(&all);
        self.unions.insert((a, b), number);
        number
    }

    pub fn minus(&mut self, a: u32, b: u32) -> u32 {
        let left: Vec<AxisId> =
            self.sets[a as usize].iter().copied().filter(|x| !self.sets[b as usize].contains(x)).collect();
        self.set(&left)
    }

    fn intersection(&mut self, a: u32, b: u32) -> u32 {
        if a == b {
            return a;
        }
        let both: Vec<AxisId> =
            self.sets[a as usize].iter().copied().filter(|x| self.sets[b as usize].contains(x)).collect();
        self.set(&both)
    }

    pub fn subset(&self, a: u32, b: u32) -> bool {
        a == b || self.sets[a as usize].iter().all(|x| self.sets[b as usize].contains(x))
    }

    /// Number of positions along the axes, where known.
    fn count(&self, set: u32) -> Option<u64> {
        self.sets[set as usize].iter().try_fold(1u64, |n, a| n.checked_mul(self.counts[a.0 as usize]?))
    }

    /// Everything about a term whose operands are known.
    pub fn info(&mut self, term: &Term, args: &[Info]) -> Info {
        let dtype = term.dtype;
        let mut info = Info { facts: Facts::UNKNOWN, constant: None, axes: 0, dtype, span: self.span };
        match term.head {
            Head::Const(bits) => {
                info.facts = Facts::exactly(f64::from_bits(bits));
                info.constant = Some(bits);
            }
            Head::Apply(op) => {
                for a in args {
                    info.axes = self.union(info.axes, a.axes);
                }
                let same = term.args.len() == 2 && term.args[0] == term.args[1];
                let facts: Vec<Facts> = args.iter().map(|a| a.facts).collect();
                info.facts = facts::apply(op, &facts, same, dtype);
                info.constant = fold(op, args, dtype);
                if let Some(bits) = info.constant {
                    info.facts = Facts::exactly(f64::from_bits(bits));
                }
            }
            Head::Cast => {
                let x = &args[0];
                info.axes = x.axes;
                // f64 to f32 may overflow, integers beyond the mantissa are rounded
                if dtype == Dtype::F64 && x.dtype != Dtype::Bool {
                    info.facts = x.facts;
                }
            }
            Head::Reduce(op, over) => {
                let x = &args[0];
                info.axes = self.minus(x.axes, over);
                let met = self.intersection(x.axes, over);
                let count = if met == over { self.count(over) } else { None };
                info.facts = facts::reduce(op, x.facts, count, dtype);
            }
            Head::Shape(number) => {
                let shape = &self.shapes[number as usize];
                info.axes = shape.axes;
                info.facts = shape.facts;
                if let Node::Load { array: Array::Node(..), .. } = shape.node {
                    info.facts = args[0].facts;
                }
            }
        }
        info
    }

    fn shape(&mut self, graph: &Graph, id: NodeId) -> u32 {
        let dtype = graph.dtype(id);
        let erased = with_operands(graph.node(id), &mut |_| NodeId(0));
        // operands are part of the term; the axes of the node are not, and may differ
        let axes = self.set(graph.axes(id));
        if let Some(known) = self.shape_of.get(&(erased.clone(), dtype)) {
            if self.shapes[*known as usize].axes == axes {
                return *known;
            }
        }
        let facts = match &erased {
            Node::Size(_) | Node::Position(_) => Facts { int: true, ..Facts::range(0.0, 9.3e18) },
            _ if dtype == Dtype::Int => Facts { int: true, ..Facts::range(-9.3e18, 9.3e18) },
            _ => Facts::UNKNOWN,
        };
        let number = self.shapes.len() as u32;
        self.shapes.push(Shape { node: erased.clone(), axes, facts });
        self.shape_of.insert((erased, dtype), number);
        number
    }

    /// The term of a node; `map` gives the operands.
    pub fn term(&mut self, graph: &Graph, id: NodeId, map: &dyn Fn(NodeId) -> Id) -> Term {
        let dtype = graph.dtype(id);
        let (head, args) = match graph.node(id) {
            Node::Const(bits) => (Head::Const(*bits), vec![]),
            Node::Apply(op, args) => (Head::Apply(*op), args.iter().map(|a| map(*a)).collect()),
            Node::Cast(x) => (Head::Cast, vec![map(*x)]),
            Node::Reduce(op, over, x) => (Head::Reduce(*op, self.set(over)), vec![map(*x)]),
            _ => {
                let args = graph.operands(id).iter().map(|a| map(*a)).collect();
                (Head::Shape(self.shape(graph, id)), args)
            }
        };
        Term { head, dtype, args }
    }

    /// The node of a term, with operands that are nodes of `graph`.
    pub fn node(&self, graph: &mut Graph, term: &Term, args: &[NodeId]) -> NodeId {
        match term.head {
            Head::Const(bits) => graph.constant(f64::from_bits(bits), term.dtype),
            Head::Apply(op) => graph.apply(op, args),
            Head::Cast => graph.cast(args[0], term.dtype),
            Head::Reduce(op, over) => graph.reduce(op, self.axes(over), args[0]),
            Head::Shape(number) => {
                let node = self.shapes[number as usize].node.clone();
                rebuild(graph, &node, term.dtype, args)
            }
        }
    }

    pub fn shape_node(&self, number: u32) -> &Node {
        &self.shapes[number as usize].node
    }
}

/// The constant that an operation on constants gives, by the op table.
fn fold(op: Op, args: &[Info], dtype: Dtype) -> Option<u64> {
    let values: Option<Vec<f64>> = args.iter().map(|a| a.constant.map(f64::from_bits)).collect();
    let values = values?;
    let first = args.first()?.dtype;
    if !(dtype.is_float() || op.is_bool()) {
        return None;
    }
    let value = if first == Dtype::F32 || dtype == Dtype::F32 {
        let narrow: Vec<f32> = values.iter().map(|v| *v as f32).collect();
        f64::from((op.info().eval32)(&narrow))
    } else {
        (op.info().eval64)(&values)
    };
    Some(value.to_bits())
}

/// Keeps [`Info`] for every class.
pub struct Known(pub Tables);

impl Analysis<Term> for Known {
    type Data = Info;

    fn make(egraph: &mut EGraph<Term, Self>, term: &Term, _: Id) -> Info {
        let args: Vec<Info> = term.args.iter().map(|a| egraph[*a].data.clone()).collect();
        egraph.analysis.0.info(term, &args)
    }

    fn merge(&mut self, a: &mut Info, b: Info) -> DidMerge {
        let facts = a.facts.and(&b.facts);
        let constant = a.constant.or(b.constant);
        let axes = self.0.intersection(a.axes, b.axes);
        let changed = DidMerge(
            facts != a.facts || constant != a.constant || axes != a.axes,
            facts != b.facts || constant != b.constant || axes != b.axes || a.span != b.span,
        );
        a.facts = facts;
        a.constant = constant;
        a.axes = axes;
        changed
    }

    fn modify(egraph: &mut EGraph<Term, Self>, id: Id) {
        let info = &egraph[id].data;
        let (Some(bits), dtype) = (info.constant, info.dtype) else { return };
        let term = Term { head: Head::Const(bits), dtype, args: vec![] };
        if egraph[id].nodes.first() != Some(&term) && !egraph[id].nodes.contains(&term) {
            let constant = egraph.add(term);
            egraph.union(id, constant);
        }
    }
}

/// The classes of a rebuilt e-graph by number, for matching without a search for each.
pub struct Snapshot<'a> {
    classes: Vec<Option<&'a EClass<Term, Info>>>,
    egraph: &'a EGraph<Term, Known>,
}

impl<'a> Snapshot<'a> {
    pub fn new(egraph: &'a EGraph<Term, Known>) -> Self {
        let mut classes = vec![None; egraph.nodes().len()];
        for class in egraph.classes() {
            classes[usize::from(class.id)] = Some(class);
        }
        Snapshot { classes, egraph }
    }
    fn class(&self, id: Id) -> &'a EClass<Term, Info> {
        match self.classes[usize::from(id)] {
            Some(class) => class,
            None => &self.egraph[id],
        }
    }
    pub fn info(&self, id: Id) -> &'a Info {
        &self.class(id).data
    }
}

impl View for Snapshot<'_> {
    fn nodes(&self, id: Id) -> &[Term] {
        &self.class(id).nodes
    }
    fn constant(&self, id: Id) -> Option<u64> {
        self.class(id).data.constant
    }
    fn dtype(&self, id: Id) -> Dtype {
        self.class(id).data.dtype
    }
    fn same(&self, a: Id, b: Id) -> bool {
        a == b || self.class(a).id == self.class(b).id
    }
}

/// A plain graph as terms: one in each class.
pub struct Flat {
    pub tables: Tables,
    pub terms: Vec<Term>,
    pub infos: Vec<Info>,
    known: FastMap<Term, Id>,
}

impl Flat {
    pub fn new(tables: Tables) -> Self {
        Flat { tables, terms: vec![], infos: vec![], known: FastMap::default() }
    }
    pub fn add(&mut self, term: Term) -> Id {
        if let Some(id) = self.known.get(&term) {
            return *id;
        }
        let args: Vec<Info> = term.args.iter().map(|a| self.infos[usize::from(*a)].clone()).collect();
        let mut info = self.tables.info(&term, &args);
        let term = match info.constant {
            Some(bits) => Term { head: Head::Const(bits), dtype: term.dtype, args: vec![] },
            None => term,
        };
        if let Some(id) = self.known.get(&term) {
            return *id;
        }
        info.span = self.tables.span;
        let id = Id::from(self.terms.len());
        self.known.insert(term.clone(), id);
        self.terms.push(term);
        self.infos.push(info);
        id
    }
}

impl View for Flat {
    fn nodes(&self, id: Id) -> &[Term] {
        std::slice::from_ref(&self.terms[usize::from(id)])
    }
    fn constant(&self, id: Id) -> Option<u64> {
        self.infos[usize::from(id)].constant
    }
    fn dtype(&self, id: Id) -> Dtype {
        self.infos[usize::from(id)].dtype
    }
    fn same(&self, a: Id, b: Id) -> bool {
        a == b
    }
}
