//! Applies actions to the host and undoes them.
