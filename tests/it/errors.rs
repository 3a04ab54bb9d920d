//! Compile errors as the user reads them: one file of `tests/ui` for each kind at least.

use crate::source::root;
use chainrule_core::diag::Kind;

#[test]
fn mistakes_are_explained() {
    trybuild::TestCases::new().compile_fail("ui/*.rs");
}

/// The text of a message between its arguments.
fn fixed_parts(template: &str) -> Vec<String> {
    let mut parts: Vec<String> = vec![String::new()];
    let mut inside = false;
    for c in template.chars() {
        match c {
            '{' => inside = true,
            '}' => {
                inside = false;
                parts.push(String::new());
            }
            c if !inside => parts.last_mut().expect("a part").push(c),
            _ => {}
        }
    }
    parts.into_iter().filter(|p| p.trim().len() > 3).collect()
}

/// Open: a path is looked up as a macro first, so that rustc's "cannot find macro" comes before these messages (the
/// front's own tests provoke them).
const UNREACHED: &[&str] = &["unknown-function", "recursion"];

#[test]
fn every_kind_is_provoked_by_a_file() {
    let mut expected = String::new();
    for entry in std::fs::read_dir(root("tests/ui")).expect("tests/ui") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|e| e == "stderr") {
            expected.push_str(&std::fs::read_to_string(path).expect("a file"));
        }
    }
    for kind in Kind::ALL {
        let (code, message, help) = kind.text();
        if UNREACHED.contains(&code) {
            continue;
        }
        let parts = match code {
            // messages and helps that are arguments as a whole
            "syntax" => vec!["in `wrt(…)`".to_string()],
            "dims" => fixed_parts(help),
            _ => fixed_parts(message),
        };
        assert!(!parts.is_empty(), "{code}: nothing to look for");
        let line = expected.lines().any(|l| parts.iter().all(|p| l.contains(p.trim())));
        assert!(line, "no file in tests/ui provokes `{code}`: {parts:?}");
    }
}
