use super::*;

#[test]
fn options() {
    check_error("wrt(z)", "fn f(x: f64) -> f64 { x }", "names `z`");
    check_error("fast", "fn f(x: f64) -> f64 { x }", "unknown option `fast`");
    check_error("hessian", "fn f(x: f64) -> f64 { x }", "planned");
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
    check_error("", "fn f(&self, x: f64) -> f64 { x }", "method with `self`");
}

#[test]
fn bodies() {
    check_error("", "fn f(x: f64) -> f64 { foo(x) }", "unknown function `foo`");
    check_error("", "fn f(x: f64) -> f64 { x.sinn() }", "did you mean `sin`?");
    check_error("", "fn f(x: f64) -> f64 { x as i64 as f64 }", "trunc()");
    check_error("", "fn f(x: f64) -> f64 { if x > 0.0 { x } else { 0.0 } }", "`if`");
    check_error("", "fn f(x: f64) -> f64 { let mut a = x; a += 1.0; a }", "`+=`");
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
