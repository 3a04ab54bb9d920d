//! How far a training is.
//!
//! Invariant: where standard error is no terminal, there is no escape code, and there are at most ten lines and a last one.

use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};

/// A bar on standard error with the steps that are done, the loss and the time left.
///
/// Where standard error is no terminal (a file, a pipe, a job in CI) it is a line for each tenth of the steps instead. The bar stays where
/// it is when it is dropped, at the end or when a training stops early. A step costs a look at the clock, and 20 times a second a text.
///
/// ```
/// use chainrule::train::Progress;
///
/// let mut progress = Progress::new("step", 1000);
/// for step in 1..=1000 {
///     let loss = 1.0 / f64::from(step);
///     if step % 250 == 0 {
///         progress.note(format!("accuracy {:.1} %", 100.0 * (1.0 - loss)));
///     }
///     progress.step(loss); // step 600/1000  loss 0.0017  accuracy 99.8 %  4s left
/// }
/// ```
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    unit: &'static str,
    steps: u64,
    done: u64,
    note: String,
    /// when the bar was drawn last
    drawn: Option<Instant>,
}

impl Progress {
    /// Counts `steps` of what `unit` names, a step or an epoch.
    pub fn new(unit: &'static str, steps: u64) -> Self {
        Progress::on(ProgressDrawTarget::stderr(), unit, steps)
    }

    fn on(target: ProgressDrawTarget, unit: &'static str, steps: u64) -> Self {
        let style = ProgressStyle::with_template("{bar:30} {msg}  {eta} left");
        let bar = ProgressBar::with_draw_target(Some(steps), target)
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
            .with_finish(ProgressFinish::Abandon);
        Progress { bar, unit, steps, done: 0, note: String::new(), drawn: None }
    }

    /// Counts a step, and shows its loss, or whatever mean of losses you hand over.
    pub fn step(&mut self, loss: impl Into<f64>) {
        if let Some(line) = self.advance(loss.into()) {
            eprintln!("{line}");
        }
    }

    /// Sets a text that stands behind the loss until there is another.
    pub fn note(&mut self, text: impl Into<String>) {
        self.note = text.into();
    }

    /// Counts a step, draws the bar if it is time, and returns the line to print where there is no terminal.
    fn advance(&mut self, loss: f64) -> Option<String> {
        self.done += 1;
        let lines = self.bar.is_hidden();
        let tenth = |step: u64| u128::from(step) * 10 / u128::from(self.steps.max(1));
        let due = match self.drawn {
            _ if self.done == self.steps => true,
            _ if lines => tenth(self.done) > tenth(self.done - 1),
            drawn => drawn.is_none_or(|drawn| drawn.elapsed() > Duration::from_millis(50)),
        };
        if !due {
            return None;
        }
        let note = if self.note.is_empty() { String::new() } else { format!("  {}", self.note) };
        let text = format!("{} {}/{}  loss {}{note}", self.unit, self.done, self.steps, short(loss));
        self.bar.set_message(text.clone());
        self.bar.set_position(self.done);
        self.drawn = Some(Instant::now());
        lines.then(|| {
            let elapsed = self.bar.elapsed();
            let left = elapsed.mul_f64(self.steps.saturating_sub(self.done) as f64 / self.done as f64);
            format!("{text}  {:#} left", HumanDuration(left))
        })
    }
}

/// A number with about four digits.
fn short(x: f64) -> String {
    match x.abs() {
        1e-2..1e6 => format!("{x:.4}"),
        _ if x == 0.0 || !x.is_finite() => format!("{x}"),
        _ => format!("{x:.3e}"),
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A terminal that keeps what is written.
    #[derive(Clone, Debug, Default)]
    struct Paper(Arc<Mutex<String>>);

    impl indicatif::TermLike for Paper {
        fn width(&self) -> u16 {
            120
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().expect("nobody panicked").push_str(text);
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_bar_on_a_terminal() {
        let paper = Paper::default();
        let target = ProgressDrawTarget::term_like(Box::new(paper.clone()));
        let mut progress = Progress::on(target, "step", 4);
        progress.note("accuracy 12 %");
        assert!(
            (0..4).all(|k| progress.advance(0.5 / f64::from(k + 1)).is_none()),
            "no lines beside the bar"
        );
        drop(progress);
        let drawn = paper.0.lock().expect("nobody panicked");
        for part in ["step 1/4  loss 0.5000  accuracy 12 %", "step 4/4  loss 0.1250  accuracy 12 %", "s left"]
        {
            assert!(drawn.contains(part), "{part}: {drawn}");
        }
    }

    /// What is printed where there is no terminal, without the time.
    fn lines(steps: u64, done: u64) -> Vec<String> {
        let mut progress = Progress::on(ProgressDrawTarget::hidden(), "epoch", steps);
        let lines = (1..=done).filter_map(|k| progress.advance(k as f64));
        lines.map(|line| line.split("  loss").next().expect("a part").to_string()).collect()
    }

    #[test]
    fn a_line_for_each_tenth_elsewhere() {
        assert_eq!(lines(3, 3), ["epoch 1/3", "epoch 2/3", "epoch 3/3"]);
        let many = lines(1005, 1005);
        assert_eq!((many.len(), &many[0][..], &many[9][..]), (10, "epoch 101/1005", "epoch 1005/1005"));
        assert_eq!(lines(0, 0).len(), 0);
        // fewer steps than promised, and more
        assert_eq!(lines(20, 5), ["epoch 2/20", "epoch 4/20"]);
        assert_eq!(lines(2, 3), ["epoch 1/2", "epoch 2/2", "epoch 3/2"]);
    }

    #[test]
    fn a_line_says_all() {
        let mut progress = Progress::on(ProgressDrawTarget::hidden(), "step", 1);
        assert_eq!(progress.advance(f64::NAN).expect("the last step"), "step 1/1  loss NaN  0s left");
        progress.note("best so far");
        assert_eq!(progress.advance(2e-7).expect("a tenth"), "step 2/1  loss 2.000e-7  best so far  0s left");
    }
}
