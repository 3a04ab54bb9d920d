//! The tests of `chainrule` are a package of their own, so that an example builds without what they need.
