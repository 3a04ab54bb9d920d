//! Prints what becomes of a function at each station: `cargo run -p chainrule-core --example stages -- FILE`.

use chainrule_core::front::{Definition, Definitions};
use quote::ToTokens;

const BUILTIN: &str = "relu leaky_relu sigmoid silu gelu gelu_tanh softplus softmax log_softmax logsumexp cross_entropy mse dropout xlogy";

fn main() {
    let Some(path) = std::env::args().nth(1) else { return eprintln!("usage: stages FILE") };
    let text = std::fs::read_to_string(&path).expect("a readable file");
    let file: syn::File = syn::parse_str(&text).expect("Rust");
    let mut definitions = Definitions::default();
    for name in BUILTIN.split(' ') {
        definitions.insert(name.parse().expect("a path"), Definition::Builtin(name.to_string()));
    }
    for item in file.items {
        match item {
            syn::Item::Struct(s) => {
                let name = s.ident.to_token_stream();
                let item = syn::ItemStruct { attrs: vec![], ..s }.to_token_stream();
                definitions.insert(name, Definition::Struct { item, defs: definitions.clone() });
            }
            syn::Item::Fn(mut f) => {
                let own = |a: &&syn::Attribute| a.path().is_ident("differentiable");
                let attr = f
                    .attrs
                    .iter()
                    .find(own)
                    .and_then(|a| a.meta.require_list().ok())
                    .map(|l| l.tokens.clone())
                    .unwrap_or_default();
                f.attrs.clear();
                let start = std::time::Instant::now();
                let compiled = chainrule_core::compile(attr.clone(), f.to_token_stream(), &definitions);
                let seconds = start.elapsed();
                let s = compiled.stages;
                println!("{}\n---- joint\n{}\n---- simplified\n{}", s.graph, s.joint, s.simplified);
                println!("---- plan\n{}", s.plan);
                println!("---- source\n{}", s.source);
                if s.source.is_empty() {
                    println!("{}", compiled.tokens);
                }
                println!("// {seconds:?}");
                let (name, item) = (f.sig.ident.to_token_stream(), f.to_token_stream());
                let defs = definitions.clone();
                let surroundings = compiled.surroundings;
                definitions.insert(name, Definition::Function { attr, item, defs, surroundings });
            }
            _ => {}
        }
    }
}
