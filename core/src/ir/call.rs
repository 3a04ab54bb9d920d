//! Calls that stay calls: functions whose bodies the graph does not have.
//!
//! A [`Node::Call`] gives the numbers of a function's result. The derivatives of a call are nodes that it carries
//! (`partials`), or calls of other functions: the rules of its [`Callee`].
//!
//! Invariant: a call runs under its guard, once for each position along its axes but those of its result.

use super::graph::{Array, AxisId, Dtype, Graph, Index, Node, NodeId};
use super::size::Size;

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct CalleeId(pub u32);

/// A function that is called.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Callee {
    pub name: String,
    /// Its differentiated arguments, by their numbers.
    pub wrt: Vec<usize>,
    /// Takes the arguments and the cotangent of the result; gives the gradients, one behind the other.
    pub vjp: Option<CalleeId>,
    /// Takes the arguments and the tangents of the differentiated ones; gives the tangent of the result.
    pub jvp: Option<CalleeId>,
    /// A rule that gives the value, too, in front of all else. Gradients of arrays are not given, but added to memory: a
    /// [`Node::Added`] for each of these arguments.
    pub with_value: bool,
    /// The adjoint of a function that calls itself.
    pub adjoint: bool,
    pub adds: Vec<usize>,
}

/// An argument of a call: a number, or the values of a node along these of its axes.
pub type Given = (NodeId, Vec<AxisId>);

/// What is called, with what, and when.
#[derive(Clone, Debug)]
pub struct Calling {
    pub callee: CalleeId,
    pub args: Vec<Given>,
    pub guard: Option<NodeId>,
}

impl Graph {
    pub fn callee(&self, id: CalleeId) -> &Callee {
        &self.callees[id.0 as usize]
    }

    /// A call whose result lies along `dims`.
    pub fn call(
        &mut self,
        calling: Calling,
        dims: Vec<AxisId>,
        partials: Vec<Option<NodeId>>,
        dtype: Dtype,
    ) -> NodeId {
        let Calling { callee, args, guard } = calling;
        let guard = guard.filter(|g| self.as_const(*g) != Some(1.0));
        self.intern(Node::Call { callee, args, dims, guard, partials }, dtype)
    }

    /// What a call adds to its `k`-th array.
    pub fn added(&mut self, call: NodeId, k: usize) -> Option<NodeId> {
        let Node::Call { callee, args, .. } = self.node(call) else { return None };
        let dims = args.get(*self.callee(*callee).adds.get(k)?)?.1.clone();
        let dtype = self.dtype(call);
        Some(self.intern(Node::Added { call, k: k as u32, dims }, dtype))
    }

    /// The axes along which a call is made.
    pub fn call_axes(&self, call: NodeId) -> Vec<AxisId> {
        let Node::Call { dims, .. } = self.node(call) else { return vec![] };
        self.axes(call).iter().copied().filter(|a| !dims.contains(a)).collect()
    }

    /// A call whose results lie behind each other: each over the call's axes and the dimensions given for it.
    ///
    /// Gives the call as well.
    pub fn results(
        &mut self,
        calling: Calling,
        shapes: &[Vec<AxisId>],
        dtype: Dtype,
    ) -> (NodeId, Vec<NodeId>) {
        if let [one] = shapes {
            let call = self.call(calling, one.clone(), vec![], dtype);
            return (call, vec![call]);
        }
        let size = |graph: &Graph, axes: &[AxisId]| {
            let sizes: Vec<Size> = axes.iter().map(|a| graph.axis_size(*a).clone()).collect();
            Size::product(&sizes)
        };
        let total = shapes.iter().fold(Size::default(), |sum, shape| sum.add(&size(self, shape)));
        let mut used: Vec<AxisId> = shapes.iter().flatten().copied().collect();
        for node in calling.args.iter().map(|a| a.0).chain(calling.guard) {
            used.extend(self.axes(node));
        }
        let mut occ = 0;
        let axis = loop {
            let axis = self.axis_of(&total, occ);
            if !used.contains(&axis) {
                break axis;
            }
            occ += 1;
        };
        let all = self.call(calling, vec![axis], vec![], dtype);
        let mut start = Size::default();
        let mut out = vec![];
        for shape in shapes {
            let mut at = Index::at(start.clone());
            let mut stride = Size::constant(1);
            for axis in shape.iter().rev() {
                at.terms.push((*axis, stride.clone()));
                stride = stride.mul(self.axis_size(*axis));
            }
            at.terms.sort();
            start = start.add(&stride);
            out.push(self.load(Array::Node(all, vec![axis]), None, vec![at]));
        }
        (all, out)
    }

    /// The call of one of a call's rules, with more arguments behind its own.
    pub fn rule(
        &self,
        call: NodeId,
        rule: CalleeId,
        more: impl IntoIterator<Item = Given>,
    ) -> Option<Calling> {
        let Node::Call { args, guard, .. } = self.node(call) else { return None };
        let args = args.iter().cloned().chain(more).collect();
        Some(Calling { callee: rule, args, guard: *guard })
    }
}
