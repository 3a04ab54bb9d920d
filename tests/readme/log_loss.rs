use chainrule::differentiable;

/// The mean of ln(1 + e⁻ˣ) over the margins x of a classifier.
#[differentiable]
pub fn log_loss(x: &[f32]) -> f32 {
    let losses = x.iter().map(|x| (1.0 + (-x).exp()).ln());
    losses.sum::<f32>() / x.len() as f32
}
