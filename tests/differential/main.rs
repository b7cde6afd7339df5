//! The real Go client beside ours: the same calls, to two servers of the same history, compared in what they answer,
//! in how they fail, and in what reached the wire. Every deliberate difference is in [`differences`], and nowhere else.
//!
//! It needs Go. Where Go is missing, each test says so on the terminal and passes; `make differential` runs it long.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod admin;
mod admin_random;
mod answer;
mod differences;
mod fixed;
mod generator;
mod go_client;
mod operation;
mod pair;
mod random;
mod run;
mod scripted;
mod settings_random;
mod watch_random;
mod wire;
