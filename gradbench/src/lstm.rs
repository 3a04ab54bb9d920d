//! A network of long short-term memory, in which all products are element by element.

use chainrule::differentiable;

/// The mean negative logarithm of the likelihood of a sequence of rows of `b` bits.
///
/// `main` has, for each layer, four rows of weights and four of biases, for forget, in and out gate and the change.
/// `extra` has the weights of the input, the weights of the output and its bias. `state` has, for each layer, the hidden
/// row and the cell at the beginning.
#[differentiable(wrt(main, extra))]
pub fn objective(main: &[f64], extra: &[f64], state: &[f64], sequence: &[f64], b: usize) -> f64 {
    let (layers, steps) = (main.len() / (8 * b), sequence.len() / b - 1);
    let mut state = state.to_vec();
    let mut total = 0.0;
    for t in 0..steps {
        let (now, next) = (&sequence[t * b..][..b], &sequence[(t + 1) * b..][..b]);
        let mut z = vec![0.0; b];
        for j in 0..b {
            z[j] = now[j] * extra[j];
        }
        for layer in 0..layers {
            let weight = &main[8 * b * layer..][..4 * b];
            let bias = &main[8 * b * layer + 4 * b..][..4 * b];
            for j in 0..b {
                let (hidden, cell) = (2 * b * layer + j, 2 * b * layer + b + j);
                let forget = sigmoid(z[j] * weight[j] + bias[j]);
                let ingate = sigmoid(state[hidden] * weight[b + j] + bias[b + j]);
                let outgate = sigmoid(z[j] * weight[2 * b + j] + bias[2 * b + j]);
                let change = (state[hidden] * weight[3 * b + j] + bias[3 * b + j]).tanh();
                state[cell] = state[cell] * forget + ingate * change;
                state[hidden] = outgate * state[cell].tanh();
                z[j] = state[hidden];
            }
        }
        let mut sum = 2.0;
        for j in 0..b {
            z[j] = z[j] * extra[b + j] + extra[2 * b + j];
            sum += z[j].exp();
        }
        for j in 0..b {
            total += next[j] * (z[j] - sum.ln());
        }
    }
    -total / (steps * b) as f64
}

#[differentiable]
fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}
