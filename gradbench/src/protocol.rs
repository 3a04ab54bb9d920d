//! The protocol of GradBench: one line of JSON in, one line of JSON out.
//!
//! No message ends the session: what cannot be answered is answered by `success: false` and an error.

use crate::evals;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::Value;
use std::fmt;
use std::io::{self, BufRead, Write};
use std::panic::{catch_unwind, AssertUnwindSafe};

/// Answers each line of `input`, until it ends.
pub fn serve(mut input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    let mut line = vec![];
    while input.read_until(b'\n', &mut line)? > 0 {
        serde_json::to_writer(&mut output, &answer(&line))?;
        output.write_all(b"\n")?;
        output.flush()?;
        line.clear();
    }
    Ok(())
}

/// What is said to a message. What is absent is not written.
#[derive(Debug, Default, Serialize)]
pub struct Response {
    pub id: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timings: Option<Vec<Timing>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How long one run took.
#[derive(Debug, Serialize)]
pub struct Timing {
    pub name: &'static str,
    pub nanoseconds: u64,
}

/// A result, and how long each run for it took.
#[derive(Debug)]
pub struct Answer {
    pub output: Box<RawValue>,
    pub timings: Vec<Timing>,
}

/// The response to one line.
pub fn answer(line: &[u8]) -> Response {
    let mut message = Message::default();
    let understood = message.read(line).map_err(|e| format!("not a message: {e}"));
    let response = understood.and_then(|()| message.respond());
    let response = response.unwrap_or_else(|error| Response {
        success: Some(false),
        error: Some(error),
        ..Response::default()
    });
    Response { id: message.id, ..response }
}

#[derive(Default)]
struct Message<'a> {
    id: Value,
    kind: Value,
    module: Value,
    function: Value,
    input: Option<&'a RawValue>,
}

impl<'a> Message<'a> {
    /// Fills in the fields that the line has. What comes before an error is kept: even a broken line is answered under
    /// its number.
    fn read(&mut self, line: &'a [u8]) -> serde_json::Result<()> {
        let mut json = serde_json::Deserializer::from_slice(line);
        self.deserialize(&mut json)?;
        json.end()
    }

    fn respond(&self) -> Result<Response, String> {
        if !(self.id.is_i64() || self.id.is_u64()) {
            return Err("`id` must be an integer".into());
        }
        match text("kind", &self.kind)? {
            "start" => Ok(Response { tool: Some("chainrule"), ..Response::default() }),
            "define" => Ok(Response {
                success: Some(evals::has(text("module", &self.module)?)),
                ..Response::default()
            }),
            "evaluate" => {
                let function =
                    evals::function(text("module", &self.module)?, text("function", &self.function)?)?;
                let input = self.input.ok_or("`input` is missing")?;
                let answer = catch_unwind(AssertUnwindSafe(|| function(input)));
                let answer = answer.unwrap_or_else(|_| Err("the function panicked".into()))?;
                Ok(Response {
                    success: Some(true),
                    output: Some(answer.output),
                    timings: Some(answer.timings),
                    ..Response::default()
                })
            }
            _ => Ok(Response::default()),
        }
    }
}

fn text<'a>(name: &str, value: &'a Value) -> Result<&'a str, String> {
    value.as_str().ok_or_else(|| format!("`{name}` must be a string"))
}

impl<'a> DeserializeSeed<'a> for &mut Message<'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for &mut Message<'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match &key[..] {
                "id" => self.id = map.next_value()?,
                "kind" => self.kind = map.next_value()?,
                "module" => self.module = map.next_value()?,
                "function" => self.function = map.next_value()?,
                "input" => self.input = Some(map.next_value()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}
