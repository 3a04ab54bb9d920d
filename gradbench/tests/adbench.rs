//! The files of ADBench: what is computed from them is what is expected, and broken ones are refused.
//!
//! Files that are too large for the repository are read from the directory that `ADBENCH_DATA` names.

use gradbench::adbench::{files, read, DATA};
use serde_json::Value;
use std::path::Path;

fn expected() -> serde_json::Map<String, Value> {
    let text = std::fs::read_to_string(Path::new(DATA).join("expected.json")).expect("expected.json");
    serde_json::from_str(&text).expect("an object")
}

/// Checks the files whose names begin like this.
fn check(problem: &str) {
    let large = std::env::var("ADBENCH_DATA").unwrap_or_default();
    let mut checked = 0;
    for (name, expected) in expected().iter().filter(|e| e.0.starts_with(problem)) {
        let Some(directory) = [DATA, &large].into_iter().find(|d| Path::new(d).join(name).exists()) else {
            println!("{name} is not there: name its directory by ADBENCH_DATA");
            continue;
        };
        let problem = read(Path::new(directory), name, expected).expect("a file that can be read");
        problem.check_objective(expected).unwrap_or_else(|e| panic!("{name}: {e}"));
        problem.derivative().check(expected).unwrap_or_else(|e| panic!("{name}: {e}"));
        checked += 1;
    }
    assert!(checked >= 3, "{checked} files of {problem}");
}

#[test]
fn gmm() {
    check("gmm/");
}

#[test]
fn ba() {
    check("ba/");
}

#[test]
fn hand() {
    check("hand/");
}

#[test]
fn lstm() {
    check("lstm/");
}

#[test]
fn an_objective_that_is_wrong_is_noticed() {
    let (name, mut expected) = expected().into_iter().find(|e| e.0.starts_with("lstm/own")).expect("a file");
    let problem = read(Path::new(DATA), &name, &expected).expect("a file that can be read");
    expected["objective"] = 1.0688.into();
    assert!(problem.check_objective(&expected).is_err_and(|e| e.contains("`objective` is 1.06881858")));
}

/// That a text is refused for a reason, by one of the readers.
fn refused<T>(read: impl Fn(&Path) -> Result<T, String>, text: &str, why: &str) {
    let path = std::env::temp_dir().join(format!(
        "adbench-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    std::fs::write(&path, text).expect("a temporary file");
    let error = read(&path).err();
    std::fs::remove_file(&path).expect("the temporary file");
    assert!(error.as_ref().is_some_and(|e| e.contains(why)), "{why}: {error:?}");
}

#[test]
fn broken_files_are_refused() {
    refused(files::gmm, "", "the file ends too early");
    refused(files::gmm, "0 1 1", "`d` is 0");
    refused(files::gmm, "1 1 1 0.5 0.5", "the file ends too early");
    refused(files::gmm, "1 1 1 0.5 0.5 x", "`x` is no number");
    refused(files::gmm, "1 1 1 0.5 0.5 0.5 0.5 1.0 0 7", "`7` comes after the end");
    refused(files::lstm, "1 1 1", "1 characters");
    refused(files::lstm, "1 -2 1", "`-2` is no number");
    refused(files::ba, "0 1 1", "0 cameras");
    refused(files::ba, "1 1 99999999999", "99999999999 are too many");
    refused(files::ba_full, "0 0 1 3 0", "3 in `cameras` is out of range");
    let model = Path::new(DATA).join("hand/model_small");
    refused(|p| files::hand(&model, p, false), "1 25", "25 parameters");
    refused(|p| files::hand(&model, p, false), "1 26 544 1 2 3", "544 in `correspondences` is out of range");
    let absent = files::gmm(Path::new("nowhere")).err();
    assert!(absent.is_some_and(|e| e.starts_with("nowhere: ")));
}
