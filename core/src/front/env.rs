//! What names mean while a body is lowered: values, scopes, and the text that host code may use for a name.
//!
//! Invariant: an environment is a plain value; a copy of it is a snapshot.

use super::definitions::Definitions;
use super::scope::Scope;
use super::types::StructType;
use crate::ir::{AxisId, Index, NodeId, Size};
use proc_macro2::TokenStream;
use std::rc::Rc;

/// An array in the graph, or a scalar where `dims` is empty. A dimension of size 1 has no axis.
#[derive(Clone, Debug)]
pub struct Tensor {
    pub node: NodeId,
    pub dims: Vec<Size>,
    pub axes: Vec<Option<AxisId>>,
    pub active: bool,
    /// An `ndarray` array or view: `iter` walks its elements, where that of nested std arrays walks rows.
    pub nd: bool,
}

impl Tensor {
    pub fn own_axes(&self) -> Vec<AxisId> {
        self.axes.iter().flatten().copied().collect()
    }
    pub fn rank(&self) -> usize {
        self.dims.len()
    }
}

/// A float literal whose type is still open: computed in both precisions, so that none is rounded twice.
#[derive(Clone, Copy, Debug)]
pub struct Num {
    pub v64: f64,
    pub v32: f32,
}

/// The elements of an iterator: `item` depends on the axes.
#[derive(Clone, Debug)]
pub struct Iter {
    pub item: Value,
    pub dims: Vec<Size>,
    pub axes: Vec<Option<AxisId>>,
    /// The positions that are walked, where those are not all.
    pub mask: Option<NodeId>,
}

#[derive(Clone, Debug)]
pub struct Closure {
    pub params: Vec<syn::Pat>,
    pub body: Rc<syn::Expr>,
    pub env: Env,
    pub active: bool,
}

/// A list of unknown length whose elements are structs, arrays or lists. Nothing of it is an input until an element is
/// read: `Lower::element` gives the one at a number; a loop over all of them would ask for the one at an axis.
#[derive(Clone, Debug)]
pub struct List {
    /// Which of the function's lists it is.
    pub number: usize,
    pub place: TokenStream,
    pub item: syn::Type,
    /// What the names in the type of the elements mean.
    pub defs: Rc<Definitions>,
    pub arg: Option<usize>,
    pub active: bool,
    pub depth: usize,
}

#[derive(Clone, Debug)]
pub enum Value {
    Tensor(Tensor),
    /// An inactive integer.
    Int(Size),
    Num(Num),
    /// Inactive, of a type that only rustc knows.
    Host(TokenStream),
    Tuple(Vec<Value>),
    Struct(Rc<Vec<(String, Value)>>),
    /// An inactive struct where it lies, of a type that is known: nothing of it is an input until a field is read.
    Unread(TokenStream, Rc<StructType>),
    List(Rc<List>),
    Iter(Rc<Iter>),
    Closure(Rc<Closure>),
    /// What is left of an array from a position on that depends on loops: it can be cut to a length, or indexed.
    Tail(Tensor, Rc<Index>),
    /// A vector without elements, and the type of its elements where it was written.
    Empty(Option<Rc<syn::Type>>),
    /// A vector that a loop pushes to, in its final length, and how many elements it has so far.
    Growing(Tensor, Rc<Value>),
    /// A path to a function.
    Function(TokenStream),
    /// Another variable, by its number: whatever its name means by now.
    Alias(usize),
    /// An element of an array, as `iter_mut` gives it: the array's place and the position in it.
    Place(Rc<syn::Expr>, Rc<Value>),
    Axis(Size),
    /// The argument of `slice`, and a `..` range.
    Selection(Rc<Vec<Pick>>),
    /// A differentiated value of a type that cannot be computed with: an error where it is used.
    Opaque(Rc<str>),
    Unit,
    /// Came of an error that is already reported.
    Poison,
}

/// What one position of `s![…]` takes of a dimension.
#[derive(Clone, Debug)]
pub enum Pick {
    At(Value),
    Range { start: Option<Size>, end: Option<Size>, inclusive: bool, step: i64 },
    NewAxis,
}

impl Value {
    /// Depends on a differentiated argument.
    pub fn active(&self) -> bool {
        match self {
            Value::Tensor(t) | Value::Tail(t, _) | Value::Growing(t, _) => t.active,
            Value::Tuple(list) => list.iter().any(Value::active),
            Value::Struct(fields) => fields.iter().any(|f| f.1.active()),
            Value::Iter(i) => i.item.active(),
            Value::List(list) => list.active,
            Value::Closure(c) => c.active,
            Value::Place(..) => true,
            Value::Opaque(_) | Value::Poison => true,
            _ => false,
        }
    }
    pub fn is_poison(&self) -> bool {
        match self {
            Value::Poison => true,
            Value::Tuple(list) => list.iter().any(Value::is_poison),
            _ => false,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Binding {
    pub name: String,
    pub value: Value,
    /// How host code names the value, where it can.
    pub host: Option<TokenStream>,
    /// Declared `mut`.
    pub mutable: bool,
    /// How many guards stood when it got its value.
    pub guard: usize,
    /// Changes with each assignment.
    pub version: u32,
}

/// The names in scope, innermost last, and the definitions of the function whose body it is.
#[derive(Clone, Debug, Default)]
pub struct Env {
    pub bindings: Vec<Binding>,
    /// Variables that belong to the code around a closure: what the closure runs on is a copy.
    pub sealed: usize,
    /// The conditions under which the code runs, outermost first.
    pub guards: Vec<NodeId>,
    /// Counts assignments; all copies of an environment share the count.
    pub versions: Rc<std::cell::Cell<u32>>,
    pub defs: Rc<Definitions>,
    /// The module of the function whose body it is; none for the function that is expanded.
    pub scope: Option<Rc<Scope>>,
}

impl Env {
    pub fn get(&self, name: &str) -> Option<&Binding> {
        self.bindings.get(self.position(name)?)
    }
    pub fn bind(&mut self, name: impl Into<String>, value: Value, host: Option<TokenStream>) {
        let (guard, version) = (self.guards.len(), self.next_version());
        self.bindings.push(Binding { name: name.into(), value, host, mutable: false, guard, version });
    }
    /// Where the innermost variable of a name is.
    pub fn position(&self, name: &str) -> Option<usize> {
        let k = self.bindings.iter().rposition(|b| b.name == name)?;
        match self.bindings[k].value {
            Value::Alias(k) => Some(k),
            _ => Some(k),
        }
    }
    /// Gives a variable a new value, which host code cannot name.
    pub fn assign(&mut self, k: usize, value: Value) {
        let (guard, version) = (self.guards.len(), self.next_version());
        if let Some(b) = self.bindings.get_mut(k) {
            (b.value, b.host, b.guard, b.version) = (value, None, guard, version);
        }
    }
    fn next_version(&self) -> u32 {
        self.versions.set(self.versions.get() + 1);
        self.versions.get()
    }
}
