//! Trains the recurrent models on a thread of its own; weights out, nothing else.
