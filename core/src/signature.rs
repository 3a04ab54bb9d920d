//! A function as the front understood it: its graph, and what emission needs to know of its Rust face.
//!
//! Invariant: tokens here are the user's own, with the user's spans.

mod called;

pub use called::{Called, Passed, Returned, Rule, RuleKind};

use crate::ir::{AxisId, Checkpoint, Dtype, Graph, NodeId, Size};
use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::format_ident;
use std::collections::{BTreeMap, BTreeSet};

/// The front's result.
#[derive(Debug)]
pub struct Primal {
    pub graph: Graph,
    pub signature: Signature,
    /// One entry for each of `graph.inputs`, in the same order.
    pub leaves: Vec<Leaf>,
    /// The lists that hold some of the leaves, an outer one before those in its elements.
    pub lists: Vec<List>,
    /// One for a plain result, one for each component of a tuple.
    pub outputs: Vec<Output>,
    /// The user's inactive `let` statements that host inputs refer to, in order.
    pub host: Vec<TokenStream>,
    pub surroundings: Surroundings,
    /// One entry for each of `graph.callees`, in the same order.
    pub callees: Vec<Called>,
    /// The rules of a function whose body is not read.
    pub rules: Vec<Rule>,
    /// Whether it calls itself.
    pub recursive: bool,
    pub options: Options,
    /// The function for `debug_nans`.
    pub watched: Option<Watched>,
}

/// A function as it was written, with watches, as a module two levels below its own says it.
#[derive(Clone, Debug)]
pub struct Watched {
    pub generics: TokenStream,
    pub inputs: TokenStream,
    pub result: TokenStream,
    pub bounds: TokenStream,
    /// The watches of the arguments.
    pub before: Vec<TokenStream>,
    pub block: TokenStream,
}

/// A value that is looked at.
#[derive(Clone, Debug)]
pub struct Watch {
    pub value: TokenStream,
    /// The array that the value is an element of, which knows the element's position.
    pub whole: Option<TokenStream>,
    /// The type of a result, which is looked at on its way out.
    pub result: Option<TokenStream>,
    /// What is said of the value.
    pub said: TokenStream,
    /// Where that stands.
    pub span: Span,
}

/// What the function reads of the module around it, for the functions of other modules that it is inlined into.
#[derive(Debug, Default)]
pub struct Surroundings {
    /// Whole expressions, each with the type of its number.
    pub values: Vec<(TokenStream, Dtype)>,
    /// The function's own `use …::*;`, which they may need.
    pub imports: TokenStream,
    /// Whether names of the module are mentioned beside the function's own.
    pub names: bool,
}

/// The function of a module that gives its `k`-th surrounding value.
pub fn accessor(k: usize) -> Ident {
    format_ident!("surroundings_{k}")
}

#[derive(Clone, Debug, Default)]
pub struct Options {
    pub value: bool,
    pub jvp: bool,
    pub vjp: bool,
    pub hvp: bool,
    pub jacobian: bool,
    /// The arguments that the Jacobian is for, where those are not all.
    pub columns: Option<Vec<String>>,
    pub hessian: bool,
    /// A step of training, which moves the only differentiated argument.
    pub step: bool,
    /// The function once more, looking for the first value that is no number.
    pub debug_nans: bool,
    /// Which states of recurrences are kept, and where that was asked for.
    pub checkpoint: Option<(Checkpoint, TokenStream)>,
    /// Derivatives are `const fn`; where that was asked for.
    pub constant: Option<TokenStream>,
}

#[derive(Clone, Debug)]
pub struct Signature {
    pub vis: TokenStream,
    /// A `const fn`.
    pub constness: bool,
    pub ident: Ident,
    /// Declared: `<'a, const N: usize>`.
    pub generics: TokenStream,
    /// The const generics, applied: `N`.
    pub generic_args: Vec<TokenStream>,
    pub where_clause: TokenStream,
    pub args: Vec<Arg>,
    /// The method that the function is, if it is one.
    pub method: Option<Method>,
    /// The result type as written.
    pub output: TokenStream,
    /// How the numbers of the results lie: one for a plain result, one for each component of a tuple, and one for each
    /// argument that the function changes.
    pub results: Vec<Form>,
    /// How many of them the function returns.
    pub returned: usize,
    /// The user's names that generated code repeats.
    pub names: BTreeMap<String, Name>,
}

/// A method, as an `impl` block inside of the generated module says it.
#[derive(Clone, Debug)]
pub struct Method {
    /// Of the `impl` block: its parameters, its type, its bounds.
    pub block: [TokenStream; 3],
    /// `&self`; nothing where the method takes none.
    pub receiver: TokenStream,
    pub name: Ident,
    /// Its own generic parameters.
    pub generics: TokenStream,
    pub vis: TokenStream,
}

impl Method {
    /// From the groups that expansions hand on.
    pub fn read(groups: &[TokenStream]) -> Option<Method> {
        let [generics, ty, bounds, receiver, name, own, vis] = groups else { return None };
        let TokenTree::Ident(name) = name.clone().into_iter().next()? else { return None };
        let block = [generics.clone(), ty.clone(), bounds.clone()];
        Some(Method { block, receiver: receiver.clone(), name, generics: own.clone(), vis: vis.clone() })
    }

    /// The receiver's `self`.
    pub fn own(&self) -> Option<Ident> {
        self.receiver.clone().into_iter().find_map(|t| match t {
            TokenTree::Ident(i) if i == "self" => Some(i),
            _ => None,
        })
    }
}

/// A name of the user's.
#[derive(Clone, Debug)]
pub struct Name {
    pub span: Span,
    /// How many expressions over arguments mention it.
    pub times: usize,
}

impl Primal {
    /// Whether the Jacobian has a column for an argument.
    pub fn is_column(&self, arg: &Arg) -> bool {
        let columns = self.options.columns.as_ref();
        arg.differentiated && columns.is_none_or(|c| c.contains(&arg.ident.to_string()))
    }
}

impl Signature {
    /// A name for a variable or parameter of generated code, which must not hide one of the user's.
    pub fn local(&self, name: &str) -> Ident {
        let mut name = name.to_string();
        while self.names.contains_key(&name) {
            name.push('_');
        }
        Ident::new(&name, Span::call_site())
    }

    /// What holds an argument's tangent.
    pub fn tangent(&self, arg: &Arg) -> Ident {
        self.local(&format_ident!("{}_dot", arg.ident).to_string())
    }

    /// User code that was kept as text: its names mean what they mean where the user wrote them.
    pub fn restored(&self, text: &str) -> TokenStream {
        self.respanned(text.parse().unwrap_or_default())
    }

    fn respanned(&self, tokens: TokenStream) -> TokenStream {
        tokens
            .into_iter()
            .map(|token| match token {
                TokenTree::Group(g) => {
                    TokenTree::Group(Group::new(g.delimiter(), self.respanned(g.stream())))
                }
                TokenTree::Ident(mut i) => {
                    i.set_span(self.names.get(&i.to_string()).map_or(self.ident.span(), |n| n.span));
                    TokenTree::Ident(i)
                }
                other => other,
            })
            .collect()
    }

    /// What holds the cotangents of the result's components, and of the arguments that the function changes.
    pub fn cotangents(&self) -> Vec<Ident> {
        let returned: Vec<Ident> = match self.returned {
            1 => vec![self.local("cotangent")],
            n => (0..n).map(|k| self.local(&format!("cotangent_{k}"))).collect(),
        };
        let bar = |a: &Arg| self.local(&format_ident!("{}_bar", a.ident).to_string());
        returned.into_iter().chain(self.changed().map(bar)).collect()
    }

    /// The arguments that the function changes.
    pub fn changed(&self) -> impl Iterator<Item = &Arg> {
        self.args.iter().filter(|a| a.changed)
    }
}

#[derive(Clone, Debug)]
pub struct Arg {
    pub ident: Ident,
    /// The type as written, behind a shared reference where the function's own is `&mut`.
    pub ty: TokenStream,
    /// The type as written.
    pub declared: TokenStream,
    pub form: Form,
    /// Behind a reference.
    pub by_ref: bool,
    pub differentiated: bool,
    /// Behind `&mut`, or a view that can be written to: what it holds after the call is a result.
    pub changed: bool,
}

/// How numbers lie in a Rust type.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    Scalar(Dtype),
    /// `[T; N]`
    Array(Box<Form>, Size),
    /// `[T]` behind a reference, or a `Vec<T>`.
    Slice(Box<Form>),
    /// An `ndarray` array or view.
    Nd {
        dtype: Dtype,
        rank: usize,
        view: bool,
    },
    /// A struct with `#[derive(Differentiable)]`; the type as written without the reference.
    Struct(String),
    /// The same part of each element of a list, one after the other: of `net.layers[..].w`, how numbers lie in `w`.
    Each(Box<Form>),
    /// A function of positions in loops: the user's inactive code, called where its value is needed.
    Computed(Dtype),
    /// Whatever it is, nothing differentiates through it.
    Host,
}

impl Form {
    /// The number of dimensions.
    pub fn rank(&self) -> usize {
        match self {
            Form::Scalar(_) | Form::Struct(_) | Form::Computed(_) | Form::Host => 0,
            Form::Array(item, _) | Form::Slice(item) | Form::Each(item) => 1 + item.rank(),
            Form::Nd { rank, .. } => *rank,
        }
    }

    /// One tensor of numbers, and not a tree of them.
    pub fn is_tensor(&self) -> bool {
        match self {
            Form::Scalar(_) | Form::Nd { .. } => true,
            Form::Array(item, _) | Form::Slice(item) => item.is_fixed(),
            Form::Struct(_) | Form::Each(_) | Form::Computed(_) | Form::Host => false,
        }
    }

    /// Numbers whose count the type alone tells.
    pub fn is_fixed(&self) -> bool {
        match self {
            Form::Scalar(_) => true,
            Form::Array(item, _) => item.is_fixed(),
            _ => false,
        }
    }

    /// The form with each number replaced by a whole `item`, as a Jacobian has it; arrays of `ndarray` join their
    /// dimensions. None where no type says that.
    pub fn of_each(&self, item: &Form) -> Option<Form> {
        if !item.is_tensor() {
            return None;
        }
        match (self, item) {
            (Form::Scalar(_), Form::Nd { dtype, rank, .. }) => {
                Some(Form::Nd { dtype: *dtype, rank: *rank, view: false })
            }
            (Form::Scalar(_), item) => Some(item.clone()),
            (Form::Array(inner, n), item) => Some(Form::Array(Box::new(inner.of_each(item)?), n.clone())),
            (Form::Slice(inner), item) => Some(Form::Slice(Box::new(inner.of_each(item)?))),
            (Form::Nd { rank, .. }, Form::Scalar(dtype)) => {
                Some(Form::Nd { dtype: *dtype, rank: *rank, view: false })
            }
            (Form::Nd { rank, .. }, Form::Nd { dtype, rank: more, .. }) if rank + more <= 6 => {
                Some(Form::Nd { dtype: *dtype, rank: rank + more, view: false })
            }
            _ => None,
        }
    }

    /// A struct, or an array of structs.
    pub fn holds_structs(&self) -> bool {
        match self {
            Form::Struct(_) => true,
            Form::Array(item, _) | Form::Slice(item) => item.holds_structs(),
            Form::Scalar(_) | Form::Each(_) | Form::Computed(_) | Form::Nd { .. } | Form::Host => false,
        }
    }

    /// The type of the numbers, where there is one.
    pub fn dtype(&self) -> Option<Dtype> {
        match self {
            Form::Scalar(dtype) | Form::Computed(dtype) | Form::Nd { dtype, .. } => Some(*dtype),
            Form::Array(item, _) | Form::Slice(item) | Form::Each(item) => item.dtype(),
            Form::Struct(_) | Form::Host => None,
        }
    }
}

/// An array or number that the graph reads.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// The argument that it belongs to; none for a value of the user's inactive code.
    pub arg: Option<usize>,
    /// The place or host expression: `x`, `net.w1`, `scale_of(n)`.
    pub place: TokenStream,
    pub form: Form,
}

impl Leaf {
    /// Of the part of each element, `net.layers[..].w`: the list and the way from an element to its part.
    pub fn each(&self) -> Option<(TokenStream, TokenStream)> {
        if !matches!(self.form, Form::Each(_)) {
            return None;
        }
        let all = |t: &TokenTree| matches!(t, TokenTree::Group(g) if g.stream().to_string() == "..");
        let mut tokens = self.place.clone().into_iter();
        let list = tokens.by_ref().take_while(|t| !all(t)).collect();
        Some((list, tokens.collect()))
    }
}

/// A list of structs, arrays or lists, of which a body reads elements by number, or walks all of them.
#[derive(Clone, Debug)]
pub struct List {
    pub arg: Option<usize>,
    pub place: TokenStream,
    pub item: Form,
    /// Whether the elements are differentiated.
    pub active: bool,
    pub read: BTreeSet<usize>,
}

#[derive(Clone, Debug)]
pub struct Output {
    pub node: NodeId,
    /// One axis for each dimension.
    pub dims: Vec<AxisId>,
    pub form: Form,
}
