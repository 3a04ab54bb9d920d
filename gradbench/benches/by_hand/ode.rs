//! Runge and Kutta backwards: the state of each step is kept, and its stages are computed anew.

use super::wide;

/// What one pass needs.
#[derive(Default)]
pub struct Ode {
    /// The states before each step.
    states: Vec<f64>,
    /// Where the stages after the first take the rate.
    stages: [Vec<f64>; 3],
    y: Vec<f64>,
    y_bar: Vec<f64>,
    y_bar_before: Vec<f64>,
    rate_bar: Vec<f64>,
    stage_bar: Vec<f64>,
}

impl Ode {
    /// The last component of the solution; its gradient is written to `g`.
    pub fn gradient(&mut self, x: &[f64], steps: usize, g: &mut [f64]) -> f64 {
        wide(|| self.run(x, steps, g))
    }

    #[inline(always)]
    fn run(&mut self, x: &[f64], steps: usize, g: &mut [f64]) -> f64 {
        let n = x.len();
        let h = 2.0 / steps as f64;
        let bars = [&mut self.y_bar, &mut self.y_bar_before, &mut self.rate_bar, &mut self.stage_bar];
        for v in bars.into_iter().chain([&mut self.y]).chain(&mut self.stages) {
            v.clear();
            v.resize(n, 0.0);
        }
        self.states.resize(n * steps, 0.0);
        let [s2, s3, s4] = &mut self.stages;
        for step in 0..steps {
            self.states[step * n..][..n].copy_from_slice(&self.y);
            let before = &self.states[step * n..][..n];
            ahead(x, before, before, 0.5 * h, s2);
            ahead(x, before, s2, 0.5 * h, s3);
            ahead(x, before, s3, h, s4);
            self.y[0] += h * x[0];
            for i in 1..n {
                let sum = before[i - 1] + 2.0 * s2[i - 1] + 2.0 * s3[i - 1] + s4[i - 1];
                self.y[i] += h / 6.0 * x[i] * sum;
            }
        }
        let value = self.y[n - 1];

        g.fill(0.0);
        self.y_bar[n - 1] = 1.0;
        for step in (0..steps).rev() {
            let before = &self.states[step * n..][..n];
            ahead(x, before, before, 0.5 * h, s2);
            ahead(x, before, s2, 0.5 * h, s3);
            ahead(x, before, s3, h, s4);
            self.stage_bar.fill(0.0);
            self.y_bar_before.copy_from_slice(&self.y_bar);
            let stages = [(&s4[..], 1.0, 0.0), (s3, 2.0, 1.0), (s2, 2.0, 0.5), (before, 1.0, 0.5)];
            for (stage, weight, factor) in stages {
                for i in 0..n {
                    self.rate_bar[i] = h / 6.0 * weight * self.y_bar[i] + factor * h * self.stage_bar[i];
                }
                g[0] += self.rate_bar[0];
                for i in 1..n {
                    g[i] += self.rate_bar[i] * stage[i - 1];
                }
                for i in 1..n {
                    let bar = self.rate_bar[i] * x[i];
                    self.stage_bar[i - 1] = bar;
                    self.y_bar_before[i - 1] += bar;
                }
            }
            std::mem::swap(&mut self.y_bar, &mut self.y_bar_before);
        }
        value
    }
}

/// `before + h rate(at)`.
#[inline(always)]
fn ahead(x: &[f64], before: &[f64], at: &[f64], h: f64, out: &mut [f64]) {
    out[0] = before[0] + h * x[0];
    for i in 1..x.len() {
        out[i] = before[i] + h * (x[i] * at[i - 1]);
    }
}
