//! Sessions of GradBench with other tools, recorded: what they were asked, we are asked, and what was accepted from them
//! is what we must answer.

use gradbench::evals::FUNCTIONS;
use gradbench::protocol::serve;
use serde_json::Value;
use std::path::Path;

/// The messages of a session, each with the response that was recorded.
fn session(eval: &str) -> Vec<(Value, Value)> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts").join(eval).with_extension("jsonl");
    let text = std::fs::read_to_string(path).expect("a transcript");
    let lines: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    lines.chunks_exact(2).map(|pair| (pair[0]["message"].clone(), pair[1]["response"].clone())).collect()
}

/// What the tool writes when it reads these messages.
fn answers(messages: &[(Value, Value)]) -> Vec<Value> {
    let input: String = messages.iter().map(|m| format!("{}\n", m.0)).collect();
    let mut output = vec![];
    serve(input.as_bytes(), &mut output).expect("a session");
    let output = String::from_utf8(output).expect("text");
    output.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect()
}

/// How near our output must be. Some of the recorded ones are no better than GradBench demands: a closed form of what
/// the equations describe, and differences.
fn tolerance(eval: &str, function: &str) -> f64 {
    match (eval, function) {
        ("ode", "gradient") | ("particle" | "saddle", _) => 1e-4,
        _ => 1e-10,
    }
}

/// GradBench's own comparison.
fn agree(ours: &Value, theirs: &Value, tolerance: f64) -> bool {
    match (ours, theirs) {
        (Value::Number(x), Value::Number(y)) => {
            let (x, y) = (x.as_f64().expect("a number"), y.as_f64().expect("a number"));
            (x - y).abs() / (x.abs() + y.abs()).max(1.0) <= tolerance
        }
        (Value::Array(x), Value::Array(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(x, y)| agree(x, y, tolerance))
        }
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(k, x)| y.get(k).is_some_and(|y| agree(x, y, tolerance)))
        }
        (x, y) => x == y,
    }
}

fn replay(eval: &str) {
    let session = session(eval);
    let answers = answers(&session);
    assert_eq!(answers.len(), session.len());
    for ((message, recorded), answer) in session.iter().zip(&answers) {
        assert_eq!(answer["id"], message["id"]);
        assert_eq!(message["kind"] == "start", answer.get("tool").is_some());
        let name = message["function"].as_str().unwrap_or_default();
        assert_eq!(answer.get("success"), recorded.get("success"), "{}", answer["error"]);
        let (ours, theirs) = (&answer["output"], &recorded["output"]);
        let near = agree(ours, theirs, tolerance(eval, name));
        assert!(near, "{eval}::{name} of {}:\n{ours}\n{theirs}", message["description"]);
        if message["kind"] == "evaluate" {
            assert!(answer.get("error").is_none());
            timings(&message["input"], &answer["timings"]);
        }
    }
}

/// One timing a run, and as many runs as were asked for.
fn timings(input: &Value, timings: &Value) {
    let timings = timings.as_array().expect("a list");
    let evaluate = timings.iter().filter(|t| t["name"] == "evaluate");
    let nanoseconds: Vec<u64> = evaluate.map(|t| t["nanoseconds"].as_u64().expect("an integer")).collect();
    let seconds = nanoseconds.iter().sum::<u64>() as f64 * 1e-9;
    assert!(nanoseconds.len() as u64 >= input["min_runs"].as_u64().unwrap_or(1));
    assert!(seconds >= input["min_seconds"].as_f64().unwrap_or(0.0));
}

macro_rules! transcripts {
    ($($eval:ident)*) => {
        $(#[test]
        fn $eval() {
            replay(stringify!($eval));
        })*

        #[test]
        fn every_eval_has_a_transcript() {
            for (eval, ..) in FUNCTIONS {
                assert!([$(stringify!($eval)),*].contains(eval), "{eval}");
            }
        }
    };
}

transcripts!(hello gmm ba ht lstm kmeans llsq lse ode det particle saddle);
