#[test]
fn gradient_of_log_loss() {
    insta::assert_snapshot!(log_loss::SOURCE);
}
