//! How long expansion takes: the workloads of the benchmarks, and a chain of growing length.
//!
//! Built without optimisation, as cargo builds procedural macros by default:
//! `cargo test -p chainrule-core --test expansion -- --ignored --nocapture milliseconds`.

use chainrule_core::front::{Definition, Definitions};
use chainrule_core::{compile, Compiled};
use proc_macro2::TokenStream;
use quote::ToTokens;
use std::time::Instant;

const WORKLOADS: &str = include_str!("../../benches/workloads/functions.rs");

/// A function with `#[differentiable]`.
struct Function {
    name: String,
    attr: TokenStream,
    item: TokenStream,
    definitions: Definitions,
}

impl Function {
    fn compile(&self) -> Compiled {
        compile(self.attr.clone(), self.item.clone(), &self.definitions)
    }

    /// The least of several expansions, in milliseconds.
    fn time(&self, runs: usize) -> f64 {
        let once = || {
            let start = Instant::now();
            std::hint::black_box(self.compile());
            start.elapsed().as_secs_f64() * 1e3
        };
        (0..runs).map(|_| once()).fold(f64::INFINITY, f64::min)
    }
}

/// The differentiable functions of a file; each knows the structs and functions above it.
fn functions(source: &str) -> Vec<Function> {
    let mut definitions = Definitions::default();
    for name in ["relu", "cross_entropy", "mse", "logsumexp"] {
        let path = name.parse().expect("a name");
        definitions.insert(path, Definition::Builtin(name.into()));
    }
    let mut out = Vec::new();
    for item in syn::parse_file(source).expect("a file of Rust").items {
        match item {
            syn::Item::Struct(mut item) => {
                item.attrs.clear();
                let defs = definitions.clone();
                let definition = Definition::Struct { item: item.to_token_stream(), defs };
                definitions.insert(item.ident.to_token_stream(), definition);
            }
            syn::Item::Fn(mut item) => {
                let at = item.attrs.iter().position(|a| a.path().is_ident("differentiable"));
                let Some(at) = at else { continue };
                let attr = match item.attrs.remove(at).meta {
                    syn::Meta::List(list) => list.tokens,
                    _ => TokenStream::new(),
                };
                let (name, tokens) = (item.sig.ident.to_string(), item.to_token_stream());
                let defs = definitions.clone();
                let definition = Definition::Function { attr: attr.clone(), item: tokens.clone(), defs };
                out.push(Function { name, attr, item: tokens, definitions: definitions.clone() });
                definitions.insert(item.sig.ident.to_token_stream(), definition);
            }
            _ => {}
        }
    }
    out
}

/// `a₁ = x; aᵢ₊₁ = sin(aᵢ) exp(aᵢ) + aᵢ`
fn chain(lines: usize) -> Function {
    let body: String = (0..lines).map(|_| "let a = a.sin() * a.exp() + a;\n").collect();
    let source = format!("#[differentiable] fn chain(x: f64) -> f64 {{ let a = x; {body} a }}");
    functions(&source).remove(0)
}

#[test]
fn everything_expands() {
    for f in functions(WORKLOADS).iter().chain([&chain(8)]) {
        let text = f.compile().tokens.to_string();
        assert!(!text.contains("compile_error"), "{}: {text}", f.name);
    }
}

#[test]
#[ignore = "prints times"]
fn milliseconds() {
    for f in functions(WORKLOADS) {
        println!("| {} | {:.1} ms |", f.name, f.time(5));
    }
    for lines in [8, 16, 32, 64, 128] {
        println!("| chain of {lines} | {:.1} ms |", chain(lines).time(3));
    }
}

/// For reading what is generated: `EXPAND=name` names the function.
#[test]
#[ignore = "prints code"]
fn stages() {
    let asked = std::env::var("EXPAND").unwrap_or_default();
    for f in functions(WORKLOADS).iter().filter(|f| asked.is_empty() || f.name == asked) {
        let Compiled { stages, tokens } = f.compile();
        println!(
            "{}\n--\n{}\n--\n{}\n--\n{}\n",
            stages.graph, stages.joint, stages.simplified, stages.source
        );
        if stages.source.is_empty() {
            println!("{tokens}");
        }
    }
}
