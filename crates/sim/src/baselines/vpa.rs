//! The Kubernetes Vertical Pod Autoscaler: recommender and updater.
//!
//! The container's state in [`container`] equals the real recommender in every cell (see `tests/vpa_golden.rs`).

pub mod container;
