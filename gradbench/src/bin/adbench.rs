//! Checks every file of ADBench in a directory: `cargo run --release -p gradbench --bin adbench [DIRECTORY]`.
//!
//! The directory has the files and `expected.json`; without one, the files of this repository are checked. A file that
//! is not there is passed over, with a note.

use gradbench::adbench::{read, DATA};
use serde_json::Value;
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let directory = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| DATA.into()));
    match check(&directory) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failed) => {
            println!("{failed} failed");
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// How many files failed.
fn check(directory: &std::path::Path) -> Result<usize, String> {
    // beside the data, or, as in a checkout of the data alone, in the folder above
    let places = [directory.join("expected.json"), directory.join("../expected.json")];
    let text = places.iter().find_map(|p| std::fs::read_to_string(p).ok());
    let text = text.ok_or_else(|| format!("no expected.json in {}", directory.display()))?;
    let expected: Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
    let mut failed = 0;
    for (name, expected) in expected.as_object().ok_or("expected.json is no object")? {
        if !directory.join(name).exists() {
            println!("{name}: not there, passed over");
            continue;
        }
        let outcome = read(directory, name, expected).and_then(|problem| {
            problem.check_objective(expected)?;
            problem.derivative().check(expected).map(|()| "objective and derivative right")
        });
        failed += usize::from(outcome.is_err());
        println!("{name}: {}", outcome.unwrap_or_else(|e| e.leak()));
    }
    Ok(failed)
}
