//! What is wrong with a message is said in the answer to it, and the session goes on.

use gradbench::protocol::serve;
use serde_json::{json, Value};

/// The answers to some lines, of which none may be missing.
fn session(lines: &[&[u8]]) -> Vec<Value> {
    let mut output = vec![];
    serve(&lines.join(&b'\n')[..], &mut output).expect("a session");
    let output = String::from_utf8(output).expect("text");
    let answers: Vec<Value> = output.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    assert_eq!(answers.len(), lines.len());
    answers
}

fn answer(message: &Value) -> Value {
    session(&[message.to_string().as_bytes()]).remove(0)
}

/// That a message is refused, with an error that contains `why`.
fn refused(answer: &Value, id: Value, why: &str) {
    assert_eq!(answer["id"], id, "{answer}");
    assert_eq!(answer["success"], false, "{answer}");
    assert!(answer["error"].as_str().is_some_and(|e| e.contains(why)), "{why}: {answer}");
    assert!(answer.get("output").is_none() && answer.get("timings").is_none(), "{answer}");
}

/// A small input for each eval that has more than a number.
fn input(module: &str) -> Value {
    let mut input = match module {
        "lse" => json!({"x": [0.5, 1.5]}),
        "llsq" => json!({"x": [0.5, 1.5], "n": 5}),
        "ode" => json!({"x": [0.5, 1.5], "s": 2}),
        "det" => json!({"A": [1.0, 2.0, 3.0, 5.0], "ell": 2}),
        "kmeans" => json!({"points": [[0.0, 1.0], [2.0, 2.0]], "centroids": [[1.0, 1.0]]}),
        "gmm" => {
            json!({"d": 2, "k": 1, "n": 3, "alpha": [0.1], "mu": [[0.2, 0.3]], "q": [[0.4, 0.5]], "l": [[0.6]],
            "x": [[1, 2], [3, 4], [5, 6]], "m": 0, "gamma": 1.0})
        }
        "lstm" => json!({"main_params": [[1, 2, 3, 4], [1, 2, 3, 4]], "extra_params": [[1], [2], [3]],
            "state": [[0], [1]], "sequence": [[0], [1], [1]]}),
        "ba" => {
            json!({"n": 2, "m": 3, "p": 4, "cam": [0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8], "x": [1, 2, 4], "w": 0.5,
            "feat": [1, 2]})
        }
        "ht" => hand(),
        "particle" => json!({"w": 0.0}),
        "saddle" => json!({"start": [1.0, 1.0]}),
        _ => panic!("no input for {module}"),
    };
    input["min_runs"] = json!(1);
    input["min_seconds"] = json!(0.0);
    input
}

fn hand() -> Value {
    let one = json!([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]);
    let mut parents = vec![-1];
    parents.extend(0..20);
    json!({"theta": vec![0.1; 26], "us": [[0.2, 0.3]], "data": {"correspondences": [0], "points": [[1, 2, 3]], "model": {
        "bone_count": 21, "bone_names": [], "parents": parents, "base_relatives": vec![&one; 21],
        "inverse_base_absolutes": vec![&one; 21], "base_positions": vec![[1, 2, 3, 1]; 3],
        "weights": vec![vec![0.1; 21]; 3], "triangles": [[0, 1, 2]], "is_mirrored": false}}})
}

fn evaluate(module: &str, function: &str, input: &Value) -> Value {
    answer(&json!({"id": 7, "kind": "evaluate", "module": module, "function": function, "input": input}))
}

fn primal(module: &str) -> &str {
    match module {
        "gmm" | "lstm" | "ba" | "ht" => "objective",
        "kmeans" => "cost",
        _ => "primal",
    }
}

/// The input of a module, with something changed at a place, is refused.
fn changed(module: &str, place: &str, to: Value, why: &str) {
    let mut input = input(module);
    *input.pointer_mut(place).unwrap_or_else(|| panic!("{module} has no {place}")) = to;
    refused(&evaluate(module, primal(module), &input), json!(7), why);
}

const MODULES: [&str; 9] = ["lse", "llsq", "ode", "det", "kmeans", "gmm", "lstm", "ba", "ht"];

#[test]
fn the_inputs_are_right() {
    for module in MODULES {
        let answer = evaluate(module, primal(module), &input(module));
        assert_eq!(answer["success"], true, "{module}: {answer}");
    }
}

#[test]
fn lines_that_are_no_messages() {
    let lines: &[&[u8]] = &[
        b"",
        b"{",
        b"nonsense",
        b"[1, 2]",
        b"3",
        b"null",
        b"{}",
        b"\xff\xfe",
        br#"{"id": 1, "kind": "start"} {"id": 2}"#,
        br#"{"id": 4, "kind": "evaluate", "module": "lse", "function": "primal", "input": {"x": [NaN]}}"#,
        br#"{"id": 5, "kind": "evaluate", "module": "hello", "function": "square", "input": 1e999}"#,
        br#"{"id": 6, "kind": "start"}"#,
    ];
    let answers = session(lines);
    for answer in &answers[..8] {
        refused(answer, Value::Null, "");
    }
    refused(&answers[8], json!(1), "trailing characters");
    refused(&answers[9], json!(4), "not a message");
    refused(&answers[10], json!(5), "out of range");
    assert_eq!(answers[11], json!({"id": 6, "tool": "chainrule"}));

    // nesting without end is no way to overflow the stack
    let deep = [&b"{\"id\": 1, \"x\": "[..], &[b'['; 1_000_000]].concat();
    refused(&session(&[&deep])[0], json!(1), "");
    let deep = [&b"{\"id\": 1, \"kind\": "[..], &[b'['; 1_000_000]].concat();
    refused(&session(&[&deep])[0], json!(1), "recursion limit");
}

#[test]
fn messages_with_wrong_fields() {
    refused(&answer(&json!({"id": "one", "kind": "start"})), json!("one"), "`id` must be an integer");
    refused(&answer(&json!({"id": 1.5, "kind": "start"})), json!(1.5), "`id` must be an integer");
    refused(&answer(&json!({"kind": "start"})), Value::Null, "`id` must be an integer");
    refused(&answer(&json!({"id": 3})), json!(3), "`kind` must be a string");
    refused(&answer(&json!({"id": 3, "kind": 4})), json!(3), "`kind` must be a string");
    refused(&answer(&json!({"id": 3, "kind": "define"})), json!(3), "`module` must be a string");
    refused(
        &answer(&json!({"id": 3, "kind": "define", "module": ["gmm"]})),
        json!(3),
        "`module` must be a string",
    );
    let no_function = json!({"id": 3, "kind": "evaluate", "module": "gmm", "input": 1});
    refused(&answer(&no_function), json!(3), "`function` must be a string");
    let no_input = json!({"id": 3, "kind": "evaluate", "module": "hello", "function": "square"});
    refused(&answer(&no_input), json!(3), "`input` is missing");
    refused(&evaluate("gmm", "sphere", &json!(1)), json!(7), "no function `sphere` in a module `gmm`");
    refused(
        &evaluate("nonsense", "square", &json!(1)),
        json!(7),
        "no function `square` in a module `nonsense`",
    );
}

#[test]
fn messages_without_a_function() {
    assert_eq!(
        answer(&json!({"id": -1, "kind": "define", "module": "poisson"})),
        json!({"id": -1, "success": false})
    );
    assert_eq!(
        answer(&json!({"id": 2, "kind": "define", "module": "gmm"})),
        json!({"id": 2, "success": true})
    );
    let analysis = json!({"id": 3, "kind": "analysis", "of": 2, "valid": false, "error": "no"});
    assert_eq!(answer(&analysis), json!({"id": 3}));
    assert_eq!(answer(&json!({"id": 4, "kind": "farewell", "x": {"y": []}})), json!({"id": 4}));
    let start = json!({"kind": "start", "eval": 3, "config": {"d": [1e300]}, "id": 0, "extra": null});
    assert_eq!(answer(&start), json!({"id": 0, "tool": "chainrule"}));
}

#[test]
fn inputs_of_the_wrong_type() {
    for module in MODULES {
        let right = input(module);
        for wrong in [json!(null), json!(3), json!("x"), json!([]), json!({})] {
            refused(&evaluate(module, primal(module), &wrong), json!(7), "`input`: ");
        }
        for name in right.as_object().expect("an object").keys() {
            for wrong in [json!(null), json!("x"), json!({"x": 1}), json!([["x"]]), json!(true)] {
                let mut input = right.clone();
                input[name] = wrong;
                refused(&evaluate(module, primal(module), &input), json!(7), "`input`: ");
            }
            let mut input = right.clone();
            input.as_object_mut().expect("an object").remove(name);
            refused(&evaluate(module, primal(module), &input), json!(7), "missing field");
        }
    }
    refused(&evaluate("hello", "square", &json!([1])), json!(7), "`input`: ");
    changed("llsq", "/min_runs", json!(-1), "`input`: ");
    changed("llsq", "/min_runs", json!(1.5), "`input`: ");
    changed("llsq", "/n", json!(-3), "`input`: ");
    changed("llsq", "/n", json!(3.5), "`input`: ");
}

#[test]
fn inputs_of_the_wrong_size() {
    changed("lse", "/x", json!([]), "`x` is empty");
    changed("llsq", "/n", json!(0), "`n` is 0");
    changed("llsq", "/n", json!(1), "`n` is 1");
    changed("ode", "/x", json!([]), "`x` is empty");
    changed("ode", "/s", json!(0), "`s` is 0");
    changed("det", "/ell", json!(0), "`ell` is 0");
    changed("det", "/ell", json!(3), "`A` has 4 elements instead of 9");
    changed("det", "/ell", json!(4294967296u64), "`ell` is 4294967296");
    changed("kmeans", "/points", json!([]), "`points` is empty");
    changed("kmeans", "/points", json!([[], []]), "no coordinates");
    changed("kmeans", "/points", json!([[1, 2], [3]]), "row 1 of `points` has 1 elements instead of 2");
    changed("kmeans", "/centroids", json!([]), "`centroids` is empty");
    changed("kmeans", "/centroids", json!([[1, 2, 3]]), "row 0 of `centroids` has 3 elements instead of 2");
    changed("gmm", "/d", json!(0), "`d` is 0");
    changed("gmm", "/k", json!(0), "`k` is 0");
    changed("gmm", "/k", json!(2), "`alpha` has 1 elements instead of 2");
    changed("gmm", "/d", json!(u64::MAX), "row 0 of `mu` has 2 elements");
    changed("gmm", "/n", json!(2), "`x` has 3 elements instead of 2");
    changed("gmm", "/l", json!([[1, 2]]), "row 0 of `l` has 2 elements instead of 1");
    changed("gmm", "/x/1", json!([1]), "row 1 of `x` has 1 elements instead of 2");
    changed("lstm", "/main_params", json!([]), "`main_params` has 0 rows");
    changed("lstm", "/main_params", json!([[1, 2, 3, 4]]), "`main_params` has 1 rows");
    changed("lstm", "/main_params/1", json!([1, 2, 3]), "row 1 of `main_params` has 3 elements");
    changed("lstm", "/extra_params", json!([[], [], []]), "are empty");
    changed("lstm", "/extra_params", json!([[1], [2]]), "`extra_params` has 2 elements instead of 3");
    changed("lstm", "/state/0", json!([]), "row 0 of `state` has 0 elements instead of 1");
    changed("lstm", "/sequence", json!([[1]]), "`sequence` has 1 rows");
    changed("ba", "/n", json!(0), "`n` is 0");
    changed("ba", "/p", json!(u64::MAX), "`p` is 18446744073709551615");
    changed("ba", "/cam", json!([1, 2]), "`input`: ");
    changed("ht", "/theta", json!([1, 2]), "`input`: ");
    changed("ht", "/us", json!([[1, 2], [3, 4]]), "`us` has 2 elements instead of 1");
    changed("ht", "/data/points", json!([]), "`points` has 0 elements instead of 1");
    changed("ht", "/data/model/bone_count", json!(22), "`parents` has 21 elements instead of 22");
    changed("ht", "/data/model/bone_count", json!(3), "3 bones are too few");
    changed("ht", "/data/model/weights/2", json!([1]), "row 2 of `weights` has 1 elements instead of 21");
}

#[test]
fn inputs_that_point_nowhere() {
    changed("ht", "/data/correspondences", json!([1]), "1 in `correspondences` is out of range");
    changed("ht", "/data/correspondences", json!([-1]), "`input`: ");
    changed("ht", "/data/model/triangles", json!([[0, 1, 3]]), "3 in `triangles` is out of range");
    changed("ht", "/data/model/parents/4", json!(4), "the parent of bone 4 is 4");
    changed("ht", "/data/model/parents/4", json!(-2), "the parent of bone 4 is -2");
}

#[test]
fn results_that_json_cannot_carry() {
    let infinite = "is infinite, or none";
    refused(&evaluate("hello", "square", &json!(1e200)), json!(7), infinite);
    changed("ba", "/x", json!([1, 2, 3]), infinite);
    changed("det", "/A", json!([1e200, 0, 0, 1e200]), infinite);
    changed("gmm", "/gamma", json!(-1.0), infinite);
    changed("gmm", "/m", json!(-9), infinite);
}

/// The places of a value: the value itself, and all in it.
fn places(value: &Value, path: String, to: &mut Vec<String>) {
    match value {
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(k, v)| places(v, format!("{path}/{k}"), to));
        }
        Value::Object(map) => map.iter().for_each(|(k, v)| places(v, format!("{path}/{k}"), to)),
        _ => {}
    }
    to.push(path);
}

#[test]
fn anything_anywhere_is_answered() {
    let wrong = [
        json!(null),
        json!(-1),
        json!(0),
        json!(0.5),
        json!(1e308),
        json!(-1e308),
        json!(9007199254740993u64),
        json!("x"),
        json!([]),
        json!([[]]),
        json!([1, 2, 3]),
        json!({}),
    ];
    for module in MODULES {
        let right = json!({"id": 1, "kind": "evaluate", "module": module, "function": primal(module),
            "input": input(module)});
        let mut all = vec![];
        places(&right, String::new(), &mut all);
        // some do not end in the time of a test
        all.retain(|place| {
            !["/input/min_seconds", "/input/min_runs", "/input/s", "/input/n"].contains(&&place[..])
        });
        // a hand has many numbers that are alike
        let step = all.len().div_ceil(150);
        for place in all.into_iter().step_by(step) {
            let mut messages = vec![];
            for wrong in &wrong {
                let mut message = right.clone();
                *message.pointer_mut(&place).expect("a place") = wrong.clone();
                messages.push(message.to_string());
            }
            // `session` demands an answer to each
            let lines: Vec<&[u8]> = messages.iter().map(|m| m.as_bytes()).collect();
            for answer in session(&lines) {
                let error = answer["error"].as_str().unwrap_or_default();
                assert!(!error.contains("panicked"), "{place} of {module}");
            }
        }
    }
}
