//! The page about the language names what shows each of its lines, and leaves no fixture out.

use crate::source::{names, root};

/// The names in backquotes after the last `:` of a line.
fn shown(line: &str) -> Vec<String> {
    let end = line.rsplit_once(": ").map_or("", |l| l.1);
    end.split('`').skip(1).step_by(2).map(String::from).collect()
}

#[test]
fn the_page_and_the_fixtures_agree() {
    let page = std::fs::read_to_string(root("docs/language.md")).expect("the page");
    let fixtures = names();
    let mut mentioned = vec![];
    let mut section = String::new();
    for line in page.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            section = title.to_string();
        }
        if !line.starts_with("- ") {
            continue;
        }
        let evidence = shown(line);
        match section.as_str() {
            "Supported" => {
                assert!(!evidence.is_empty(), "no fixture shows: {line}");
                for name in evidence {
                    let group = name.strip_suffix('*').map(str::to_string);
                    let found: Vec<&String> = fixtures
                        .iter()
                        .filter(|f| group.as_ref().map_or(**f == name, |g| f.starts_with(g.as_str())))
                        .collect();
                    assert!(!found.is_empty(), "no fixture is called {name}: {line}");
                    mentioned.extend(found.into_iter().cloned());
                }
            }
            "Refused" => {
                assert!(!evidence.is_empty(), "no file of tests/ui shows: {line}");
                for name in evidence {
                    for end in ["rs", "stderr"] {
                        let path = root(&format!("tests/ui/{name}.{end}"));
                        assert!(path.exists(), "{} is missing: {line}", path.display());
                    }
                }
            }
            _ => {}
        }
    }
    let missing: Vec<&String> = fixtures.iter().filter(|f| !mentioned.contains(f)).collect();
    assert!(missing.is_empty(), "docs/language.md does not name {missing:?}");
}
