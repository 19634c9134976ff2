//! Engine, arbiter, tiers, rails, ledger and the planners.
