//! Evidence: relations, snapshots, kinks, mistakes and walls, over one set of fixtures.

#[path = "../fixtures/mod.rs"]
mod fixtures;

#[macro_use]
mod fixture;
mod errors;
mod gradients;
mod kinks;
mod language;
mod oracle;
mod probes;
mod second;
mod snapshots;
mod source;
mod tidy;
mod twins;
