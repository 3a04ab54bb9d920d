//! The fixtures over `f32` are the fixtures over `f64` with the type replaced.

use crate::source::{names, root, text};

/// `UPDATE=1 cargo test --test it twins` writes them and both lists of modules.
#[test]
fn every_fixture_has_its_twin() {
    let update = std::env::var("UPDATE").is_ok();
    let same = |path: String, wanted: String| {
        let path = root(&path);
        if update {
            std::fs::write(&path, &wanted).expect("a file can be written");
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        // rustfmt orders modules in its own way
        let sorted = |text: &str| {
            let mut lines: Vec<String> = text.lines().map(String::from).collect();
            if text.contains("pub mod ") {
                lines.sort();
            }
            lines
        };
        assert!(
            sorted(&found) == sorted(&wanted),
            "{} is not up to date: UPDATE=1 cargo test --test it twins",
            path.display()
        );
    };
    let mut modules = String::new();
    for name in names() {
        same(
            format!("tests/fixtures/f32/{name}.rs"),
            text(&name).replace("f64", "f32").replace("from_f32", "from_f64"),
        );
        modules.push_str(&format!("pub mod {name};\n"));
    }
    let single = "//! The fixtures over `f32`: written from their twins by `UPDATE=1 cargo test twins`.\n\n";
    same("tests/fixtures/f32/mod.rs".into(), format!("{single}{modules}"));
    let mut all: Vec<String> = modules.lines().map(|l| format!("{l}\n")).collect();
    all.push("pub mod f32;\n".into());
    all.sort();
    let double =
        "//! One differentiable function a file; `f32` holds the same files over single precision.\n\n";
    same("tests/fixtures/mod.rs".into(), format!("{double}{}", all.concat()));
}
