//! The compiler behind `chainrule`.

pub mod params;
