//! The definitions that a function asks for.

use crate::front::requests::{requests, struct_requests};

fn asked(attr: &str, source: &str) -> String {
    let list = requests(&source.parse().expect("tokens"), &attr.parse().expect("tokens"));
    list.iter().map(|p| p.to_string().replace(' ', "")).collect::<Vec<_>>().join(", ")
}

#[test]
fn paths_come_once_in_order() {
    let body = "{ let h = nn::relu(x.dot(&net.w)); let n = count(x.len()); let k = make(3); let g = |v: f64| act(v); \
                relu(h).mapv(tanh_like) + model::layer(&h) + nn::relu(h) + f64::exp(k) + g(k) + other(k) * Axis(0) }";
    let source =
        format!("fn f(net: &Mlp<3>, x: ArrayView2<f64>, labels: &[usize], c: &Config) -> f64 {body}");
    assert_eq!(
        asked("wrt(net)", &source),
        "Mlp, act, model::layer, nn::relu, relu, tanh_like".replace(
            "act, model::layer, nn::relu, relu, tanh_like",
            "nn::relu, act, relu, tanh_like, model::layer"
        )
    );
    assert_eq!(asked("", "fn f(x: f64) -> f64 { x.sin() }"), "");
    assert_eq!(asked("", "fn f(l: &[m::Layer; 3], i: usize) -> f64 { pick(i) }"), "m::Layer");
}

#[test]
fn structs_ask_for_their_fields() {
    let list = struct_requests(
        &"struct A { a: Array2<f32>, b: inner::B<f32>, c: [C; 2], #[constant] d: D }"
            .parse()
            .expect("tokens"),
    );
    let list: Vec<String> = list.iter().map(|p| p.to_string().replace(' ', "")).collect();
    assert_eq!(list, ["inner::B", "C"]);
}
