//! Serves the static documents that weir's operator writes: weighted and mirrored HTTP traffic.

pub mod balance;
pub mod config;
pub mod router {
    //! Placeholder until the route table is here.
    use weir_model::rule::Matcher;
    /// What of a request rules look at.
    #[derive(Debug)]
    pub struct RequestView<'a>(pub &'a ());
    /// Finds the route of a request.
    #[derive(Debug)]
    pub struct Table;
    /// A matcher that cannot be indexed.
    #[derive(Debug, thiserror::Error)]
    #[error("placeholder")]
    pub struct BuildError;
    impl Table {
        /// Of matchers by precedence.
        ///
        /// # Errors
        /// Never.
        pub fn build(_: &[&Matcher]) -> Result<Self, BuildError> {
            Ok(Self)
        }
        /// The first that matches.
        pub fn find(&self, _: &RequestView<'_>) -> Option<usize> {
            None
        }
    }
}
pub mod state;
