//! The walls of the house: who may know whom, and how long a file may grow.

use crate::source::root;
use std::path::{Path, PathBuf};

/// Every `.rs` file below a directory, with its path from the root of the repository.
fn files(directory: &str) -> Vec<(String, String)> {
    let mut out = vec![];
    let mut todo: Vec<PathBuf> = vec![root(directory)];
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            todo.extend(std::fs::read_dir(&path).expect("a directory").map(|e| e.expect("an entry").path()));
        } else if path.extension().is_some_and(|e| e == "rs") {
            let name = path.strip_prefix(root("")).expect("below the root").display().to_string();
            out.push((name, std::fs::read_to_string(&path).expect("a file")));
        }
    }
    out.sort();
    out
}

fn all() -> Vec<(String, String)> {
    ["src", "core/src", "macros/src", "tests", "examples", "benches", "gradbench"]
        .iter()
        .filter(|d| Path::new(&root(d)).exists())
        .flat_map(|d| files(d))
        .collect()
}

/// The code without comments, texts of tests, and what comes after `#[cfg(test)]`.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let line = |l: &str| match l.find("//") {
        Some(at) => l[..at].to_string(),
        None => l.to_string(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn is_test(name: &str) -> bool {
    name.contains("/tests/") || name.ends_with("/tests.rs") || name.ends_with("/simplify/fixtures.rs")
}

fn none(what: &str, found: Vec<String>) {
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}

/// The room of the compiler that a file belongs to.
fn room(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("core/src/")?;
    Some(rest.split('/').next()?.trim_end_matches(".rs"))
}

#[test]
fn passes_do_not_know_each_other() {
    let passes = ["front", "derive", "simplify", "schedule", "emit"];
    let mut found = vec![];
    for (name, text) in files("core/src").iter().filter(|f| !is_test(&f.0)) {
        let Some(own) = room(name) else { continue };
        let code = code(text);
        let below = match own {
            "ir" => passes.iter().chain(&["diag", "programs", "expand", "params"]).copied().collect(),
            own if passes.contains(&own) => passes.iter().copied().filter(|p| *p != own).collect::<Vec<_>>(),
            _ => continue,
        };
        for other in below {
            // a plan is what emission writes down
            let product = own == "emit" && other == "schedule" || own == "emit" && other == "derive";
            if code.contains(&format!("crate::{other}")) && !product {
                found.push(format!("{name} knows {other}"));
            }
        }
    }
    none("passes import each other", found);
}

#[test]
fn libraries_stay_in_their_rooms() {
    let mut found = vec![];
    for (name, text) in files("core/src").iter().filter(|f| !is_test(&f.0)) {
        let code = code(text);
        let own = room(name).unwrap_or_default();
        if code.contains("syn::") && own != "front" && own != "params" && name != "core/src/emit/mod.rs" {
            found.push(format!("{name} reads syntax"));
        }
        if code.contains("egg::") && own != "simplify" {
            found.push(format!("{name} knows egg"));
        }
        if code.contains("proc_macro::") {
            found.push(format!("{name} knows proc_macro"));
        }
    }
    none("libraries outside of their rooms", found);
}

#[test]
fn the_compiler_never_panics() {
    let mut found = vec![];
    for (name, text) in files("core/src").iter().chain(&files("macros/src")).filter(|f| !is_test(&f.0)) {
        for (k, line) in code(text).lines().enumerate() {
            for word in ["panic!", ".unwrap()", ".expect(", "unreachable!", "todo!", "unimplemented!"] {
                // the names of methods in a user's code are no calls
                if line.contains(word) && !line.contains('"') && !line.contains("quote!(") {
                    found.push(format!("{name}:{}: {}", k + 1, line.trim()));
                }
            }
        }
    }
    none("the compiler may panic", found);
}

/// Files that are included by another one.
const LISTS: &[&str] = &["tests/it/list.rs", "tests/it/networks.rs"];

#[test]
fn every_file_says_what_it_is() {
    let silent = all().into_iter().filter(|f| !f.1.starts_with("//!")).map(|f| f.0);
    none(
        "files that do not open with `//!`",
        silent.filter(|n| !LISTS.contains(&n.as_str()) && !n.starts_with("tests/readme/")).collect(),
    );
}

/// Tables, and files that wait for being taken apart, with their length.
const LONG: &[(&str, usize)] = &[("core/src/ir/ops.rs", 620)];

#[test]
fn no_file_outgrows_a_reader() {
    let long = |f: &(String, String)| {
        let lines = f.1.lines().count();
        let most = LONG.iter().find(|l| l.0 == f.0).map_or(520, |l| l.1);
        (lines > most).then(|| format!("{} has {lines} lines", f.0))
    };
    none("long files", all().iter().filter_map(long).collect());
}

#[test]
fn unsafe_code_is_named() {
    let allowed = [
        "src/rt/simd",
        "src/rt/gemm",
        "src/rt/lanes.rs",
        "tests/allocations.rs",
        "tests/checkpoints.rs",
        "tests/ui/",
        "src/rt/math",
        "benches/workloads/memory.rs",
    ];
    let mut found = vec![];
    for (name, text) in all() {
        let word = code(&text)
            .lines()
            .any(|l| l.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == "unsafe"));
        if word && !allowed.iter().any(|a| name.starts_with(a)) && !name.starts_with("tests/it/") {
            found.push(name);
        }
    }
    // the compiler speaks of the word: as a keyword and in a message
    found.retain(|n| {
        !n.starts_with("core/src/front") && n != "core/src/diag/mod.rs" && !n.starts_with("core/src/emit")
    });
    none("unsafe outside of the named files", found);
}

#[test]
fn the_code_is_formatted() {
    let done = std::process::Command::new(env!("CARGO"))
        .args(["fmt", "--all", "--", "--check", "-l"])
        .current_dir(root(""))
        .output();
    let done = done.expect("cargo fmt");
    // a toolchain without rustfmt cannot tell
    let missing = String::from_utf8_lossy(&done.stderr).contains("not installed");
    assert!(missing || done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
}
