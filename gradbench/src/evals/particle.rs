//! `particle`: pending.
