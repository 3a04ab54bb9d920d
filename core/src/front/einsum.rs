//! `einsum!("ij,jk->ik", a, b)`: what its text means, and the sum of products as a graph.
//!
//! Invariant: a letter is one axis. Arrays are multiplied from left to right, and a letter is summed as soon as no later array and not the
//! result has it, so that a chain of products costs what its products cost.

use super::env::{Tensor, Value};
use super::index::along;
use super::layers::Named;
use super::Lower;
use crate::diag::{Errors, Kind};
use crate::ir::{Op, RedOp, Size};
use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Expr, LitStr, Token};

/// `ndarray` has types for so many axes.
const MOST_AXES: usize = 6;

/// A call, understood: the letters of each array with the array, and those of the result.
pub struct Einsum {
    pub arrays: Vec<(Vec<char>, Expr)>,
    pub result: Vec<char>,
}

impl Einsum {
    /// # Errors
    /// What is wrong with the call, at the text or at the tokens that are no arrays.
    pub fn parse(tokens: TokenStream) -> Result<Self, Errors> {
        let parser = |input: ParseStream| {
            let text: LitStr = input.parse()?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
            Ok((text, Punctuated::<Expr, Token![,]>::parse_terminated(input)?))
        };
        let mut errors = Errors::default();
        let (text, arrays) = match parser.parse2(tokens.clone()) {
            Ok(parsed) => parsed,
            Err(_) => {
                let help = "write `einsum!(\"ij,jk->ik\", a, b)`";
                errors.push(
                    Kind::Argument,
                    &tokens,
                    &["`einsum!`", "a text literal, and then its arrays", help],
                );
                return Err(errors);
            }
        };
        let wrong = match letters(&text.value()) {
            Ok((parts, _)) if parts.len() != arrays.len() => {
                format!("names the axes of {} array(s), but {} follow(s)", parts.len(), arrays.len())
            }
            Ok((parts, result)) => {
                let arrays = parts.into_iter().zip(arrays).collect();
                return Ok(Einsum { arrays, result });
            }
            Err(wrong) => wrong,
        };
        errors.push(Kind::Syntax, &text, &[&format!("`einsum!`: `{}` {wrong}", text.value())]);
        Err(errors)
    }

    /// All letters, as [`parse`](Self::parse) reads them.
    pub fn text(&self) -> String {
        let arrays: Vec<String> = self.arrays.iter().map(|a| a.0.iter().collect()).collect();
        let result: String = self.result.iter().collect();
        format!("{}->{result}", arrays.join(","))
    }
}

/// The letters of each array and of the result. Without `->`, those of the result are the letters that come once, in alphabetical order.
fn letters(text: &str) -> Result<(Vec<Vec<char>>, Vec<char>), String> {
    let text: String = text.chars().filter(|c| *c != ' ').collect();
    let (arrays, result) = match text.split_once("->") {
        Some((arrays, result)) => (arrays, Some(result)),
        None => (text.as_str(), None),
    };
    let arrays: Vec<Vec<char>> = arrays.split(',').map(|a| a.chars().collect()).collect();
    let all: Vec<char> = arrays.iter().flatten().copied().collect();
    let result: Vec<char> = match result {
        Some(result) => result.chars().collect(),
        None => {
            let mut once: Vec<char> =
                all.iter().copied().filter(|c| all.iter().filter(|d| *d == c).count() == 1).collect();
            once.sort();
            once
        }
    };
    if all.contains(&'.') || result.contains(&'.') {
        return Err("has dots: write a letter for each axis".into());
    }
    if let Some(c) = all.iter().chain(&result).find(|c| !c.is_ascii_alphabetic()) {
        return Err(format!("has `{c}`, which is no letter: an axis is one letter, `,` divides arrays, `->` precedes the result"));
    }
    if let Some(c) = result.iter().find(|c| !all.contains(c)) {
        return Err(format!("has `{c}` in the result, but in no array"));
    }
    if let Some(c) = result.iter().enumerate().find(|(k, c)| result[..*k].contains(c)) {
        return Err(format!("has `{}` twice in the result", c.1));
    }
    if arrays.iter().chain([&result]).any(|a| a.len() > MOST_AXES) {
        return Err(format!("names more than {MOST_AXES} axes of one array"));
    }
    Ok((arrays, result))
}

impl Lower {
    pub fn einsum(&mut self, tokens: TokenStream, at: &dyn ToTokens) -> Value {
        let call = match Einsum::parse(tokens) {
            Ok(call) => call,
            Err(errors) => {
                self.errors.list.extend(errors.list);
                return Value::Poison;
            }
        };
        let values: Vec<Value> = call.arrays.iter().map(|a| self.expr(&a.1)).collect();
        if values.iter().any(|v| matches!(v, Value::Host(_))) {
            if let Some(host) = self.host(at) {
                return host;
            }
        }
        self.sum_of_products(&call, values, at).map_or(Value::Poison, Value::Tensor)
    }

    fn sum_of_products(&mut self, call: &Einsum, values: Vec<Value>, at: &dyn ToTokens) -> Option<Tensor> {
        let dtype = values.iter().find_map(|v| match v {
            Value::Tensor(t) => Some(self.graph.dtype(t.node)),
            _ => None,
        });
        let mut sizes: Vec<(char, Size)> = vec![];
        let mut arrays: Vec<(Vec<char>, Tensor)> = vec![];
        for ((letters, e), value) in call.arrays.iter().zip(values) {
            // what has no letter is a number, of which rustc knows the type
            let known = if letters.is_empty() { dtype } else { None };
            let t = self.tensor(value, known, e)?;
            self.named_axes(letters, &t, &mut sizes, e)?;
            arrays.push((letters.clone(), t));
        }
        let mut arrays = arrays.into_iter();
        let mut left = vec![arrays.next()?];
        while let Some(next) = arrays.next() {
            left.push(next);
            let mut kept = call.result.clone();
            if arrays.len() > 0 {
                let later: Vec<char> =
                    arrays.as_slice().iter().flat_map(|a| &a.0).chain(&call.result).copied().collect();
                kept = unique(left.iter().flat_map(|a| &a.0), |c| later.contains(c));
            }
            let product = self.contracted(&left, &kept, &sizes, at)?;
            left = vec![(kept, product)];
        }
        self.contracted(&left, &call.result, &sizes, at)
    }

    /// `nn::matmul`: the products of matrices along equal axes before the last two, or with one matrix.
    pub fn matmul(&mut self, f: &Named) -> Option<Tensor> {
        let (a, b) = (self.argument(f, 0)?, self.argument(f, 1)?);
        let lists = match (a.rank(), b.rank()) {
            (rank @ 2..=4, other) if other == rank || other == 2 => rank - 2,
            _ => {
                let (a, b) = (self.shape_text(&a.dims), self.shape_text(&b.dims));
                let help =
                    "multiply two matrices, lists of them with equal leading axes, or a list and one matrix";
                self.errors.push(Kind::Shape, f.at, &["`matmul`", &a, &b, help]);
                return None;
            }
        };
        let mut sizes = vec![('i', a.dims[lists].clone()), ('k', a.dims[lists + 1].clone())];
        let help = "the last dimension of `a` must be the last but one of `b`";
        self.equal(f, &sizes[1].1, &b.dims[b.rank() - 2].clone(), help)?;
        sizes.push(('j', b.dims[b.rank() - 1].clone()));
        let (mut left, mut right) = (vec![], vec![]);
        for (k, c) in ['a', 'b'].into_iter().enumerate().take(lists) {
            left.push(c);
            sizes.push((c, a.dims[k].clone()));
            if b.rank() > 2 {
                right.push(c);
                self.equal(
                    f,
                    &a.dims[k].clone(),
                    &b.dims[k].clone(),
                    "the dimensions before the last two are equal",
                )?;
            }
        }
        let kept: Vec<char> = left.iter().copied().chain(['i', 'j']).collect();
        left.extend(['i', 'k']);
        right.extend(['k', 'j']);
        self.contracted(&[(left, a), (right, b)], &kept, &sizes, f.at)
    }

    /// Notes the sizes of the letters of an array, which must be those that they have elsewhere.
    fn named_axes(
        &mut self,
        letters: &[char],
        t: &Tensor,
        sizes: &mut Vec<(char, Size)>,
        e: &Expr,
    ) -> Option<()> {
        if letters.len() != t.rank() {
            let (text, shape): (String, _) = (letters.iter().collect(), self.shape_text(&t.dims));
            let help = "each dimension has one letter";
            self.errors.push(Kind::Shape, e, &["`einsum!`", &format!("`{text}`"), &shape, help]);
            return None;
        }
        for (c, size) in letters.iter().zip(&t.dims) {
            match sizes.iter().find(|s| s.0 == *c) {
                None => sizes.push((*c, size.clone())),
                Some((_, known)) => {
                    let help = format!("`{c}` is one axis, so it has one size");
                    self.agrees("einsum!", &known.clone(), size, &help, e)?;
                }
            }
        }
        Some(())
    }

    /// The product of arrays, summed over the letters that are not kept.
    fn contracted(
        &mut self,
        arrays: &[(Vec<char>, Tensor)],
        kept: &[char],
        sizes: &[(char, Size)],
        at: &dyn ToTokens,
    ) -> Option<Tensor> {
        let mut all = kept.to_vec();
        all.extend(unique(arrays.iter().flat_map(|a| &a.0), |c| !kept.contains(c)));
        let dims: Vec<Size> =
            all.iter().filter_map(|c| Some(sizes.iter().find(|s| s.0 == *c)?.1.clone())).collect();
        let mut product: Option<Tensor> = None;
        for (letters, t) in arrays {
            let t = self.remap(t, dims.clone(), |_, axes| {
                let place = |c: &char| all.iter().position(|a| a == c).and_then(|k| axes[k]);
                letters.iter().map(|c| along(&place(c))).collect()
            });
            product = Some(match product {
                Some(product) => self.elementwise(Op::Mul, &[product, t], "`einsum!`", at)?,
                None => t,
            });
        }
        let over: Vec<usize> = (kept.len()..all.len()).collect();
        let sum = self.reduce(RedOp::Sum, &product?, &over);
        Some(Tensor { nd: true, ..sum })
    }
}

/// The letters that are wanted, each once, in order of appearance.
fn unique<'a>(letters: impl Iterator<Item = &'a char>, wanted: impl Fn(&char) -> bool) -> Vec<char> {
    let mut out = vec![];
    for c in letters.filter(|c| wanted(c)) {
        if !out.contains(c) {
            out.push(*c);
        }
    }
    out
}
