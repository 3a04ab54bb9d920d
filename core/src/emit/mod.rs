//! Plans as Rust: the room that writes code.
//!
//! `body` writes loops and expressions, `entry` checks and slices, `lists` what lists need, `module` a kernel with its call, `heads` the
//! types and signatures of the public functions, `calls` what kernels call, `face` these functions, `products` those that multiply with vectors, `matrices`
//! Jacobians and Hessians, `nans` the search for what is no number. Invariant: with the same plan in, the same tokens out.

mod body;
mod calls;
mod constant;
mod entry;
mod expr;
pub mod face;
pub mod header;
mod heads;
mod lists;
mod matrices;
pub mod module;
mod names;
pub mod nans;
mod place;
mod products;
mod step;
mod tidy;
mod types;

pub use expr::function_at_compile_time;

use proc_macro2::TokenStream;

/// Items as formatted text.
pub fn format(items: TokenStream) -> Option<String> {
    let file = syn::parse2::<syn::File>(items).ok()?;
    Some(prettyplease::unparse(&file))
}
