//! Observations in, sessions to hold or resume out, with the reasons.
