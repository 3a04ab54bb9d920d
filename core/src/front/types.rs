//! Types of arguments and results: how numbers lie in them, and the inputs of the graph that an argument becomes.
//!
//! Invariant: every float that a differentiated argument holds is an input, or its use is an error.

use super::definitions::{path_key, Definition};
use super::env::{Tensor, Value};
use super::scope::moved;
use super::Lower;
use crate::diag::{source, Kind};
use crate::ir::{Array, Dtype, Index, Input, Size};
use crate::signature::{Form, Leaf};
use proc_macro2::{TokenStream, TokenTree};
use quote::{quote, ToTokens};
use std::rc::Rc;
use syn::{GenericArgument, PathArguments, Type};

/// A type, as far as it matters here.
#[derive(Clone, Debug)]
pub enum Known {
    /// Numbers in some order.
    Numbers(Form, Dtype),
    Struct(Rc<StructType>),
    /// `[T; N]` of structs, ndarray arrays or lists: each element is a place of its own.
    Items(Type, Size),
    /// `Vec<T>` or `[T]` of the same.
    List(Type),
    Tuple(Vec<Type>),
    /// Refused, with the reason, where it is differentiated.
    Refused(&'static str),
    Host,
}

#[derive(Debug)]
pub struct StructType {
    pub name: String,
    pub item: syn::ItemStruct,
    pub defs: Rc<super::definitions::Definitions>,
    /// Generic parameters with the arguments given for them.
    pub given: Vec<(String, TokenStream)>,
}

impl StructType {
    /// The type as the generated module writes it.
    fn in_module(&self) -> String {
        self.name.parse().map_or_else(|_| self.name.clone(), |tokens| source(&moved(tokens)))
    }
}

/// One entry of `#[dims(…)]`.
pub type Dims = Vec<syn::Expr>;

/// The type without references, parentheses and groups; whether a shared reference was there.
pub fn strip(mut ty: &Type) -> (&Type, bool) {
    let mut by_ref = false;
    loop {
        match ty {
            Type::Reference(r) => {
                by_ref = true;
                ty = &r.elem;
            }
            Type::Paren(p) => ty = &p.elem,
            Type::Group(g) => ty = &g.elem,
            _ => return (ty, by_ref),
        }
    }
}

pub fn scalar_type(name: &str) -> Option<Dtype> {
    match name {
        "f32" => Some(Dtype::F32),
        "f64" => Some(Dtype::F64),
        "bool" => Some(Dtype::Bool),
        "usize" | "isize" | "u8" | "u16" | "u32" | "u64" | "i8" | "i16" | "i32" | "i64" | "u128" | "i128" => {
            Some(Dtype::Int)
        }
        _ => None,
    }
}

/// `Array2` → (2, not a view); rank `None` for a dynamic one.
fn nd_type(name: &str, args: &[&GenericArgument]) -> Option<(Option<usize>, bool)> {
    let (view, rest) = match name.strip_prefix("ArrayViewMut").or(name.strip_prefix("ArrayView")) {
        Some(rest) => (true, rest),
        None => (false, name.strip_prefix("Array")?),
    };
    match rest {
        "D" => Some((None, view)),
        "" => {
            let dim = source(args.last()?);
            let dim = dim.rsplit("::").next()?.to_string();
            Some((dim.strip_prefix("Ix").and_then(|r| r.parse().ok()), view))
        }
        digits => digits.parse().ok().filter(|r| *r <= 6).map(|r| (Some(r), view)),
    }
}

/// Why an array of ndarray's that is neither `Array` nor `ArrayView` is refused.
fn other_array(name: &str) -> Option<&'static str> {
    let other = ["ArcArray", "CowArray", "ArrayRef"].iter().any(|n| name.starts_with(n));
    other.then_some("an array of another owner; take `ArrayView1<f64>` or `&Array1<f64>`")
}

impl Lower {
    pub fn known(&mut self, ty: &Type) -> Known {
        self.known_at(ty, 0)
    }

    fn known_at(&mut self, ty: &Type, depth: usize) -> Known {
        if depth > super::MAX_DEPTH {
            return Known::Host;
        }
        let (ty, _) = strip(ty);
        match ty {
            Type::Array(a) => {
                let n = self.length(&a.len);
                match self.known_at(&a.elem, depth + 1) {
                    Known::Numbers(form, dtype) if form.is_fixed() => {
                        Known::Numbers(Form::Array(Box::new(form), n), dtype)
                    }
                    Known::Numbers(..) | Known::Struct(_) | Known::Items(..) | Known::List(_) => {
                        Known::Items((*a.elem).clone(), n)
                    }
                    Known::Refused(why) => Known::Refused(why),
                    _ => Known::Host,
                }
            }
            Type::Slice(s) => self.slice_of(&s.elem, depth),
            Type::Tuple(t) => Known::Tuple(t.elems.iter().cloned().collect()),
            Type::Path(p) => {
                let Some(last) = p.path.segments.last() else { return Known::Host };
                let args: Vec<&GenericArgument> = match &last.arguments {
                    PathArguments::AngleBracketed(a) => {
                        a.args.iter().filter(|a| !matches!(a, GenericArgument::Lifetime(_))).collect()
                    }
                    _ => vec![],
                };
                let name = last.ident.to_string();
                if let Some(dtype) = scalar_type(&name) {
                    return Known::Numbers(Form::Scalar(dtype), dtype);
                }
                let key = path_key(&p.path.to_token_stream());
                if let Some(Definition::Struct { item, defs }) = self.env.defs.clone().get(&key) {
                    return self.struct_type(ty, item.clone(), defs.clone(), &args);
                }
                if let (Some(GenericArgument::Type(elem)), Some(why)) = (args.first(), other_array(&name)) {
                    if matches!(self.known_at(elem, depth + 1), Known::Numbers(Form::Scalar(d), _) if d.is_float())
                    {
                        return Known::Refused(why);
                    }
                }
                if let (Some(GenericArgument::Type(elem)), Some((rank, view))) =
                    (args.first(), nd_type(&name, &args))
                {
                    let dtype = match self.known_at(elem, depth + 1) {
                        Known::Numbers(Form::Scalar(dtype), _) => dtype,
                        _ => return Known::Host,
                    };
                    return match rank {
                        Some(rank) => Known::Numbers(Form::Nd { dtype, rank, view }, dtype),
                        None => Known::Refused("an array whose number of dimensions is not in its type; write `Array2<f32>`, `ArrayView3<f64>`, …"),
                    };
                }
                match (name.as_str(), args.as_slice()) {
                    ("Vec", [GenericArgument::Type(elem)]) => self.slice_of(elem, depth),
                    _ => Known::Host,
                }
            }
            _ => Known::Host,
        }
    }

    fn slice_of(&mut self, elem: &Type, depth: usize) -> Known {
        match self.known_at(elem, depth + 1) {
            Known::Numbers(form, dtype) if form.is_fixed() => {
                Known::Numbers(Form::Slice(Box::new(form)), dtype)
            }
            Known::Numbers(..) | Known::Struct(_) | Known::Items(..) | Known::List(_) => {
                Known::List(elem.clone())
            }
            Known::Refused(why) => Known::Refused(why),
            _ => Known::Host,
        }
    }

    fn struct_type(
        &mut self,
        ty: &Type,
        item: TokenStream,
        defs: super::definitions::Definitions,
        args: &[&GenericArgument],
    ) -> Known {
        match syn::parse2::<syn::ItemStruct>(item) {
            Ok(item) => {
                let params = item.generics.params.iter().filter_map(|p| match p {
                    syn::GenericParam::Lifetime(_) => None,
                    syn::GenericParam::Type(t) => Some(t.ident.to_string()),
                    syn::GenericParam::Const(c) => Some(c.ident.to_string()),
                });
                let given = params.zip(args.iter().map(|a| a.to_token_stream())).collect();
                Known::Struct(Rc::new(StructType { name: source(ty), item, defs: Rc::new(defs), given }))
            }
            Err(e) => {
                self.errors.push(Kind::Syntax, ty, &[&e.to_string()]);
                Known::Host
            }
        }
    }

    /// A length in a type or in `#[dims]`.
    pub fn length(&mut self, e: &syn::Expr) -> Size {
        let before = self.errors.len();
        let value = self.expr(e);
        self.errors.list.truncate(before);
        match value {
            super::env::Value::Int(size) => size,
            _ => {
                let name = source(&self.host_tokens(e).unwrap_or_else(|| e.to_token_stream()));
                // in a field's type, a name of the module where the struct stands: the field itself tells its length
                Size::sym(self.symbol(&name, !self.in_field))
            }
        }
    }

    /// Whether floats of the type can be differentiated.
    pub fn differentiable(&mut self, ty: &Type) -> bool {
        match self.known(ty) {
            Known::Numbers(_, dtype) => dtype.is_float(),
            Known::Struct(_) => true,
            Known::Items(item, _) | Known::List(item) => self.differentiable(&item),
            _ => false,
        }
    }

    pub fn form(&mut self, ty: &Type) -> Form {
        match self.known(ty) {
            Known::Numbers(form, _) => form,
            Known::Struct(s) => Form::Struct(s.in_module()),
            Known::Items(item, n) => Form::Array(Box::new(self.form(&item)), n),
            Known::List(item) => Form::Slice(Box::new(self.form(&item))),
            _ => Form::Host,
        }
    }

    /// The sizes of a form's dimensions, with a fresh symbol for each that the type does not tell.
    pub fn dims_of(&mut self, form: &Form, shown: &str) -> Vec<Size> {
        match form {
            Form::Scalar(_) | Form::Struct(_) | Form::Each(_) | Form::Computed(_) | Form::Host => vec![],
            Form::Array(inner, n) => {
                let mut dims = vec![n.clone()];
                dims.extend(self.dims_of(inner, &format!("{shown}[0]")));
                dims
            }
            Form::Slice(inner) => {
                let mut dims = vec![Size::sym(self.symbol(&format!("{shown}.len()"), false))];
                dims.extend(self.dims_of(inner, &format!("{shown}[0]")));
                dims
            }
            Form::Nd { rank, .. } => (0..*rank)
                .map(|k| {
                    let name = match (rank, k) {
                        (1, _) => format!("{shown}.len()"),
                        (2, 0) => format!("{shown}.nrows()"),
                        (2, _) => format!("{shown}.ncols()"),
                        _ => format!("{shown}.shape()[{k}]"),
                    };
                    Size::sym(self.symbol(&name, false))
                })
                .collect(),
        }
    }

    /// Ties the dimensions to what `#[dims(…)]` says.
    pub fn apply_dims(&mut self, dims: &[Size], attr: &Dims, shown: &str) {
        if attr.len() != dims.len() {
            let text = format!("`{shown}` has {} dimensions, but `#[dims]` gives {}", dims.len(), attr.len());
            if let Some(first) = attr.first() {
                self.errors.push(Kind::Dims, first, &[&text]);
            }
            return;
        }
        for (dim, e) in dims.iter().zip(attr) {
            let said = self.name_size(e);
            if !self.graph.sizes.unify(dim, &said) {
                let (a, b) = (self.graph.sizes.show(dim), self.graph.sizes.show(&said));
                self.errors.push(Kind::Shape, e, &["`#[dims]`", &a, &b, ""]);
            }
        }
    }

    /// The size that an entry of `#[dims]` says: a name is one size wherever it appears in the signature.
    pub fn name_size(&mut self, e: &syn::Expr) -> Size {
        let p = match e {
            syn::Expr::Path(p) => p,
            syn::Expr::Paren(inner) => return self.name_size(&inner.expr),
            syn::Expr::Binary(b) => {
                let (left, right) = (self.name_size(&b.left), self.name_size(&b.right));
                return match b.op {
                    syn::BinOp::Add(_) => left.add(&right),
                    syn::BinOp::Sub(_) => left.sub(&right),
                    syn::BinOp::Mul(_) => left.mul(&right),
                    _ => self.length(e),
                };
            }
            _ => return self.length(e),
        };
        let name = source(p);
        let known = self.env.get(&name).or_else(|| self.env.get(&format!("#{name}")));
        match known.map(|b| b.value.clone()) {
            Some(Value::Int(size)) => size,
            _ => {
                let size = Size::sym(self.symbol(&name, false));
                self.env.bind(format!("#{name}"), Value::Int(size.clone()), None);
                size
            }
        }
    }

    /// The value that a place of a type holds: inputs for its numbers.
    pub fn place(
        &mut self,
        ty: &Type,
        place: &TokenStream,
        arg: Option<usize>,
        active: bool,
        dims: Option<&Dims>,
    ) -> Value {
        self.place_at(ty, place, arg, active, dims, 0)
    }

    pub fn place_at(
        &mut self,
        ty: &Type,
        place: &TokenStream,
        arg: Option<usize>,
        active: bool,
        dims: Option<&Dims>,
        depth: usize,
    ) -> Value {
        let shown = source(place);
        if depth > super::MAX_DEPTH {
            return Value::Poison;
        }
        let known = self.known(ty);
        if let (Some(attr), false) =
            (dims, matches!(known, Known::Numbers(Form::Nd { .. } | Form::Slice(_) | Form::Array(..), _)))
        {
            if let Some(first) = attr.first() {
                self.errors.push(
                    Kind::Dims,
                    first,
                    &[&format!("`{shown}` of type `{}` has no dimensions to name", source(ty))],
                );
            }
        }
        match known {
            Known::Numbers(form, dtype) if self.each.is_some() && dtype.is_float() => {
                let mut sizes = self.dims_of(&form, &shown);
                if let Some(attr) = dims {
                    self.apply_dims(&sizes, attr, &shown);
                }
                sizes.splice(0..0, self.each.clone());
                Value::Tensor(self.input(place, Form::Each(Box::new(form)), dtype, sizes, arg, active))
            }
            Known::Numbers(..) | Known::List(_) | Known::Host if self.each.is_some() => {
                Value::Opaque("what is no float or array of floats in a list that a loop goes through".into())
            }
            Known::Numbers(Form::Scalar(Dtype::Bool), _) => Value::Host(place.clone()),
            Known::Numbers(Form::Scalar(Dtype::Int), _) => Value::Int(Size::sym(self.symbol(&shown, true))),
            Known::Numbers(_, Dtype::Bool) => Value::Host(place.clone()),
            Known::Numbers(form, dtype) => {
                let sizes = self.dims_of(&form, &shown);
                if let Some(attr) = dims {
                    self.apply_dims(&sizes, attr, &shown);
                }
                Value::Tensor(self.input(place, form, dtype, sizes, arg, active && dtype.is_float()))
            }
            Known::Struct(s) if arg.is_none() && !active && self.each.is_none() => {
                Value::Unread(place.clone(), s)
            }
            Known::Struct(s) => self.fields(&s, place, arg, active, depth),
            Known::Items(item, n) => match n.as_const() {
                Some(n) if (0..=256).contains(&n) => {
                    let each = (0..n as usize).map(|i| {
                        let i = proc_macro2::Literal::usize_unsuffixed(i);
                        self.place_at(&item, &quote!(#place[#i]), arg, active, None, depth + 1)
                    });
                    Value::Tuple(each.collect())
                }
                _ => Value::Opaque(
                    "an array of structs or arrays whose length is not a number up to 256".into(),
                ),
            },
            Known::List(item) => self.list(item, place, arg, active, depth),
            Known::Refused(why) if active => Value::Opaque(why.into()),
            Known::Tuple(_) if active => {
                Value::Opaque("a tuple of differentiated values; write them as separate arguments".into())
            }
            _ => Value::Host(place.clone()),
        }
    }

    fn fields(
        &mut self,
        s: &StructType,
        place: &TokenStream,
        arg: Option<usize>,
        active: bool,
        depth: usize,
    ) -> Value {
        let fields = (0..s.item.fields.len()).filter_map(|k| self.field_at(s, k, place, arg, active, depth));
        Value::Struct(Rc::new(fields.collect()))
    }

    /// The field number `k` of a struct, with its name.
    pub fn field_at(
        &mut self,
        s: &StructType,
        k: usize,
        place: &TokenStream,
        arg: Option<usize>,
        active: bool,
        depth: usize,
    ) -> Option<(String, Value)> {
        let field = s.item.fields.iter().nth(k)?;
        let outside = std::mem::replace(&mut self.env.defs, s.defs.clone());
        let in_field = std::mem::replace(&mut self.in_field, true);
        let member = match &field.ident {
            Some(ident) => ident.to_token_stream(),
            None => proc_macro2::Literal::usize_unsuffixed(k).to_token_stream(),
        };
        let active = active && !field.attrs.iter().any(|a| a.path().is_ident("constant"));
        let ty = replaced(field.ty.to_token_stream(), &s.given);
        let mut dims = self.dims_attr(&field.attrs);
        for e in dims.iter_mut().flatten() {
            *e = syn::parse2(replaced(e.to_token_stream(), &s.given)).unwrap_or_else(|_| e.clone());
        }
        let value = match syn::parse2::<Type>(ty) {
            Ok(ty) => self.place_at(&ty, &quote!(#place.#member), arg, active, dims.as_ref(), depth + 1),
            Err(_) => Value::Poison,
        };
        self.env.defs = outside;
        self.in_field = in_field;
        Some((member.to_string(), value))
    }

    pub fn dims_attr(&mut self, attrs: &[syn::Attribute]) -> Option<Dims> {
        let attr = attrs.iter().find(|a| a.path().is_ident("dims"))?;
        let parser = syn::punctuated::Punctuated::<syn::Expr, syn::Token![,]>::parse_terminated;
        match attr.parse_args_with(parser) {
            Ok(list) => Some(list.into_iter().collect()),
            Err(e) => {
                self.errors.push(Kind::Dims, attr, &[&e.to_string()]);
                None
            }
        }
    }

    /// An input of the graph and the load of all of it. The same place is one input.
    pub fn input(
        &mut self,
        place: &TokenStream,
        form: Form,
        dtype: Dtype,
        dims: Vec<Size>,
        arg: Option<usize>,
        active: bool,
    ) -> Tensor {
        let guarded = match arg {
            None => {
                if let Some(t) = self.computed(place, &form, dtype, &dims) {
                    return t;
                }
                matches!(form, Form::Scalar(_)).then(|| self.in_branch(place, dtype))
            }
            Some(_) => None,
        };
        let place = guarded.as_ref().unwrap_or(place);
        let name = source(place);
        let nd = match &form {
            Form::Each(item) => matches!(**item, Form::Nd { .. }),
            form => matches!(form, Form::Nd { .. }),
        };
        let found = self.graph.inputs.iter().position(|i| i.name == name && i.dtype == dtype);
        let id = match found {
            Some(k) => crate::ir::InputId(k as u32),
            None => {
                let dims = dims.iter().map(|d| self.graph.sizes.resolve(d)).collect();
                self.leaves.push(Leaf { arg, place: place.clone(), form });
                self.graph.add_input(Input { name, dtype, dims, active, computed: false })
            }
        };
        let dims = self.graph.input(id).dims.clone();
        let axes = self.layout(&dims);
        let index = axes.iter().map(|a| a.map_or_else(Index::default, Index::axis)).collect();
        let node = self.graph.load(Array::Input(id), None, index);
        Tensor { node, dims, axes, active, nd }
    }
}

/// Tokens with generic parameters replaced by their arguments.
pub fn replaced(tokens: TokenStream, given: &[(String, TokenStream)]) -> TokenStream {
    if given.is_empty() {
        return tokens;
    }
    tokens
        .into_iter()
        .flat_map(|token| match token {
            TokenTree::Group(g) => {
                let group = proc_macro2::Group::new(g.delimiter(), replaced(g.stream(), given));
                TokenTree::Group(group).into_token_stream()
            }
            TokenTree::Ident(i) => match given.iter().find(|p| i == p.0) {
                Some((_, to)) => to.clone(),
                None => TokenTree::Ident(i).into_token_stream(),
            },
            other => other.into_token_stream(),
        })
        .collect()
}
