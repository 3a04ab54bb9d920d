//! Errors about the user's code: a sink that collects them and the table of their kinds.
//!
//! Invariant: an error reaches the user as `compile_error!` at the user's own tokens, and nothing else makes tokens of one.

use proc_macro2::{Span, TokenStream};
use quote::{quote_spanned, ToTokens};

macro_rules! kinds {
    ($($(#[$doc:meta])* $Kind:ident $code:literal $message:literal help $help:literal;)+) => {
        /// What can be wrong with a function.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Kind { $($(#[$doc])* $Kind),+ }

        impl Kind {
            pub const ALL: &'static [Kind] = &[$(Kind::$Kind),+];
            /// Short name, message and help, with `{0}`, `{1}`, … for the arguments.
            pub fn text(self) -> (&'static str, &'static str, &'static str) {
                match self { $(Kind::$Kind => ($code, $message, $help)),+ }
            }
        }
    };
}

kinds! {
    Syntax "syntax" "{0}" help "";
    NoDifferentiable "nothing-to-differentiate" "`{0}` has no differentiable argument"
        help "an f32 or f64, an array or slice of them, an ndarray array or view, or a struct with `#[derive(Differentiable)]`";
    WrtUnknown "wrt-unknown" "`wrt` names `{0}`, which is no argument of `{1}`" help "the arguments are: {2}";
    WrtType "wrt-type" "the argument `{0}` of type `{1}` cannot be differentiated"
        help "differentiable are f32, f64, arrays, slices and ndarray arrays of them, and structs with `#[derive(Differentiable)]`";
    UnknownOption "unknown-option" "unknown option `{0}`"
        help "the options are: wrt(a, b), math = \"strict\" | \"real\", value, step, debug_nans, jvp, vjp, hvp, jacobian, hessian, custom = path, custom(vjp = path), checkpoint = 100 | \"log\", const";
    Rule "rule" "`{0}` has no rule for {1}" help "{2}";
    Checkpoint "checkpoint" "`{0}` saves nothing in `{1}`"
        help "it is for recurrences, whose adjoint reads what their iterations computed, in functions with a gradient, `vjp` or `hvp`";
    Constant "const" "{0} is not supported in derivatives at compile time" help "{1}";
    Function "function" "{0} cannot be differentiated" help "{1}";
    NonScalar "non-scalar" "`{0}` returns {1}, so it has no gradient"
        help "ask for `#[differentiable(vjp)]`, `jvp` or `jacobian` instead, or return a scalar";
    Matrix "matrix" "the {0} with respect to `{1}` would be {2}" help "{3}";
    Type "type" "the type `{0}` cannot be differentiated" help "{1}";
    Dims "dims" "{0}" help "write one number or name for each dimension: `#[dims(B, 784)]`";
    Control "control-flow" "`{0}` over differentiated values is not supported yet" help "{1}";
    Mutation "mutation" "`{0}` is changed in a way that is not supported" help "{1}";
    Macro "macro" "the macro `{0}!` is not supported in differentiated code"
        help "only `s!`, `concatenate!`, `stack!` and `einsum!` are; write out what the macro stands for";
    UnknownFunction "unknown-function" "unknown function `{0}` with a differentiated argument"
        help "add `#[differentiable]` to it and bring it into scope with `use`, or write it as operations that are known";
    UnknownMethod "unknown-method" "the method `{0}` is not known on {1}" help "{2}";
    Unsupported "unsupported" "{0} is not supported in differentiated code" help "{1}";
    MissingType "missing-type" "missing type information: the value `{0}` meets a differentiated one"
        help "write its type: `let {1}: Array2<f32> = …`";
    Shape "shape" "{0}: the shapes {1} and {2} do not fit" help "{3}";
    Bounds "bounds" "index {0} is out of bounds for a dimension of size {1}" help "";
    Dtypes "dtypes" "{0} between {1} and {2}" help "convert one side with `as`";
    CastInteger "cast-to-integer" "`as {0}` of a differentiated value loses its derivative" help "use `trunc()`, which stays a float";
    Recursion "recursion" "`{0}` calls itself, and nothing says when it ends" help "return early under a condition, `if n == 0 { return x }`; or write a loop";
    Depth "depth" "this expression is nested too deeply" help "give parts of it names with `let`";
    Argument "argument" "{0} expects {1}" help "{2}";
    Result "result" "the function returns {0}, but its signature says `{1}`" help "";
}

fn fill(template: &str, args: &[&str]) -> String {
    args.iter().enumerate().fold(template.to_string(), |text, (i, a)| text.replace(&format!("{{{i}}}"), a))
}

/// One mistake, at the tokens from `start` to `end`.
#[derive(Clone, Debug)]
pub struct Error {
    pub start: Span,
    pub end: Span,
    pub kind: Kind,
    pub message: String,
    pub help: String,
}

impl Error {
    pub fn code(&self) -> &'static str {
        self.kind.text().0
    }
    /// Message and help, as the user reads them.
    pub fn text(&self) -> String {
        match self.help.is_empty() {
            true => self.message.clone(),
            false => format!("{}\nhelp: {}", self.message, self.help),
        }
    }
}

/// All mistakes found in a function.
#[derive(Clone, Debug, Default)]
pub struct Errors {
    pub list: Vec<Error>,
}

impl Errors {
    pub fn push(&mut self, kind: Kind, at: &dyn ToTokens, args: &[&str]) {
        let mut spans = at.to_token_stream().into_iter().map(|t| t.span());
        let start = spans.next().unwrap_or_else(Span::call_site);
        let end = spans.last().unwrap_or(start);
        let (_, message, help) = kind.text();
        let (message, help) = (fill(message, args), fill(help, args));
        self.list.push(Error { start, end, kind, message, help });
    }
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
    pub fn len(&self) -> usize {
        self.list.len()
    }
    pub fn into_compile_errors(self) -> TokenStream {
        let mut out = TokenStream::new();
        for error in self.list {
            let text = error.text();
            let body = quote_spanned!(error.end=> { #text });
            out.extend(quote_spanned!(error.start=> ::core::compile_error!));
            out.extend(body);
        }
        out
    }
}

/// Tokens as a user would type them: no spaces around `::`, `.`, brackets.
pub fn source(tokens: &dyn ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string();
    for (from, to) in [
        (" :: ", "::"),
        (":: ", "::"),
        (" ::", "::"),
        (" . ", "."),
        (" (", "("),
        ("( ", "("),
        (" )", ")"),
        (" ,", ","),
        (" ;", ";"),
        ("& ", "&"),
        (" < ", "<"),
        ("< ", "<"),
        (" >", ">"),
        ("[ ", "["),
        (" ]", "]"),
        (" [", "["),
        (" !", "!"),
        (" : ", ": "),
        (" .. ", ".."),
        (" ..= ", "..="),
    ] {
        text = text.replace(from, to);
    }
    for op in ["=", "+", "*", "/", "-", "|", ",", "&&", "mut"] {
        text = text.replace(&format!("{op}("), &format!("{op} ("));
        text = text.replace(&format!("{op}["), &format!("{op} ["));
    }
    text
}

/// An error of the compiler itself.
pub fn internal(message: &str) -> TokenStream {
    let message = format!("chainrule: internal error: {message}. Please report the function that caused it.");
    quote::quote! { ::core::compile_error! { #message } }
}
