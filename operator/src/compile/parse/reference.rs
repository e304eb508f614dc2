//! References to Services and TraefikServices.

use weir_model::{
    crd::ServiceRef,
    document::{Mode, ServiceReference},
    name::NamespacedName,
};

use super::{
    Place, Sink,
    value::{DEFAULT_FLUSH_INTERVAL, one_of},
};
use crate::compile::{
    finding::{Code, Severity},
    form::{LeafForm, PROVIDER, RefTarget, Reference, service_port_name},
};

impl Sink<'_> {
    /// A reference made by `field` of this object. `label` is Traefik's name of a Service that is not
    /// called after itself. Nothing when it cannot be one.
    pub(super) fn reference(
        &mut self,
        field: &Place<'_>,
        written: &ServiceRef,
        label: Option<&str>,
    ) -> Option<Reference> {
        // that it is missing was said by the schema
        let name = written.name.as_deref()?;
        let named = self.name(&field.key("name"), name);
        let own = self.object.name.namespace.as_str();
        let namespace = written
            .namespace
            .as_deref()
            .filter(|namespace| !namespace.is_empty());
        let placed = namespace.is_none_or(|name| self.name(&field.key("namespace"), name).is_some());
        let namespace = namespace.unwrap_or(own);
        if written.middlewares.as_ref().is_some_and(|m| !m.is_empty()) {
            self.unsupported(
                &field.key("middlewares"),
                "weir has no middlewares",
                "remove them if requests may pass without; what they do would be missing",
            );
        }
        let target = match written.kind.as_deref() {
            None | Some("" | "Service") => Some(self.leaf(field, written, name, namespace, label)),
            Some("TraefikService") => {
                self.only_for_services(field, written);
                Some(RefTarget::TraefikService(NamespacedName::new(namespace, name)))
            }
            Some(kind) => {
                let help = one_of(kind, &["Service", "TraefikService"]);
                self.add(
                    &field.key("kind"),
                    Code::InvalidKind,
                    format!("the kind {kind:?} cannot get traffic"),
                    help,
                );
                None
            }
        };
        named.filter(|()| placed)?;
        Some(Reference {
            field: field.path(),
            to: target?,
        })
    }

    /// Everything about a reference to a Service. What cannot be read is as if it were not there: the
    /// findings refuse it anyway.
    fn leaf(
        &mut self,
        field: &Place<'_>,
        written: &ServiceRef,
        name: &str,
        namespace: &str,
        label: Option<&str>,
    ) -> RefTarget {
        let transport = written
            .servers_transport
            .as_deref()
            .filter(|name| !name.is_empty())
            .filter(|name| self.name(&field.key("serversTransport"), name).is_some());
        let mode = match (written.native_lb, written.node_port_lb) {
            (Some(true), _) => Mode::ClusterIp,
            (_, Some(true)) => Mode::NodePort,
            _ => Mode::Endpoints,
        };
        let reference = ServiceReference {
            mode,
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            port: self.service_port(&field.key("port"), written.port.as_ref()),
            scheme: self.scheme(&field.key("scheme"), written.scheme.as_deref()),
            transport: transport.map(str::to_owned),
        };
        self.strategy(&field.key("strategy"), written.strategy.as_deref());
        self.passive_health_check(
            &field.key("passiveHealthCheck"),
            written.passive_health_check.as_ref(),
        );
        let label = label.map_or_else(
            || format!("{}{PROVIDER}", service_port_name(&reference)),
            str::to_owned,
        );
        let flush = written
            .response_forwarding
            .as_ref()
            .and_then(|f| f.flush_interval.as_deref());
        let forwarding = field.key("responseForwarding");
        let flush_field = forwarding.key("flushInterval");
        let flush_interval = flush.and_then(|text| self.flush_interval(&flush_field, text));
        let sticky = self.sticky(&field.key("sticky"), written.sticky.as_ref(), &label);
        let health_check = self.health_check(&field.key("healthCheck"), written.health_check.as_ref());
        RefTarget::Service(Box::new(LeafForm {
            label,
            reference,
            flush_interval: flush_interval.unwrap_or(DEFAULT_FLUSH_INTERVAL),
            health_check,
            pass_host_header: written.pass_host_header.unwrap_or(true),
            sticky,
        }))
    }

    /// Fields that mean nothing on a reference to a TraefikService. `port` is common there (tools write
    /// it), so it is worth less of a word.
    fn only_for_services(&mut self, field: &Place<'_>, written: &ServiceRef) {
        let present = [
            ("healthCheck", written.health_check.is_some()),
            ("nativeLB", written.native_lb.is_some()),
            ("nodePortLB", written.node_port_lb.is_some()),
            ("passHostHeader", written.pass_host_header.is_some()),
            ("passiveHealthCheck", written.passive_health_check.is_some()),
            ("port", written.port.is_some()),
            ("responseForwarding", written.response_forwarding.is_some()),
            ("scheme", written.scheme.is_some()),
            ("serversTransport", written.servers_transport.is_some()),
            ("sticky", written.sticky.is_some()),
            ("strategy", written.strategy.is_some()),
        ];
        for (key, _) in present.into_iter().filter(|(_, present)| *present) {
            let severity = if key == "port" {
                Severity::Info
            } else {
                Severity::Warning
            };
            let why = format!(
                "`{key}` has a meaning for a Service only; set it where the TraefikService names one"
            );
            self.ignored(&field.key(key), &why, severity);
        }
    }

    fn strategy(&mut self, field: &Place<'_>, strategy: Option<&str>) {
        match strategy {
            None | Some("" | "wrr" | "RoundRobin") => {}
            Some(other @ ("p2c" | "leasttime")) => {
                self.push(
                    field,
                    Code::UnsupportedFeature,
                    format!("weir has no strategy {other:?}"),
                    |finding| {
                        finding
                            .severity(Severity::Warning)
                            .effect("the endpoints take turns instead")
                            .help("write wrr, or leave it out")
                    },
                );
            }
            Some("hrw") => self.unsupported(
                field,
                "weir has no strategy \"hrw\"",
                "use sticky.cookie to keep clients at their endpoint, or leave the strategy out",
            ),
            Some(other) => {
                let help = one_of(other, &["wrr", "RoundRobin"]);
                self.add(
                    field,
                    Code::InvalidSpec,
                    format!("the strategy {other:?} does not exist"),
                    help,
                );
            }
        }
    }
}
