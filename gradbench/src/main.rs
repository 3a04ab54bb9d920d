//! The tool that GradBench starts: messages on standard input, answers on standard output.

use std::io::{stdin, stdout, BufReader, BufWriter};

fn main() -> std::io::Result<()> {
    gradbench::protocol::serve(BufReader::new(stdin().lock()), BufWriter::new(stdout().lock()))
}
