//! The stages of every fixture as text; the same tokens give the same bytes.

use crate::fixture::hash;
use crate::source::{self, Item};
use chainrule_core::Stages;

fn stages(name: &str) -> Stages {
    let Item { attr, item, definitions } = source::fixture(name);
    chainrule_core::compile(attr, item, &definitions).stages
}

#[test]
fn stages_are_as_recorded() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(source::root("tests/it/snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        let mut failed = vec![];
        for name in source::names() {
            let s = stages(&name);
            let text = format!(
                "{}\n── graph ──\n{}\n── joint ──\n{}\n── simplified ──\n{}\n── plan ──\n{}\n── source ──\n{}",
                source::text(&name),
                s.graph,
                s.joint,
                s.simplified,
                s.plan,
                s.source
            );
            // all differences are written before the first is reported
            if std::panic::catch_unwind(|| insta::assert_snapshot!(name.clone(), text)).is_err() {
                failed.push(name);
            }
        }
        assert!(failed.is_empty(), "snapshots differ: {failed:?}; `cargo insta review` shows them");
    });
}

#[test]
fn every_snapshot_has_a_fixture() {
    let names = source::names();
    for entry in std::fs::read_dir(source::root("tests/it/snapshots")).expect("the snapshots") {
        let file = entry.expect("an entry").file_name().into_string().expect("a name");
        let name = file.strip_suffix(".snap").or(file.strip_suffix(".snap.new"));
        assert!(name.is_some_and(|n| names.iter().any(|k| k == n)), "{file} belongs to no fixture");
    }
}

/// Twice in one process, in other orders, after other numbers of other expansions.
#[test]
fn the_same_tokens_give_the_same_bytes() {
    let names = source::names();
    let expand = |name: &str| {
        let Item { attr, item, definitions } = source::fixture(name);
        let compiled = chainrule_core::compile(attr.clone(), item.clone(), &definitions);
        let attribute = chainrule_core::expand::attribute(attr, item);
        format!("{}\n{:?}\n{attribute}", compiled.tokens, compiled.stages)
    };
    let first: Vec<String> = names.iter().map(|n| expand(n)).collect();
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by_key(|k| hash(*k as u64 ^ 41));
    // another thread has another hash seed and has expanded nothing yet
    let texts: Vec<(usize, String)> = std::thread::scope(|s| {
        let names = &names;
        s.spawn(move || order.into_iter().map(|k| (k, expand(&names[k]))).collect()).join().expect("expanded")
    });
    for (k, text) in texts {
        assert!(text == first[k], "{} expands differently the second time", names[k]);
    }
}
