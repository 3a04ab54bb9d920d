//! Mistakes against messages.

use super::*;

#[test]
fn options() {
    check_error("wrt(z)", "fn f(x: f64) -> f64 { x }", "names `z`");
    check_error("fast", "fn f(x: f64) -> f64 { x }", "unknown option `fast`");
    check_error("custom = 3", "fn f(x: f64) -> f64 { x }", "custom = path");
    check_error("hessian", "fn f(x: f64) -> (f64, f64) { (x, x) }", "more than one number");
    check_error("jacobian(z)", "fn f(x: f64) -> f64 { x }", "differentiated arguments: x");
    check_error("jacobian", "fn f(x: &[Vec<f64>]) -> f64 { x[0][0] }", "more than one array");
    check_error("", "fn f(n: usize) -> f64 { 1.0 }", "no differentiable argument");
    check_error("", "fn f(x: f64) -> (f64, f64) { (x, x) }", "more than one number");
}

#[test]
fn functions() {
    check_error("", "async fn f(x: f64) -> f64 { x }", "async");
    check_error("", "unsafe fn f(x: f64) -> f64 { x }", "unsafe");
    check_error("", "fn f<T: Float>(x: T, y: f64) -> f64 { y }", "generic over types");
    check_error("", "fn f(x: impl Fn(f64), y: f64) -> f64 { y }", "impl Trait");
    check_error("", "fn f(x: f64) { }", "without a result");
    check_error("", "fn f(x: ArrayViewD<f64>) -> f64 { x.sum() }", "number of dimensions");
    check_error("", "fn f(&self, x: f64) -> f64 { x }", "a method by itself");
}

#[test]
fn bodies() {
    check_error("", "fn f(x: f64) -> f64 { foo(x) }", "unknown function `foo`");
    check_error("", "fn f(x: f64) -> f64 { x.sinn() }", "did you mean `sin`?");
    check_error("", "fn f(x: f64) -> f64 { x as i64 as f64 }", "trunc()");
    check_error("", "fn f(x: f64) -> f64 { println!(\"{}\", x); x }", "macro `println!`");
    check_error("", "fn f(x: ArrayView1<f64>) -> f64 { let m = make(); x.dot(&m) }", "let m: Array2<f32>");
    check_error("", "fn f(x: f64) -> f64 { foo(x) + bar(x) }", "`bar`");
    check_error(
        "",
        "fn f(#[dims(3)] x: ArrayView1<f64>, #[dims(4)] y: ArrayView1<f64>) -> f64 { (&x + &y).sum() }",
        "shapes [3] and [4]",
    );
    check_error(
        "",
        "fn f(#[dims(3, 4)] x: ArrayView2<f64>) -> f64 { x.dot(&x).sum() }",
        "shapes [3, 4] and [3, 4]",
    );
}

#[test]
fn nesting_is_bounded() {
    let deep = format!("fn f(x: f64) -> f64 {{ {}x{} }}", "(".repeat(500), ")".repeat(500));
    check_error("", &deep, "nested too deeply");
    let deep = format!("fn f(x: f64) -> f64 {{ x{} }}", ".sin()".repeat(2000));
    check_error("", &deep, "nested too deeply");
    let deep = format!("fn f(x: f64) -> f64 {{ x{} }}", ".sin()".repeat(300));
    check_error("", &deep, "nested too deeply");
    let nested = format!("fn f(x: f64) -> f64 {{ {}x{} }}", "(".repeat(90), ".sin())".repeat(90));
    accepted("", &nested, &definitions(&[]));
    let deep = format!("fn f(x: f64) -> f64 {{ {}x }}", "-".repeat(2000));
    check_error("", &deep, "nested too deeply");
    let long = format!("fn f(x: f64) -> f64 {{ x{} }}", " + x".repeat(400));
    accepted("", &long, &definitions(&[]));
}

#[test]
fn values_and_shapes() {
    check_error("", "fn f(x: f32, y: f64) -> f64 { x * y }", "between f32 and f64");
    check_error("", "fn f(x: f32) -> f64 { x }", "values of type f32");
    check_error("vjp", "fn f(x: &[f64; 3]) -> [f64; 4] { *x }", "shape [3]");
    check_error("", "fn f(x: &[f64]) -> f64 { *x }", "an array of shape");
    check_error("", "fn f(x: [f64; 3]) -> f64 { x[3] }", "index 3 is out of bounds");
    check_error("", "fn f(#[dims(3)] x: ArrayView1<f64>) -> f64 { x.slice(s![1..5]).sum() }", "index 1..5");
    check_error("", "fn f(#[dims(3, 3)] x: ArrayView1<f64>) -> f64 { x.sum() }", "has 1 dimensions");
    check_error("", "fn f(#[dims(3)] x: f64) -> f64 { x }", "no dimensions to name");
    check_error(
        "",
        "fn f(#[dims(2, 3)] x: ArrayView2<f64>) -> f64 { x.to_shape((3, 3)).unwrap().sum() }",
        "[2, 3] and [3, 3]",
    );
    check_error("", "fn f(x: ArrayView2<f64>) -> f64 { x.sum_axis(Axis(2)).sum() }", "there are 2");
    check_error("", "fn f(x: f64) -> f64 { x.powi(x) }", "`powi`");
    check_error("", "fn f(x: f64) -> f64 { let mut y = x; loop { y -= 1.0; } }", "never ends");
    check_error("", "fn f(x: f64) -> f64 { unsafe { x } }", "`unsafe`");
    check_error("", "fn f(x: f64, k: &mut usize) -> f64 { *k += 1; x }", "changes an argument of this type");
    check_error("", "fn f(x: &[f64]) -> f64 { x.iter().filter(|v| **v > 0.0).product() }", "`filter`");
    check_error("", "fn f(x: &[f64]) -> f64 { x.iter().fold(0.0, |a, v| a.sin() + v) }", "`fold`");
    check_error("", "fn f(x: &[&[f64]]) -> f64 { x.chunks(2).map(|r| r[0][0]).sum() }", "`chunks` of a list");
    check_error("", "fn f(x: Vec<Vec<f64>>) -> f64 { x[256][0] }", "0 to 255");
    check_error("", "fn f(x: f64, y: f64) -> f64 { foo(x); y.bar() }", "`bar`");
    check_error("", "fn f(x: f64) -> f64 { x > 1.0 }", "values of type bool");
    check_error("vjp(3)", "fn f(x: f64) -> f64 { x }", "unknown option `vjp(3)`");
    check_error("math = \"fast\"", "fn f(x: f64) -> f64 { x }", "unknown option");
}

#[test]
fn no_silent_mutation() {
    check_error(
        "wrt(x)",
        "fn f(x: f64) -> f64 { let mut k = 1.0; let mut g = |v: f64| { k += 1.0; v * k }; g(x) + g(x) }",
        "`k` is changed",
    );
    check_error(
        "",
        "fn f(x: &[f64]) -> f64 { let mut k = 0.0; x.iter().map(|v| { k += 1.0; v * k }).sum() }",
        "`k` is changed",
    );
}

#[test]
fn what_changes_inactive_variables_has_its_place() {
    for (body, expected) in [
        ("let mut s = 7u64; x * draw(&mut s) + x * draw(&mut s)", "`s` is changed"),
        ("let mut w = vec![3.0, 1.0]; x * w.pop().unwrap() + x * w.pop().unwrap()", "`w` is changed"),
        ("let mut rng = seeded(7); let mut y = x; for _ in 0..3 { y *= rng.normal(); } y", "`rng` is changed"),
        ("let mut rng = seeded(7); let mut y = x; for _ in 0..3 { let z: f64 = rng.normal(); y *= z; } y", "`rng` is changed"),
        ("let t = [1.0, 2.0]; let mut i = t.iter(); x * i.next().unwrap() + i.next().unwrap()", "`i` is changed"),
        ("let t = [x, 2.0]; let mut i = t.iter(); let a = i.next().unwrap(); let b = i.next().unwrap(); a * b", "`i` is changed"),
        ("let mut k = 1.0; let mut up = || { k += 1.0; k }; up() * x + up()", "`up` is changed"),
        ("let mut k = 1; if raised(&mut k) == 2 { x } else { x * x }", "`k` is changed"),
    ] {
        check_error("", &format!("fn f(x: f64) -> f64 {{ {body} }}"), expected);
    }
}

#[test]
fn all_errors_come_at_once() {
    let source = "async fn f(x: f64, n: usize) -> f64 { let a = foo(x); let b = x.bar(); let c = a + b; println!(\"{x}\"); c as i32 as f64 + baz(x) }";
    let errors = lowered("speed", source, &definitions(&[])).expect_err("refused");
    let codes: Vec<&str> = errors.list.iter().map(|e| e.code()).collect();
    assert_eq!(
        codes,
        ["unknown-option", "function", "unknown-function", "unknown-method", "macro", "unknown-function"]
    );
}

#[test]
fn nothing_panics() {
    // each is wrong, or odd, in its own way; none may bring rustc down
    for source in [
        "", "struct A;", "fn f() -> f64 { 1.0 }", "fn f(r#type: f64, n: usize) -> f64 { let mut r#in = n; r#in += 1; r#type * r#in as f64 }",
        "fn f(x: [f64; 0]) -> f64 { x.iter().sum() }", "fn f(x: [f64; 1]) -> f64 { x[0] + x.iter().rev().sum::<f64>() }",
        "fn f(x: ArrayView2<f64>) -> f64 { x.slice(s![]).sum() }", "fn f(x: ArrayView2<f64>) -> f64 { x.slice(s![.., .., ..]).sum() }",
        "fn f(x: ArrayView2<f64>) -> f64 { x.insert_axis(Axis(7)).sum() }", "fn f(x: ArrayView2<f64>) -> f64 { concatenate![Axis(0)].sum() }",
        "fn f(x: &[f64]) -> f64 { x[-1] + x[x.len()] }", "fn f(x: &[f64]) -> f64 { x.chunks_exact(0).map(|c| c[0]).sum() }",
        "fn f(x: &[f64; 3]) -> f64 { x.windows(9).map(|c| c[0]).sum() }", "fn f(x: f64) -> f64 { let (a, b, c) = x.sin_cos(); a }",
        "fn f(x: f64) -> f64 { f64::max(x) + f64::nothing() + f64::clamp(x, 1.0) }", "fn f(x: ArrayView3<f64>) -> f64 { x.dot(&x) }",
        "fn f(x: ArrayView1<f64>) -> f64 { cross_entropy(&x, 9) + softmax(3.0) + mse(x) }", "fn f(x: f64) -> f64 { (|a, b| a)(x) }",
        "fn f(x: f64) -> f64 { x.map(|v| v) + [x, x].map(f64::sin)[5] }", "fn f(x: [[f64; 2]; 2]) -> f64 { x[0][1][2] }",
        "fn f(x: &[f64]) -> f64 { (0..=x.len()).rev().map(|i| x[x.len() - i]).sum::<f64>() }",
        "fn f(x: ArrayView2<f64>, n: usize) -> f64 { x.row(n).select(Axis(0), &[n, n]).broadcast((n, 2)).unwrap().sum() }",
        "fn f(x: [f64; N]) -> f64 { x.len() as f64 * x[N - 1] }", "fn f(x: f64) { }", "fn f(x: f64) -> ! { x }", "fn f(x: f64) -> f64 {}",
        "fn f(x: f64) -> (f64, f64) { x }", "fn f((a, b): (f64, f64)) -> f64 { a }", "fn f(x: f64) -> f64 { return x; }",
        "fn f(x: f64) -> f64 { x.powi(1 / 0) }", "fn f(x: ArrayView1<f64>) -> f64 { x.slice(s![..;0]).sum() }",
    ] {
        if let Ok(item) = source.parse() {
            let _ = super::super::requests::requests(&item, &TokenStream::new());
            let _ = lower(TokenStream::new(), item, &definitions(&[]), crate::derive::MODES);
        }
    }
    let deep = format!("fn f(x: {}f64{}) -> f64 {{ x }}", "Vec<".repeat(3000), ">".repeat(3000));
    check_error("", &deep, "nested too deeply");
}
