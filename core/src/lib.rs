//! The compiler behind `chainrule`: tokens of a function in, tokens of its fused gradient out.
//!
//! ```text
//! tokens ──front──▶ graph ──derive──▶ joint graph ──simplify──▶ joint graph ──schedule──▶ plan ──emit──▶ tokens
//! ```
//!
//! [`compile`] is that line. It is a function of its arguments alone: no clock, environment or hash order has a say.
//!
//! ```
//! let item = "fn square(x: f64) -> f64 { x * x }".parse()?;
//! let compiled = chainrule_core::compile(Default::default(), item, &Default::default());
//! assert!(compiled.stages.source.contains("pub fn value_and_gradient(x: f64)"));
//! # Ok::<(), proc_macro2::LexError>(())
//! ```
//!
//! The passes know the graph in [`ir`] and not each other. This crate is no interface for users: depend on `chainrule`.

pub mod derive;
pub mod diag;
pub mod emit;
pub mod expand;
pub mod front;
pub mod ir;
pub mod params;
pub mod programs;
pub mod schedule;
pub mod signature;
pub mod simplify;

use front::Definitions;
use ir::NodeId;
use proc_macro2::TokenStream;

/// What became of a function at each station, as text.
#[derive(Clone, Debug, Default)]
pub struct Stages {
    pub graph: String,
    pub joint: String,
    pub simplified: String,
    pub plan: String,
    pub source: String,
}

/// The result of [`compile`].
pub struct Compiled {
    pub tokens: TokenStream,
    /// The expressions of the function's surroundings that its module has functions for.
    pub surroundings: Vec<TokenStream>,
    pub stages: Stages,
}

/// The straight line: a function's tokens in, the module beside it out, and what became of it on the way.
pub fn compile(attr: TokenStream, item: TokenStream, definitions: &Definitions) -> Compiled {
    let mut stages = Stages::default();
    let (tokens, surroundings) = line(attr, item, None, definitions, Some(&mut stages));
    Compiled { tokens, surroundings, stages }
}

/// The module alone, without the text of the stages: what a macro gives. A function that is a method has its derivatives as
/// methods, too.
pub fn expand_function(
    attr: TokenStream,
    item: TokenStream,
    method: Option<signature::Method>,
    definitions: &Definitions,
) -> Compiled {
    let (tokens, surroundings) = line(attr, item, method, definitions, None);
    Compiled { tokens, surroundings, stages: Stages::default() }
}

fn line(
    attr: TokenStream,
    item: TokenStream,
    method: Option<signature::Method>,
    definitions: &Definitions,
    mut stages: Option<&mut Stages>,
) -> (TokenStream, Vec<TokenStream>) {
    let mut primal = match front::lower(attr, item.clone(), definitions, derive::MODES) {
        Ok(primal) => primal,
        Err(failure) => {
            let stub = failure.primal.map(|mut primal| {
                primal.signature.method = method;
                emit::face::stub(&primal).tokens
            });
            let errors = failure.errors.into_compile_errors();
            return (quote::quote!(#errors #stub), vec![]);
        }
    };
    primal.signature.method = method;
    if primal.options.debug_nans {
        primal.watched = front::watched(&item, &emit::nans::watch);
    }
    if let Some(stages) = &mut stages {
        stages.graph = show_primal(&primal);
    }
    let roots: Vec<NodeId> = primal.outputs.iter().map(|o| o.node).collect();
    // what is differentiated inside of the function is so by now
    primal.graph.transparent.push(ir::Op::Mark);
    let (graph, roots) = simplify::recognise(&primal.graph, &roots);
    primal.graph = graph;
    primal.outputs.iter_mut().zip(roots).for_each(|(o, r)| o.node = r);

    let mut simplify_program = |program: emit::module::Program| {
        let joint = stages.is_some().then(|| show_program(&program));
        let mut program = programs::simplified(program);
        if primal.options.constant.is_some() {
            program = programs::written_out(program);
        }
        if let (Some(stages), Some(joint)) = (&mut stages, joint) {
            stages.joint.push_str(&joint);
            stages.simplified.push_str(&show_program(&program));
        }
        program
    };
    let value = primal.options.value.then(|| programs::value(&primal)).map(&mut simplify_program);
    let gradient = programs::gradient(&primal).map(&mut simplify_program);
    let vjp = primal.options.vjp.then(|| programs::vjp(&primal)).map(&mut simplify_program);
    let adjoint = primal.recursive.then(|| programs::adjoint(&primal)).map(&mut simplify_program);
    let jvp = primal.options.jvp.then(|| programs::jvp(&primal)).map(&mut simplify_program);
    let options = &primal.options;
    let hvp = options.hvp.then(|| programs::hvp(&primal)).flatten().map(&mut simplify_program);
    let jacobian = options.jacobian.then(|| programs::jacobian(&primal)).map(&mut simplify_program);
    let hessian = options.hessian.then(|| programs::hessian(&primal)).flatten().map(&mut simplify_program);
    let all = emit::face::Programs { value, gradient, vjp, adjoint, jvp, hvp, jacobian, hessian };
    let mut module = emit::face::module(&primal, all);
    let mut errors = std::mem::take(&mut module.errors);
    if let Some((_, option)) = &primal.options.checkpoint {
        if module.plans.iter().all(|p| p.plan.sweeps.is_empty()) {
            let name = primal.signature.ident.to_string();
            errors.push(diag::Kind::Checkpoint, option, &[&diag::source(option), &name]);
        }
    }
    let errors = errors.into_compile_errors();
    if let Some(stages) = stages {
        for p in &module.plans {
            let text = schedule::text::show(&p.plan, &p.targets);
            stages.plan.push_str(&format!("{} {{\n{}}}\n", p.name, indented(&text)));
        }
        stages.source = module.source;
    }
    let bugs: TokenStream = module.bugs.iter().map(|b| diag::internal(b)).collect();
    let module = module.tokens;
    let surroundings = primal.surroundings.values.into_iter().map(|v| v.0).collect();
    (quote::quote!(#bugs #errors #module), surroundings)
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

fn show_primal(primal: &signature::Primal) -> String {
    let roots: Vec<(String, NodeId)> =
        primal.outputs.iter().enumerate().map(|(k, o)| (format!("value_{k}"), o.node)).collect();
    ir::text::show(&primal.graph, &roots)
}

fn show_program(program: &emit::module::Program) -> String {
    let mut roots: Vec<(String, NodeId)> =
        program.outputs.iter().enumerate().map(|(k, o)| (format!("value_{k}"), o.node)).collect();
    for g in &program.gradients {
        roots.push((format!("∂{}", program.graph.input(g.input).name), g.node));
    }
    roots.extend(program.more.iter().map(|m| (m.name.clone(), m.node)));
    ir::text::show(&program.graph, &roots)
}
