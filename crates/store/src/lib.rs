//! Time series, journal and decisions in one embedded database.
