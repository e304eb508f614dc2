//! Healths for tests.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use weir_model::{
    document::{HealthCheck, HealthMode, Scheme},
    duration::GoDuration,
};

use super::{Check, Fault, Health, Passed};

/// A check with intervals.
pub(crate) fn settings(interval: Duration, unhealthy_interval: Duration) -> HealthCheck {
    let millis = |duration: Duration| GoDuration::from_millis(i64::try_from(duration.as_millis()).unwrap());
    HealthCheck {
        follow_redirects: false,
        headers: BTreeMap::new(),
        hostname: None,
        interval: millis(interval),
        method: "GET".to_owned(),
        mode: HealthMode::Http,
        path: "/".to_owned(),
        port: None,
        scheme: None,
        status: None,
        timeout: GoDuration::from_secs(5),
        unhealthy_interval: millis(unhealthy_interval),
    }
}

/// Of some address.
pub(super) fn health(id: u64, interval: Duration, unhealthy_interval: Duration) -> Arc<Health> {
    let settings = settings(interval, unhealthy_interval);
    let check = Check::new(&settings, Scheme::Http, None, || Err("unused".into()));
    let address = format!("10.0.0.{id}:80").parse().unwrap();
    Arc::new(Health::new(id, address, Arc::new(check)))
}

/// A probe was passed. Whether that changes anything.
pub(crate) fn passed(health: &Health) -> bool {
    health.record(Ok(Passed::Status(200)), SystemTime::now())
}

/// A probe has failed. Whether that changes anything.
pub(crate) fn failed(health: &Health) -> bool {
    health.record(Err(Fault::Status(500)), SystemTime::now())
}
