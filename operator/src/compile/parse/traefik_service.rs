//! TraefikServices.

use weir_model::{
    crd::{Mirroring, ServiceRef, TraefikServiceSpec, Weighted},
    document::{Source, SourceKind},
    weight::{Percent, Weight},
};

use super::{Place, Sink, drop_consequences, spec};
use crate::compile::{
    finding::{Code, Severity},
    form::{PROVIDER, Reference, ServiceForm, Shape, traefik_service_name},
    input::{Entry, Meta},
};

/// The form of a TraefikService; nothing when it has none. Whether it is accepted depends on the findings:
/// of an object that they refuse, the form has what could be read, for what there is to say about it.
pub(in crate::compile) fn traefik_service(
    sink: &mut Sink<'_>,
    entry: &Entry<TraefikServiceSpec>,
) -> Option<ServiceForm> {
    sink.deviations(&entry.deviations);
    sink.own_name();
    let first = sink.findings.len();
    let shape = sink.shape(entry.spec.as_ref()?);
    drop_consequences(sink.findings, first, &entry.deviations);
    let shape = shape?;
    Some(ServiceForm {
        source: source(sink, &entry.meta, SourceKind::TraefikService),
        shape,
    })
}

/// Where what is made of this object comes from.
pub(super) fn source(sink: &Sink<'_>, meta: &Meta, kind: SourceKind) -> Source {
    Source {
        generation: meta.generation,
        kind,
        name: sink.object.name.name.clone(),
        namespace: sink.object.name.namespace.clone(),
        uid: meta.uid.clone(),
    }
}

impl Sink<'_> {
    fn shape(&mut self, written: &TraefikServiceSpec) -> Option<Shape> {
        let kinds = [
            ("weighted", written.weighted.is_some()),
            ("mirroring", written.mirroring.is_some()),
            ("highestRandomWeight", written.highest_random_weight.is_some()),
            ("failover", written.failover.is_some()),
        ];
        let set: Vec<&str> = kinds
            .iter()
            .filter(|(_, set)| *set)
            .map(|(name, _)| *name)
            .collect();
        match set.as_slice() {
            [] => {
                let help = "set one of `weighted` and `mirroring`".to_owned();
                self.add(
                    spec(),
                    Code::NoServiceType,
                    "the TraefikService does nothing",
                    help,
                );
            }
            [_] => {}
            several => {
                let message = format!(
                    "{} are set, and a TraefikService does one thing",
                    several.join(" and ")
                );
                let help = "make a TraefikService of each and let one refer to the other".to_owned();
                self.add(spec(), Code::AmbiguousServiceType, message, help);
            }
        }
        for name in set
            .iter()
            .filter(|name| matches!(**name, "highestRandomWeight" | "failover"))
        {
            self.unsupported(
                &spec().key(name),
                &format!("weir has no `{name}`"),
                "use `weighted`; a child without endpoints is passed over there",
            );
        }
        let weighted = written
            .weighted
            .as_ref()
            .map(|w| self.weighted(&spec().key("weighted"), w));
        let mirroring = written
            .mirroring
            .as_ref()
            .and_then(|m| self.mirroring(&spec().key("mirroring"), m));
        weighted.or(mirroring)
    }

    fn weighted(&mut self, field: &Place<'_>, written: &Weighted) -> Shape {
        let name = format!("{}{PROVIDER}", traefik_service_name(&self.object.name));
        let sticky = self.sticky(&field.key("sticky"), written.sticky.as_ref(), &name);
        let services = written.services.as_deref().unwrap_or_default();
        let field = field.key("services");
        let children = self.children(&field, services);
        if sticky.is_none() {
            self.sticky_gap(&field, services);
        }
        Shape::Weighted { children, sticky }
    }

    /// Weighted references, as far as they can be read.
    pub(super) fn children(
        &mut self,
        field: &Place<'_>,
        services: &[ServiceRef],
    ) -> Vec<(Reference, Weight)> {
        let some_weights = services.iter().any(|s| s.weight.is_some());
        let mut children = Vec::with_capacity(services.len());
        for (i, service) in services.iter().enumerate() {
            let field = field.index(i);
            let weight = self.weight(&field, service, some_weights);
            let reference = self.reference(&field, service, None);
            children.extend(reference.map(|reference| (reference, weight)));
        }
        if services.iter().all(|service| service.weight == Some(0)) {
            let message = if services.is_empty() {
                "there are no services"
            } else {
                "every weight is 0"
            };
            self.push(field, Code::NoUsableWeight, message, |finding| {
                finding
                    .effect("no new requests are served here: they get 503 `no available server`, or a parent's other children")
                    .help("give at least one service a weight above 0")
            });
        }
        children
    }

    fn weight(&mut self, field: &Place<'_>, service: &ServiceRef, some_weights: bool) -> Weight {
        let Some(written) = service.weight else {
            if some_weights {
                self.push(
                    field,
                    Code::ImplicitWeight,
                    "no weight beside weights that are written",
                    |finding| {
                        finding
                            .effect("it counts as 1, not as 0")
                            .help("write `weight: 0` or `weight: 1`, whichever is meant")
                    },
                );
            }
            return Weight::default();
        };
        Weight::try_from(written).unwrap_or_else(|error| {
            self.add(&field.key("weight"), Code::InvalidWeight, error.to_string(), None);
            Weight::default()
        })
    }

    fn sticky_gap(&mut self, field: &Place<'_>, services: &[ServiceRef]) {
        let sticky = |s: &ServiceRef| s.sticky.as_ref().is_some_and(|s| s.cookie.is_some());
        if services.len() > 1 && services.iter().any(sticky) {
            self.push(
                field,
                Code::StickyGap,
                "children are sticky and the choice between them is not",
                |finding| {
                    finding
                        .effect(
                            "a client may get another child at each request, and loses its endpoint with it",
                        )
                        .help("set `sticky` on the parent too")
                },
            );
        }
    }

    fn mirroring(&mut self, field: &Place<'_>, written: &Mirroring) -> Option<Shape> {
        let main = self.reference(field, &written.main, None);
        self.no_weight(field, &written.main);
        let list = field.key("mirrors");
        let mut mirrors = Vec::new();
        for (i, mirror) in written.mirrors.iter().flatten().enumerate() {
            let field = list.index(i);
            let percent = Percent::try_from(mirror.percent.unwrap_or_default());
            if let Err(error) = &percent {
                let help = "write how many of 100 requests shall be copied".to_owned();
                self.add(
                    &field.key("percent"),
                    Code::InvalidPercent,
                    error.to_string(),
                    help,
                );
            }
            self.no_weight(&field, &mirror.service);
            let reference = self.reference(&field, &mirror.service, None);
            mirrors.extend(reference.map(|reference| (reference, percent.unwrap_or_default())));
        }
        // any negative number means no limit, as in Traefik
        let max_body_size = written.max_body_size.and_then(|bytes| u64::try_from(bytes).ok());
        let mirror_body = written.mirror_body.unwrap_or(true);
        if mirror_body && max_body_size.is_none() && !mirrors.is_empty() {
            self.push(
                field,
                Code::UnboundedMirrorBody,
                "maxBodySize is unlimited",
                |finding| {
                    finding
                        .effect("only the proxy's own limit for all copies decides which bodies are copied")
                        .help("set maxBodySize to what the mirrors need, in bytes")
                },
            );
        }
        Some(Shape::Mirror {
            main: Box::new(main?),
            mirrors,
            max_body_size,
            mirror_body,
        })
    }

    fn no_weight(&mut self, field: &Place<'_>, service: &ServiceRef) {
        if service.weight.is_some() {
            self.ignored(
                &field.key("weight"),
                "a weight has a meaning among weighted services only",
                Severity::Warning,
            );
        }
    }
}
