//! How long expansion takes: the workloads of the benchmarks, and a chain of growing length.
//!
//! Built without optimisation, as cargo builds procedural macros by default:
//! `cargo test -p chainrule-core --test expansion -- --ignored --nocapture milliseconds`.

use chainrule_core::front::{Definition, Definitions};
use chainrule_core::{compile, expand_function, Compiled};
use proc_macro2::TokenStream;
use quote::ToTokens;
use std::time::Instant;

const WORKLOADS: [&str; 2] = [
    include_str!("../../benches/workloads/functions.rs"),
    include_str!("../../benches/workloads/networks.rs"),
];
/// The functions of `chainrule::nn` that they call.
const BUILTINS: [&str; 11] = [
    "relu",
    "cross_entropy",
    "mse",
    "logsumexp",
    "causal_attention",
    "conv2d",
    "gelu_tanh",
    "layer_norm",
    "max_pool2d",
    "sigmoid",
    "Window",
];
/// The functions of GradBench whose gradients are generated.
const GRADBENCH: [&str; 6] = [
    include_str!("../../gradbench/src/lse.rs"),
    include_str!("../../gradbench/src/llsq.rs"),
    include_str!("../../gradbench/src/kmeans.rs"),
    include_str!("../../gradbench/src/gmm.rs"),
    include_str!("../../gradbench/src/lstm.rs"),
    include_str!("../../gradbench/src/ode.rs"),
];

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
            let module =
                expand_function(self.attr.clone(), self.item.clone(), None, &self.definitions).tokens;
            std::hint::black_box(module);
            start.elapsed().as_secs_f64() * 1e3
        };
        (0..runs).map(|_| once()).fold(f64::INFINITY, f64::min)
    }
}

/// The differentiable functions of a file; each knows the structs, and the functions that it may call.
fn functions(source: &str) -> Vec<Function> {
    let mut definitions = Definitions::default();
    for name in BUILTINS {
        let path = name.parse().expect("a name");
        definitions.insert(path, Definition::Builtin(name.into()));
    }
    let mut out = Vec::new();
    let mut items = syn::parse_file(source).expect("a file of Rust").items;
    // helpers stand below what calls them
    let called = |item: &syn::Item| match item {
        syn::Item::Fn(f) => ["sigmoid", "log_likelihood", "log_prior", "rate", "ahead", "solution"]
            .iter()
            .position(|name| f.sig.ident == name)
            .unwrap_or(usize::MAX),
        _ => 0,
    };
    items.sort_by_key(called);
    for item in items {
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
                let definition = Definition::Function {
                    attr: attr.clone(),
                    item: tokens.clone(),
                    defs,
                    surroundings: vec![],
                };
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
    for f in WORKLOADS.iter().chain(&GRADBENCH).flat_map(|source| functions(source)).chain([chain(8)]) {
        let text = f.compile().tokens.to_string();
        assert!(!text.contains("compile_error"), "{}: {text}", f.name);
    }
}

#[test]
#[ignore = "prints times"]
fn milliseconds() {
    for f in WORKLOADS.iter().chain(&GRADBENCH).flat_map(|source| functions(source)) {
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
    for f in
        WORKLOADS.iter().flat_map(|source| functions(source)).filter(|f| asked.is_empty() || f.name == asked)
    {
        let Compiled { stages, tokens, .. } = f.compile();
        println!(
            "{}\n--\n{}\n--\n{}\n--\n{}\n--\n{}\n",
            stages.graph, stages.joint, stages.simplified, stages.plan, stages.source
        );
        if stages.source.is_empty() {
            println!("{tokens}");
        }
    }
}

fn expanded(attr: &str, item: &str) -> String {
    let tokens = |text: &str| text.parse().expect("tokens");
    compile(tokens(attr), tokens(item), &Definitions::default()).tokens.to_string()
}

/// A function with one mistake still has all its derivatives, of the right types.
#[test]
fn a_mistake_leaves_a_stub() {
    let check = |attr: &str, item: &str, errors: usize, expected: &[&str]| {
        let text = expanded(attr, item);
        assert_eq!(text.matches("compile_error").count(), errors, "{text}");
        assert_eq!(
            syn::parse_str::<syn::File>(&text).map(|_| ()).map_err(|e| e.to_string()),
            Ok(()),
            "{text}"
        );
        let tight = |text: &str| text.replace(' ', "");
        for part in expected {
            assert!(tight(&text).contains(&tight(part)), "{part}\nis not in\n{text}");
        }
    };
    check(
        "vjp, jvp",
        "pub fn f<const N: usize>(x: &[f64; N], s: f32) -> f64 { unknown(x) * s }",
        1,
        &[
            "pub mod f {",
            "pub struct Gradient<const N: usize> {",
            "pub x: [f64; N]",
            "pub s: f32",
            "pub fn gradient<const N: usize>(x: &[f64; N], s: f32) -> Gradient<N> { ::core::unreachable!() }",
            "pub fn value_and_gradient<const N: usize>(x: &[f64; N], s: f32) -> (f64, Gradient<N>) {",
            "gradient: &mut Gradient<N>, workspace: &mut Workspace) -> f64 {",
            "pub fn vjp<const N: usize>(x: &[f64; N], s: f32, cotangent: f64) -> (f64, Gradient<N>) {",
            "pub fn jvp<const N: usize>(x: &[f64; N], s: f32, x_dot: &[f64; N], s_dot: f32) -> (f64, f64) {",
            "pub struct Workspace",
            "pub const SOURCE: &str =",
        ],
    );
    check("wrt(x)", "fn f(x: f64, n: usize) -> f64 { x as i64 as f64 }", 1, &["pub type Gradient<> = f64;"]);
    // what is wrong with the signature itself
    check("", "async fn f(x: f64) -> f64 { x }", 1, &["pub fn gradient(x: f64) -> Gradient<>"]);
    check("", "fn f<T: Copy>(x: f64, t: T) -> f64 { x }", 1, &["pub fn gradient<T: Copy>(x: f64, t: T)"]);
    check("", "fn f([a, b]: [f64; 2]) -> f64 { a * c }", 1, &["pub fn gradient(argument_0: [f64; 2])"]);
    check("", "fn f(x: f64) { }", 1, &["pub fn value_and_gradient(x: f64) -> ((), Gradient<>)"]);
    check("vjp", "fn f(x: f64) -> (f64, f64) { y }", 1, &["cotangent_1: f64) -> ((f64, f64), Gradient<>)"]);
    check("fast", "fn f(x: f64) -> f64 { x }", 1, &["pub fn gradient(x: f64)"]);
    let deep = format!("fn f(x: f64) -> f64 {{ {}x{} }}", "(".repeat(500), ")".repeat(500));
    check("", &deep, 1, &["pub fn gradient(x: f64)"]);
    // no module can stand beside a method
    check("", "fn f(&self, x: f64) -> f64 { x }", 1, &[]);
    assert!(!expanded("", "fn f(&self, x: f64) -> f64 { x }").contains("mod"));
}

/// The user's names reach the generated code through every pass.
#[test]
fn names_survive() {
    let item = "fn f(x: &[f64]) -> f64 {
        let slope = x.iter().map(|v| v.sin()).sum::<f64>();
        let bend = slope.exp().ln_1p();
        let hidden = bend / (1.0 + (-slope).exp());
        hidden * slope * (hidden + bend).tanh()
    }";
    let source =
        compile(TokenStream::new(), item.parse().expect("tokens"), &Definitions::default()).stages.source;
    for name in ["bend", "hidden", "hidden_bar", "slope_bar"] {
        assert!(source.contains(&format!("let {name} =")), "{name} is not in\n{source}");
    }
}

/// What is planned is said in words: loops and memory as a stage, and a summary above the code.
#[test]
fn plans_are_told() {
    let item = "fn f(x: &[f64]) -> f64 {
        let size = x.iter().map(|v| v.exp()).sum::<f64>();
        x.iter().map(|v| (v / size).sin()).sum()
    }";
    let stages = compile(TokenStream::new(), item.parse().expect("tokens"), &Definitions::default()).stages;
    for part in ["value_and_gradient {\n    for i < x.len() {\n", "x[i]", "x_bar[i]", "value_0 = "] {
        assert!(stages.plan.contains(part), "{part} is not in\n{}", stages.plan);
    }
    let title =
        "// Derivatives of `f` with respect to `x`, generated by `chainrule`.\n//\n// `value_and_gradient`: ";
    assert!(stages.source.starts_with(title), "{}", stages.source);
    for part in [" operations as derived, ", "\n// - stored: ", "\n// - recomputed: "] {
        assert!(stages.source.contains(part), "{part} is not in\n{}", stages.source);
    }
}
