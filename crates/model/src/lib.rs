//! The words of forerun: units, time, ids, observations, forecasts, offers, decisions, actions.
