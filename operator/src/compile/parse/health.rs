//! Health checks.

use std::collections::BTreeMap;

use weir_model::{
    crd,
    document::{HealthCheck, HealthMode},
};

use super::{Place, Sink, value::one_of};
use crate::compile::finding::{Code, Severity};

impl Sink<'_> {
    /// The health check of a reference, if it has one.
    pub(super) fn health_check(
        &mut self,
        field: &Place<'_>,
        check: Option<&crd::HealthCheck>,
    ) -> Option<HealthCheck> {
        let check = check?;
        let interval = match &check.interval {
            Some(written) => self.positive_duration(&field.key("interval"), written),
            None => {
                let default = self.options.health_interval;
                self.push(
                    field,
                    Code::DefaultInterval,
                    format!("no interval is given, so it is {default}"),
                    |f| f.effect(format!("each endpoint gets a probe every {default}")),
                );
                Some(default)
            }
        };
        let timeout = match &check.timeout {
            Some(written) => self.positive_duration(&field.key("timeout"), written),
            None => Some(self.options.health_timeout),
        };
        let unhealthy_interval = match &check.unhealthy_interval {
            Some(written) => self.positive_duration(&field.key("unhealthyInterval"), written),
            None => interval,
        };
        let scheme = self.scheme(&field.key("scheme"), check.scheme.as_deref());
        let port = check
            .port
            .filter(|p| *p != 0)
            .and_then(|port| self.port_number(&field.key("port"), port));
        let headers = self.health_headers(&field.key("headers"), check.headers.as_ref());
        let method = self.health_method(&field.key("method"), check.method.as_deref());
        let mode = self.health_mode(&field.key("mode"), check.mode.as_deref());
        let path = self.health_path(&field.key("path"), check.path.as_deref());
        let status = self.health_status(&field.key("status"), check.status);
        Some(HealthCheck {
            follow_redirects: check.follow_redirects.unwrap_or(true),
            headers,
            hostname: check.hostname.clone().filter(|h| !h.is_empty()),
            interval: interval?,
            method,
            mode,
            path,
            port,
            scheme,
            status,
            timeout: timeout?,
            unhealthy_interval: unhealthy_interval?,
        })
    }

    /// Says that failures of requests are not counted.
    pub(super) fn passive_health_check(
        &mut self,
        field: &Place<'_>,
        check: Option<&crd::PassiveHealthCheck>,
    ) {
        if check.is_some() {
            self.push(field, Code::UnsupportedFeature, "failures of requests are not counted", |finding| {
                finding
                    .severity(Severity::Warning)
                    .effect("an endpoint that fails requests keeps its turns; only connect errors leave it out")
                    .help("use healthCheck, which works for every Service here")
            });
        }
    }

    fn health_mode(&mut self, field: &Place<'_>, mode: Option<&str>) -> HealthMode {
        match mode {
            None | Some("" | "http") => HealthMode::Http,
            Some("grpc") => HealthMode::Grpc,
            Some(other) => {
                let help = one_of(other, &["http", "grpc"]);
                self.add(
                    field,
                    Code::InvalidHealthCheck,
                    format!("the mode {other:?} does not exist"),
                    help,
                );
                HealthMode::Http
            }
        }
    }

    fn health_method(&mut self, field: &Place<'_>, method: Option<&str>) -> String {
        let method = method.filter(|m| !m.is_empty()).unwrap_or("GET");
        if !method.bytes().all(is_token_byte) {
            self.add(
                field,
                Code::InvalidHealthCheck,
                format!("{method:?} is no HTTP method"),
                None,
            );
        }
        method.to_owned()
    }

    fn health_path(&mut self, field: &Place<'_>, path: Option<&str>) -> String {
        let path = path.unwrap_or_default();
        if path.contains("://") || path.starts_with("//") {
            let help = "write the path alone; scheme, port and hostname are fields of their own".to_owned();
            self.add(
                field,
                Code::InvalidHealthCheck,
                format!("{path:?} has a scheme or a host"),
                help,
            );
        } else if path.bytes().any(|b| b <= b' ' || b == 0x7f || b == b'#') {
            self.add(
                field,
                Code::InvalidHealthCheck,
                format!("{path:?} is no path and query"),
                None,
            );
        }
        if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        }
    }

    fn health_status(&mut self, field: &Place<'_>, status: Option<i64>) -> Option<u16> {
        let written = status.filter(|status| *status != 0)?;
        let status = u16::try_from(written)
            .ok()
            .filter(|status| (100..600).contains(status));
        if status.is_none() {
            self.add(
                field,
                Code::InvalidHealthCheck,
                format!("status {written} is outside 100 to 599"),
                None,
            );
        }
        status
    }

    fn health_headers(
        &mut self,
        field: &Place<'_>,
        headers: Option<&BTreeMap<String, String>>,
    ) -> BTreeMap<String, String> {
        for (name, value) in headers.into_iter().flatten() {
            let good_value = value.bytes().all(|b| b == b'\t' || (b >= b' ' && b != 0x7f));
            if name.is_empty() || !name.bytes().all(is_token_byte) || !good_value {
                let message = format!("{name:?} is no header, or its value has control characters");
                self.add(&field.key(name.as_str()), Code::InvalidHealthCheck, message, None);
            }
        }
        headers.cloned().unwrap_or_default()
    }
}

/// RFC 9110, section 5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
