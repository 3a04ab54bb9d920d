//! The compiler behind `chainrule`.
