//! Inactive expressions that change inactive variables, such as `rng.next()` or `read(&mut seed)`.
//!
//! Host code runs where its value is needed, once for equal code, and not at all where nothing needs it. So what such
//! an expression is must be a statement, or a `let`, outside of loops and branches: those are kept in order.
//!
//! Invariant: an inactive expression that becomes host code elsewhere changes nothing.

use super::env::{Binding, Value};
use super::methods::is_known;
use super::place::CHANGING;
use super::Lower;
use crate::diag::Kind;
use syn::visit::Visit;
use syn::{Expr, ExprCall, ExprMethodCall, ExprReference};

/// Methods without a meaning of their own here that change nothing.
#[rustfmt::skip]
const READING: &[&str] = &[
    "as_mut_ptr", "as_ptr", "as_ref", "as_slice", "as_str", "axis_iter", "binary_search",
    "binary_search_by", "broadcast", "bytes", "capacity", "chars", "chunks", "chunks_exact", "clone",
    "cloned", "cmp", "column", "columns", "concat", "contains", "contains_key", "copied", "count", "diag",
    "dim", "ends_with", "eq", "expect", "first", "first_key_value", "fold_axis", "get", "index_axis",
    "indexed_iter", "insert_axis", "into_iter", "into_owned", "into_shape_with_order", "is_empty",
    "is_none", "is_ok", "is_some", "is_sorted", "is_square", "iter", "join", "keys", "last",
    "last_key_value", "len", "len_of", "lines", "map_axis", "mapv", "mean", "mean_axis", "ncols", "ndim",
    "ne", "nrows", "outer_iter", "partial_cmp", "partition_point", "permuted_axes", "raw_dim", "rchunks",
    "repeat", "reversed_axes", "row", "rows", "rsplit", "select", "shape", "slice", "split", "split_at",
    "split_first", "split_last", "starts_with", "std_axis", "strides", "sum_axis", "t", "to_owned",
    "to_shape", "to_string", "to_vec", "unwrap", "unwrap_or", "unwrap_or_default", "values", "var_axis",
    "view", "windows",
];

/// Methods of iterators that leave them somewhere else.
const STEPPING: &[&str] =
    &["next", "next_back", "nth", "nth_back", "by_ref", "peek", "next_if", "advance_by"];

/// Finds them, but for those in blocks, whose statements are asked for themselves.
struct Effects<'a> {
    lower: &'a Lower,
    found: Vec<(String, Expr)>,
}

impl Effects<'_> {
    fn variable(&self, e: &Expr) -> Option<&Binding> {
        let mut e = e;
        loop {
            e = match e {
                Expr::Index(i) => &i.expr,
                Expr::Field(f) => &f.base,
                Expr::Paren(p) => &p.expr,
                Expr::Group(p) => &p.expr,
                Expr::Unary(u) => &u.expr,
                Expr::Path(p) => {
                    let binding = self.lower.env.get(&p.path.get_ident()?.to_string())?;
                    // what is written to differentiated variables is followed, but for how far an iterator is
                    let followed = |v: &Value| v.active() && !matches!(v, Value::Iter(_));
                    return Some(binding).filter(|b| b.mutable && !followed(&b.value));
                }
                _ => return None,
            }
        }
    }
}

impl<'ast> Visit<'ast> for Effects<'_> {
    fn visit_block(&mut self, _: &'ast syn::Block) {}
    fn visit_expr_reference(&mut self, e: &'ast ExprReference) {
        if let (Some(_), Some(b)) = (e.mutability, self.variable(&e.expr)) {
            self.found.push((b.name.clone(), Expr::Reference(e.clone())));
        }
        syn::visit::visit_expr_reference(self, e);
    }
    fn visit_expr_method_call(&mut self, e: &'ast ExprMethodCall) {
        let name = e.method.to_string();
        let reads = is_known(&name) || READING.contains(&name.as_str());
        if let Some(b) = self.variable(&e.receiver).filter(|_| !reads) {
            let changes = match &b.value {
                Value::Tensor(t) if t.rank() == 0 => false,
                Value::Tensor(_) | Value::Empty(_) | Value::Growing(..) => {
                    // the others are followed
                    !CHANGING.contains(&name.as_str()) || name == "pop" || name == "remove"
                }
                Value::Iter(_) => STEPPING.contains(&name.as_str()),
                Value::Host(_) | Value::Struct(_) | Value::Tuple(_) | Value::List(_) => true,
                _ => false,
            };
            if changes {
                self.found.push((b.name.clone(), Expr::MethodCall(e.clone())));
            }
        }
        syn::visit::visit_expr_method_call(self, e);
    }
    fn visit_expr_call(&mut self, e: &'ast ExprCall) {
        // closures with differentiated arguments are followed
        let followed = |b: &&Binding| matches!(b.value, Value::Closure(_)) && self.lower.mentions_active(e);
        if let Some(b) = self.variable(&e.func).filter(|b| !followed(b)) {
            self.found.push((b.name.clone(), Expr::Call(e.clone())));
        }
        syn::visit::visit_expr_call(self, e);
    }
}

impl Lower {
    /// The variables that an expression changes where no statement says so, with what changes them.
    pub fn effects(&self, e: &Expr) -> Vec<(String, Expr)> {
        let mut effects = Effects { lower: self, found: vec![] };
        effects.visit_expr(e);
        effects.found
    }

    /// Reports what an expression changes on its way. Gives whether there is something.
    pub fn refuse_effects(&mut self, e: &Expr) -> bool {
        let effects = self.effects(e);
        for (name, at) in &effects {
            let active = self.env.get(name).is_some_and(|b| b.value.active());
            let help = match active {
                true => "read elements by position, or loop over all",
                false => "give the call a `let` of its own, outside of loops, branches and closures",
            };
            self.errors.push(Kind::Mutation, at, &[name, help]);
        }
        !effects.is_empty()
    }
}
