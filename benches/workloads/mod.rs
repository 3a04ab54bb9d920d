//! The workloads that gradients are measured with: data, functions, gradients by hand.

#![allow(dead_code)]

pub mod by_hand;
pub mod cases;
pub mod data;
pub mod functions;
pub mod inputs;
pub mod measure;
pub mod memory;
pub mod networks;
