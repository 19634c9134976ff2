//! REST, events, metrics and the dashboard.
