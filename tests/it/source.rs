//! Fixtures as tokens: what the macro is given, with the definitions that it would ask for.

use chainrule_core::expand_function;
use chainrule_core::front::{is_template, requests, struct_requests, Definition, Definitions};
use proc_macro2::TokenStream;
use quote::ToTokens;
use std::path::PathBuf;

/// The directory of a path that starts at the root of the repository.
pub fn root(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The names of all fixtures, sorted.
pub fn names() -> Vec<String> {
    let mut out: Vec<String> = std::fs::read_dir(root("tests/fixtures"))
        .expect("the fixtures")
        .filter_map(|e| e.expect("an entry").file_name().to_str()?.strip_suffix(".rs").map(String::from))
        .filter(|n| n != "mod")
        .collect();
    out.sort();
    out
}

pub fn text(name: &str) -> String {
    std::fs::read_to_string(root(&format!("tests/fixtures/{name}.rs"))).expect("a fixture")
}

/// What the attribute macro is given.
pub struct Item {
    pub attr: TokenStream,
    pub item: TokenStream,
    pub definitions: Definitions,
}

/// The function of a fixture.
pub fn fixture(name: &str) -> Item {
    item(&text(name), name)
}

/// The function `name` of a file's text.
pub fn item(text: &str, name: &str) -> Item {
    item_of(&parsed(text), name)
}

/// A file with the methods of its `impl` blocks as functions, those without the attribute as if they had it.
fn parsed(text: &str) -> syn::File {
    let mut file: syn::File = syn::parse_str(text).expect("a file of Rust");
    let marked = |a: &syn::Attribute| a.path().is_ident("differentiable");
    let blocks: Vec<syn::ItemImpl> = file
        .items
        .iter()
        .filter_map(|i| match i {
            syn::Item::Impl(i) if i.attrs.iter().any(marked) => Some(i.clone()),
            _ => None,
        })
        .collect();
    for mut block in blocks {
        block.attrs.retain(|a| !marked(a));
        for f in chainrule_core::front::block(&TokenStream::new(), &block.to_token_stream()).functions {
            let mut function: syn::ItemFn = syn::parse2(f.item).expect("a function");
            let attr = f.attr.unwrap_or_default();
            function.attrs.push(syn::parse_quote!(#[differentiable(#attr)]));
            file.items.push(syn::Item::Fn(function));
        }
    }
    file
}

fn item_of(file: &syn::File, name: &str) -> Item {
    let found = file.items.iter().find_map(|i| match i {
        syn::Item::Fn(f) if f.sig.ident == name => Some(f.clone()),
        _ => None,
    });
    let mut f = found.unwrap_or_else(|| panic!("no function {name}"));
    let k = f.attrs.iter().position(|a| a.path().is_ident("differentiable")).expect("the attribute");
    let attr = match f.attrs.remove(k).meta {
        syn::Meta::List(list) => list.tokens,
        _ => TokenStream::new(),
    };
    f.attrs.clear();
    let item = f.to_token_stream();
    let paths = requests(&item, &attr);
    Item { attr, definitions: resolve(file, paths), item }
}

/// What the macros of these paths would tell.
fn resolve(file: &syn::File, paths: Vec<TokenStream>) -> Definitions {
    let mut out = Definitions::default();
    for path in paths {
        let last = path.clone().into_iter().last().expect("a path").to_string();
        out.insert(path, definition(file, &last));
    }
    out
}

fn definition(file: &syn::File, name: &str) -> Definition {
    for item in &file.items {
        match item {
            syn::Item::Struct(s) if s.ident == name => {
                let mut s = s.clone();
                s.attrs.clear();
                let item = s.to_token_stream();
                let paths = struct_requests(&item);
                return Definition::Struct { item, defs: resolve(file, paths) };
            }
            syn::Item::Fn(f) if f.sig.ident == name => {
                let Item { attr, item, definitions } = item_of(file, name);
                let surroundings = match is_template(&item, &attr) {
                    true => vec![],
                    false => expand_function(attr.clone(), item.clone(), None, &definitions).surroundings,
                };
                return Definition::Function { attr, item, defs: definitions, surroundings };
            }
            syn::Item::Use(u) => {
                // `use super::other::{name, …}` comes from the fixture `other`
                let text = u.tree.to_token_stream().to_string().replace(' ', "");
                let words: Vec<&str> = text.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
                if words.contains(&name) {
                    match text.strip_prefix("super::").and_then(|t| t.split("::").next()) {
                        Some(other) => {
                            let text = self::text(other);
                            if other == name {
                                let Item { attr, item, definitions } = self::item(&text, name);
                                let compiled =
                                    expand_function(attr.clone(), item.clone(), None, &definitions);
                                let surroundings = compiled.surroundings;
                                return Definition::Function { attr, item, defs: definitions, surroundings };
                            }
                            return definition(&parsed(&text), name);
                        }
                        None if text.starts_with("chainrule::nn") => return Definition::Builtin(name.into()),
                        None => {}
                    }
                }
            }
            _ => {}
        }
    }
    panic!("nothing tells what `{name}` is");
}
