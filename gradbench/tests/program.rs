//! The program as GradBench starts it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

#[test]
fn a_session_is_answered_line_by_line_until_it_ends() {
    let mut tool = Command::new(env!("CARGO_BIN_EXE_gradbench"));
    let mut tool = tool.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program");
    let mut input = tool.stdin.take().expect("its input");
    let mut output = BufReader::new(tool.stdout.take().expect("its output"));
    // longer than any buffer
    let x = vec!["0.5"; 200_000].join(", ");
    let long = format!(
        r#"{{"id": 1, "kind": "evaluate", "module": "lse", "function": "primal", "input": {{"x": [{x}], "min_runs": 2, "min_seconds": 0}}}}"#
    );
    let lines = [
        (&long[..], r#"{"id":1,"success":true,"output":12.7060726455"#),
        ("{", r#"{"id":null,"success":false"#),
    ];
    for (line, beginning) in lines {
        writeln!(input, "{line}").expect("it reads");
        let mut answer = String::new();
        // it answers before it reads on
        output.read_line(&mut answer).expect("it writes");
        assert!(answer.starts_with(beginning), "{answer}");
    }
    drop(input);
    assert!(tool.wait().expect("its end").success());
    assert_eq!(output.lines().count(), 0);
}
