//! One probe: what is asked of an endpoint, and what the answer means.

mod exchange;
mod grpc;
mod http;
mod location;

use std::sync::Arc;

use tokio::time::timeout;
use weir_model::document::HealthMode;

use super::{Fault, Health, Verdict};
use crate::dns::Resolver;

/// Probes an endpoint once, over connections of its own.
pub(crate) async fn probe(resolver: Arc<Resolver>, health: Arc<Health>) -> Verdict {
    let asked = async {
        match health.check.settings.mode {
            HealthMode::Grpc => grpc::ask(&resolver, &health).await,
            HealthMode::Http => http::ask(&resolver, &health).await,
        }
    };
    timeout(health.check.timeout(), asked)
        .await
        .unwrap_or(Err(Fault::Timeout("probing")))
}
