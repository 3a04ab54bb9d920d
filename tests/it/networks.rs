// What the fixtures of recurrent networks and tensor products are called with: a part of `list.rs`.

/// Cells over time, products of several arrays, windows with padding, lists in loops.
fn networks() -> Vec<Fixture> {
    vec![
        fixture!(nn_rnn_cell |n| { x = Array3::<F>::zeros((n, 2, 3)) => -1.0..1.0; first = Array2::<F>::zeros((2, 4)) => -1.0..1.0; w_ih = Array2::<F>::zeros((4, 3)) => -1.0..1.0; w_hh = Array2::<F>::zeros((4, 4)) => -1.0..1.0; b_ih = Array1::<F>::zeros(4) => -1.0..1.0; b_hh = Array1::<F>::zeros(4) => -1.0..1.0; } (x.view(), first.view(), w_ih.view(), w_hh.view(), &b_ih, &b_hh) wrt [x first w_ih w_hh b_ih b_hh] sizes [0, 1, 5],
            vjp (c => &c), jvp [x_dot: x, first_dot: first, w_ih_dot: w_ih, w_hh_dot: w_hh, b_ih_dot: b_ih, b_hh_dot: b_hh] (x_dot.view(), first_dot.view(), w_ih_dot.view(), w_hh_dot.view(), &b_ih_dot, &b_hh_dot)),
        fixture!(nn_gru_cell |n| { x = Array3::<F>::zeros((n, 2, 3)) => -1.0..1.0; first = Array2::<F>::zeros((2, 5)) => -1.0..1.0; w_ih = Array2::<F>::zeros((15, 3)) => -1.0..1.0; w_hh = Array2::<F>::zeros((15, 5)) => -1.0..1.0; b_ih = Array1::<F>::zeros(15) => -1.0..1.0; b_hh = Array1::<F>::zeros(15) => -1.0..1.0; } (x.view(), first.view(), w_ih.view(), w_hh.view(), &b_ih, &b_hh) wrt [x first w_ih w_hh b_ih b_hh] sizes [0, 1, 5],
            vjp (c => &c), jvp [x_dot: x, first_dot: first, w_ih_dot: w_ih, w_hh_dot: w_hh, b_ih_dot: b_ih, b_hh_dot: b_hh] (x_dot.view(), first_dot.view(), w_ih_dot.view(), w_hh_dot.view(), &b_ih_dot, &b_hh_dot)),
        fixture!(nn_lstm_cell |n| { x = Array3::<F>::zeros((n, 2, 3)) => -1.0..1.0; w_ih = Array2::<F>::zeros((20, 3)) => -1.0..1.0; w_hh = Array2::<F>::zeros((20, 5)) => -1.0..1.0; b_ih = Array1::<F>::zeros(20) => -1.0..1.0; b_hh = Array1::<F>::zeros(20) => -1.0..1.0; } (x.view(), w_ih.view(), w_hh.view(), &b_ih, &b_hh) wrt [x w_ih w_hh b_ih b_hh] sizes [0, 1, 5],
            vjp (c => &c), jvp [x_dot: x, w_ih_dot: w_ih, w_hh_dot: w_hh, b_ih_dot: b_ih, b_hh_dot: b_hh] (x_dot.view(), w_ih_dot.view(), w_hh_dot.view(), &b_ih_dot, &b_hh_dot)),
        fixture!(einsum_products |n| { x = Array3::<F>::zeros((2, n, 3)) => -1.0..1.0; a = Array2::<F>::zeros((3, 4)) => -1.0..1.0; b = Array2::<F>::zeros((4, 3)) => -1.0..1.0; scale = 0.0 as F => 0.5..2.0; } (x.view(), a.view(), b.view(), scale) wrt [x a b scale] sizes [0, 1, 3, 17],
            vjp (c => &c), jvp [x_dot: x, a_dot: a, b_dot: b, scale_dot: scale] (x_dot.view(), a_dot.view(), b_dot.view(), scale_dot)),
        fixture!(einsum_axes |n| { a = Array2::<F>::zeros((n, n)) => -1.0..1.0; x = Array3::<F>::zeros((3, n, 2)) => -1.0..1.0; v = vec![0.0 as F; 5] => -1.0..1.0; } (a.view(), x.view(), &v) wrt [a x v] sizes [1, 2, 5],
            vjp (c => &c), jvp [a_dot: a, x_dot: x, v_dot: v] (a_dot.view(), x_dot.view(), &v_dot)),
        fixture!(nn_matmul |n| { a = Array4::<F>::zeros((2, 2, n, 3)) => -1.0..1.0; b = Array4::<F>::zeros((2, 2, 3, 4)) => -1.0..1.0; w = Array2::<F>::zeros((4, 2)) => -1.0..1.0; } (a.view(), b.view(), w.view()) wrt [a b w] sizes [0, 1, 3, 17],
            vjp (c => &c), jvp [a_dot: a, b_dot: b, w_dot: w] (a_dot.view(), b_dot.view(), w_dot.view())),
        fixture!(nn_conv_transpose_groups |n| { x = Array4::<F>::zeros((n, 4, 3, 2)) => -1.0..1.0; w = Array4::<F>::zeros((4, 3, 2, 2)) => -1.0..1.0; b = Array1::<F>::zeros(6) => -1.0..1.0; } (x.view(), w.view(), &b) wrt [x w b] sizes [1, 2], vjp (c => &c), jvp [x_dot: x, w_dot: w, b_dot: b] (x_dot.view(), w_dot.view(), &b_dot)),
        fixture!(nn_attention_masks |n| { q = Array4::<F>::zeros((2, 2, n, 3)) => -1.0..1.0; k = Array4::<F>::zeros((2, 2, 4, 3)) => -1.0..1.0; v = Array4::<F>::zeros((2, 2, 4, 5)) => -1.0..1.0; mask = Array4::<F>::zeros((1, 2, 1, 4)) => -1.0..1.0; } (q.view(), k.view(), v.view(), mask.view()) wrt [q k v mask] sizes [1, 3, 17],
            vjp (c => &c), jvp [q_dot: q, k_dot: k, v_dot: v, mask_dot: mask] (q_dot.view(), k_dot.view(), v_dot.view(), mask_dot.view())),
        fixture!(nn_row_norms |n| { x = Array2::<F>::zeros((n, 4)) => -1.0..1.0; lines = Array3::<F>::zeros((n, 4, 3)) => -1.0..1.0; gain = Array1::<F>::zeros(4) => -1.0..1.0; bias = Array1::<F>::zeros(4) => -1.0..1.0; } (x.view(), lines.view(), &gain, &bias) wrt [x lines gain bias] sizes [2, 3, 17],
            vjp (c => &c), jvp [x_dot: x, lines_dot: lines, gain_dot: gain, bias_dot: bias] (x_dot.view(), lines_dot.view(), &gain_dot, &bias_dot)),
        fixture!(nn_pools_padded |n| { x = Array4::<F>::zeros((n, 2, 7, 4)) => -1.0..1.0; } (x.view()) wrt [x] sizes [1, 3], vjp (c => &c), jvp [x_dot: x] (x_dot.view())),
        fixture!(reshaped_units |n| { x = Array4::<F>::zeros((n, 4, 3, 1)) => -1.0..1.0; } (&x) wrt [x] sizes [0, 1, 3], vjp (c => &c), jvp [x_dot: x] (&x_dot)),
        fixture!(list_loop |n| { net = { use self::set::list_loop::{Deep, Dense}; let layer = Dense { w: Array2::zeros((3, 3)), b: Array1::zeros(3), gain: 0.0, taps: [0.0; 2] }; Deep { layers: vec![layer; n], out: Array1::zeros(3) } } => -1.0..1.0; x = Array2::<F>::zeros((2, 3)) => -1.0..1.0; } (&net, x.view()) wrt [net] sizes [0, 1, 4],
            gradient (), vjp (w => w), jvp [net_dot: net] (&net_dot)),
        fixture!(list_rows |n| { rows = vec![vec![0.0 as F; 3]; n] => -1.0..1.0; arrays = vec![Array1::<F>::zeros(3); n + 2] => -1.0..1.0; scales = vec![0.0 as F; n] => -1.0..1.0; } (&rows, &arrays, &scales) wrt [rows arrays] sizes [0, 1, 3, 17],
            gradient (), vjp (w => w), jvp [rows_dot: rows, arrays_dot: arrays] (&rows_dot, &arrays_dot)),
        fixture!(nn_conv_rows |n| { x = Array4::<F>::zeros((n, 1, 10, 10)) => -1.0..1.0; v = Array4::<F>::zeros((2, 1, 3, 3)) => -1.0..1.0; w = Array4::<F>::zeros((3, 2, 2, 2)) => -1.0..1.0; b = Array1::<F>::zeros(2) => -1.0..1.0; } (x.view(), v.view(), w.view(), &b) wrt [x v w b] sizes [1, 3, 33],
            gradient (), vjp (c => c), jvp [x_dot: x, v_dot: v, w_dot: w, b_dot: b] (x_dot.view(), v_dot.view(), w_dot.view(), &b_dot)),
    ]
}
