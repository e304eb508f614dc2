//! What the operator may do with what really runs.
