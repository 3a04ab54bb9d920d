//! Functions that stay calls, as the user wrote them: where they are, what they take and what they give.
//!
//! Invariant: what a kernel gives comes in the order of the callee's arguments in the graph.

use super::Form;
use proc_macro2::{Ident, TokenStream};

/// A function that is called from a kernel.
#[derive(Clone, Debug)]
pub struct Called {
    /// The path to it, as the generated module says it.
    pub path: TokenStream,
    /// The function that it is, or whose rule it is.
    pub name: String,
    /// The user's call.
    pub at: TokenStream,
    /// Names under which inactive code mentions positions in loops: the kernel gives them first.
    pub positions: Vec<Ident>,
    pub args: Vec<Passed>,
    /// One result alone, several as a tuple.
    pub results: Vec<Returned>,
    /// The function adds the gradients of its differentiated arguments to memory that it is given: for each, whether the
    /// kernel has an array for it, or takes a number that comes behind the results.
    pub sums: Vec<bool>,
}

/// An argument of the user's function.
#[derive(Clone, Debug)]
pub enum Passed {
    /// Inactive code.
    Host(TokenStream),
    /// A number or an array that the kernel gives.
    Given {
        form: Form,
        /// The type without references.
        ty: TokenStream,
        by_ref: bool,
        /// Given as a number: so are arrays of one element.
        number: bool,
    },
}

impl Called {
    /// The inactive code among the arguments.
    pub fn hosts(&self) -> impl Iterator<Item = &TokenStream> {
        self.args.iter().filter_map(|a| match a {
            Passed::Host(tokens) => Some(tokens),
            Passed::Given { .. } => None,
        })
    }
}

#[derive(Clone, Debug)]
pub struct Returned {
    pub form: Form,
    /// The argument that it is the gradient of: its number among those that the kernel gives, and its name.
    pub of: Option<(usize, String)>,
    /// Taken as a number.
    pub number: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RuleKind {
    Gradient,
    Vjp,
    Jvp,
}

impl RuleKind {
    /// The function of the generated module that is the rule.
    pub fn function(self) -> &'static str {
        match self {
            RuleKind::Gradient => "rule",
            RuleKind::Vjp => "rule_vjp",
            RuleKind::Jvp => "rule_jvp",
        }
    }
}

/// A rule that the user wrote, and the path to it.
#[derive(Clone, Debug)]
pub struct Rule {
    pub kind: RuleKind,
    pub path: TokenStream,
}
