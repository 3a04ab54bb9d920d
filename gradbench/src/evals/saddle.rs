//! `saddle`: pending.
