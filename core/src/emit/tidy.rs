//! Parentheses that Rust does not need are taken out of generated tokens.
//!
//! Invariant: only a pair that encloses a whole argument, a whole right-hand side, or a whole pair of parentheses goes.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// The tokens without redundant parentheses.
pub fn tidy(tokens: TokenStream) -> TokenStream {
    // the first alternation of each expression list: after `(`, `,`, `=`, `;` and before `)`, `,`, `;`
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let ends = |t: Option<&TokenTree>| match t {
        None => true,
        Some(TokenTree::Punct(p)) => matches!(p.as_char(), ',' | ';'),
        _ => false,
    };
    let starts = |k: usize| match k.checked_sub(1).and_then(|p| trees.get(p)) {
        None => true,
        Some(TokenTree::Punct(p)) => {
            let before = k.checked_sub(2).and_then(|p| trees.get(p));
            let compound =
                matches!(before, Some(TokenTree::Punct(q)) if q.spacing() == proc_macro2::Spacing::Joint);
            matches!(p.as_char(), ',' | ';') || (p.as_char() == '=' && !compound)
        }
        _ => false,
    };
    let mut out: Vec<TokenTree> = Vec::with_capacity(trees.len());
    for (k, tree) in trees.iter().enumerate() {
        match tree {
            TokenTree::Group(group) => {
                let inner = tidy(group.stream());
                let comma = inner
                    .clone()
                    .into_iter()
                    .any(|t| matches!(&t, TokenTree::Punct(p) if p.as_char() == ','));
                let alone = starts(k) && ends(trees.get(k + 1));
                if group.delimiter() == Delimiter::Parenthesis && alone && !comma && !inner.is_empty() {
                    out.extend(inner);
                } else {
                    let mut new = Group::new(group.delimiter(), inner);
                    new.set_span(group.span());
                    out.push(TokenTree::Group(new));
                }
            }
            other => out.push(other.clone()),
        }
    }
    out.into_iter().collect()
}
