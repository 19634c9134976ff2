//! The parts of the forerun command: configuration, command line, client, tables for people, examples, and the daemon's
//! wiring. A library so that benches and host tests use the very same parts.

pub mod allocator;
pub mod backtest;
pub mod backtest_access;
pub mod backtest_drivers;
pub mod backtest_jobs;
pub mod backtest_pool;
pub mod backtest_users;
pub mod cli;
pub mod client;
pub mod commands;
pub mod config;
pub mod daemon;
pub mod doctor;
pub mod examples;
pub mod import;
pub mod render;
pub mod replay;
pub mod scoring;
