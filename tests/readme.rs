//! Holds README.md to the truth. Its complete programs run as documentation tests; here are the rest of its snippets and
//! the two commands.

include!("readme/log_loss.rs");
include!("readme/snapshot.rs");

const README: &str = include_str!("../README.md");

/// The code blocks whose fence opens with `language`.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    let mut parts = README.split("\n```");
    let _ = parts.next();
    // every second part is inside of a fence
    let inside = parts.step_by(2).map(|p| (p.find('\n').map_or("", |i| &p[..i]), p));
    inside.filter(|(open, _)| fence[3..].trim_end() == *open).map(|(open, p)| &p[open.len() + 1..]).collect()
}

/// The first loop of the kernel in `source`, without its indentation.
fn first_loop(source: &str) -> String {
    let start = source.find("for k in").expect("the source has a loop");
    let indent = &source[source[..start].rfind('\n').expect("it is not the first line") + 1..start];
    let end = source[start..].find(&format!("\n{indent}}}\n")).expect("the loop ends");
    let lines = source[start..start + end].lines().map(|l| l.strip_prefix(indent).unwrap_or(l));
    lines.chain(["}"]).collect::<Vec<_>>().join("\n")
}

#[test]
fn readme_shows_what_is_tested_here() {
    for file in [include_str!("readme/log_loss.rs"), include_str!("readme/snapshot.rs")] {
        assert!(README.contains(file), "README.md should show:\n{file}");
    }
}

#[test]
fn readme_shows_the_generated_code() {
    let generated = first_loop(log_loss::SOURCE);
    assert_eq!(blocks("rust,ignore").first(), Some(&&generated[..]), "README.md should show:\n{generated}");
}

/// Cargo knows the example by its file, so the file is what must be there.
#[test]
fn readme_names_two_commands() {
    let commands: Vec<&str> = blocks("sh").iter().flat_map(|b| b.lines()).collect();
    assert_eq!(commands, ["cargo run --release --example digits", "cargo test"]);
    let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    assert!(root.join("examples/digits.rs").is_file());
    let ci = std::fs::read_to_string(root.join(".ci/run"));
    if let Ok(ci) = ci {
        assert!(ci.lines().any(|l| l == commands[1]), "CI runs another command than README.md names");
    }
}

#[test]
fn readme_states_the_version_of_rust() {
    let manifest = include_str!("../Cargo.toml");
    let version = manifest.lines().find_map(|l| l.strip_prefix("rust-version = "));
    let version = version.expect("the manifest states the version").trim_matches('"');
    assert!(README.contains(&format!("Rust {version}")), "README.md should name Rust {version}");
}
