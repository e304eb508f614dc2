//! Loading: from the files that the operator publishes to the snapshot that is served.
