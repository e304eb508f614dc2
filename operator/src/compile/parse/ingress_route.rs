//! IngressRoutes, route by route.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};
use weir_model::{
    crd::{IngressRouteSpec, IngressRouteTls, Route},
    document::{RouteId, SourceKind},
    entry_point::{EntryPoint, Trust},
    hex::hex,
    name::{NamespacedName, check_name, traefik_name},
    path::FieldPath,
    rule::Matcher,
};

use super::{Place, Sink, drop_consequences, spec, traefik_service::source, value::one_of};
use crate::compile::{
    finding::{Code, Severity, did_you_mean},
    form::{PROVIDER, RouteForm, RouteTarget, Tls},
    input::{Entry, IngressRouteInput},
    options::Options,
    rule,
};

/// A route as written.
#[derive(Debug)]
pub(in crate::compile) struct ParsedRoute {
    /// `spec.routes[2]`.
    pub field: FieldPath,
    /// Its place in the list.
    pub position: u32,
    /// Its rule, as far as there is one; reports show it.
    pub rule: String,
    /// Its id: made of the rule's text.
    pub id: RouteId,
    /// The form, if the rule could be read; its target only if its references could be.
    pub form: Option<RouteForm>,
}

/// Whether an IngressRoute's class makes it ours.
pub(in crate::compile) fn is_ours(entry: &Entry<IngressRouteInput>, options: &Options) -> bool {
    options.claims(entry.meta.class.as_deref())
}

/// The routes of an IngressRoute. Findings on fields above the routes concern all of them.
pub(in crate::compile) fn ingress_route(
    sink: &mut Sink<'_>,
    entry: &Entry<IngressRouteInput>,
) -> Vec<ParsedRoute> {
    sink.deviations(&entry.deviations);
    sink.own_name();
    let first = sink.findings.len();
    let Some(input) = &entry.spec else {
        return Vec::new();
    };
    sink.head(&input.head);
    let entry_points = sink.entry_points(&input.head);
    let tls = match &input.head.tls {
        None => Tls::Any,
        Some(tls) => match tls.secret_name.as_deref().filter(|name| check_name(name).is_ok()) {
            None => Tls::Default,
            Some(name) => Tls::Secret(NamespacedName::new(&sink.object.name.namespace, name)),
        },
    };
    let mut repeats: BTreeMap<&str, usize> = BTreeMap::new();
    let list = spec().key("routes");
    let mut routes = Vec::with_capacity(input.routes.len());
    for (position, written) in input.routes.iter().enumerate() {
        let field = list.index(position);
        let rule = written
            .as_ref()
            .and_then(|r| r.rule.as_deref())
            .unwrap_or_default();
        let hash = rule_hash(rule);
        let repeat = repeats.entry(rule).and_modify(|n| *n += 1).or_insert(1);
        let id = RouteId::new(&sink.object.name, &hash).repeat(*repeat);
        let position = u32::try_from(position).unwrap_or(u32::MAX);
        let label = traefik_name(&[&sink.object.name.namespace, &sink.object.name.name, &hash]) + PROVIDER;
        let form = written.as_ref().and_then(|written| {
            let (matcher, target) = sink.route(&field, written, &label);
            let matcher = matcher?;
            Some(RouteForm {
                id: id.clone(),
                source: source(sink, &entry.meta, SourceKind::IngressRoute),
                created: entry.meta.created.clone(),
                entry_points: entry_points.clone(),
                label,
                matcher,
                position,
                priority: written
                    .priority
                    .filter(|p| *p != 0)
                    .unwrap_or_else(|| i64::try_from(rule.len()).unwrap_or(0)),
                rule_length: u32::try_from(rule.len()).unwrap_or(u32::MAX),
                tls: tls.clone(),
                target: target
                    .unwrap_or_else(|| RouteTarget::Unavailable(Code::InvalidSpec.reason().to_owned())),
            })
        });
        routes.push(ParsedRoute {
            field: field.path(),
            position,
            rule: rule.to_owned(),
            id,
            form,
        });
    }
    drop_consequences(sink.findings, first, &entry.deviations);
    routes
}

/// 20 hex digits, as Traefik names its routers.
fn rule_hash(rule: &str) -> String {
    hex(&Sha256::digest(rule)[..10])
}

impl<'a> Sink<'a> {
    /// What stands above the routes.
    fn head(&mut self, head: &IngressRouteSpec) {
        if head.parent_refs.as_ref().is_some_and(|p| !p.is_empty()) {
            self.unsupported(
                &spec().key("parentRefs"),
                "weir has no routes below other routes",
                "write the parent's rule into each rule here, joined by `&&`",
            );
        }
        if let Some(tls) = &head.tls {
            self.tls(&spec().key("tls"), tls);
        }
    }

    fn tls(&mut self, field: &Place<'_>, tls: &IngressRouteTls) {
        if let Some(name) = tls.secret_name.as_deref().filter(|name| !name.is_empty()) {
            self.name(&field.key("secretName"), name);
        }
        if tls.options.is_some() {
            self.unsupported(
                &field.key("options"),
                "weir has no TLSOptions",
                "remove them if TLS 1.2 and 1.3 with any client will do",
            );
        }
        for (key, present) in [
            ("certResolver", tls.cert_resolver.is_some()),
            ("domains", tls.domains.is_some()),
            ("store", tls.store.is_some()),
        ] {
            if present {
                let why = "weir takes certificates from Secrets only; cert-manager can put them there";
                self.ignored(&field.key(key), why, Severity::Warning);
            }
        }
    }

    /// The entry points of all routes, sorted by name.
    fn entry_points(&mut self, head: &IngressRouteSpec) -> Vec<String> {
        let options = self.options;
        let tls = head.tls.is_some();
        let written = head.entry_points.as_deref().unwrap_or_default();
        let mut serving: Vec<&'a EntryPoint> = if written.is_empty() {
            options.default_entry_points().filter(|e| e.tls || !tls).collect()
        } else {
            let field = spec().key("entryPoints");
            let serves = |name: &String| {
                options
                    .entry_points
                    .iter()
                    .any(|e| e.name == *name && (e.tls || !tls))
            };
            let nowhere = !written.iter().any(serves);
            written
                .iter()
                .enumerate()
                .filter_map(|(i, name)| self.entry_point(&field.index(i), name, tls, nowhere))
                .collect()
        };
        if written.is_empty() && serving.is_empty() {
            let message = "the routes have TLS and no default entry point has";
            self.push(&spec().key("tls"), Code::EntryPointNotFound, message, |finding| {
                finding
                    .effect("the routes are served nowhere")
                    .help("name a TLS entry point in spec.entryPoints")
            });
        }
        serving.sort_by(|a, b| a.name.cmp(&b.name));
        serving.dedup_by(|a, b| a.name == b.name);
        self.only_redirected(&serving);
        serving.into_iter().map(|e| e.name.clone()).collect()
    }

    /// Routes whose entry points all redirect. Who is behind a trusted forwarder may be served nevertheless.
    fn only_redirected(&mut self, serving: &[&EntryPoint]) {
        let redirects = |e: &&EntryPoint| e.redirection.is_some() && e.forwarded_headers == Trust::Nobody;
        if serving.is_empty() || !serving.iter().all(redirects) {
            return;
        }
        let names: Vec<_> = serving.iter().map(|e| format!("{:?}", e.name)).collect();
        let message = match &names[..] {
            [name] => format!("the entry point {name} sends all requests to another one"),
            names => format!(
                "the entry points {} send all requests to others",
                names.join(", ")
            ),
        };
        let serves = |e: &&EntryPoint| e.redirection.is_none();
        let others: Vec<_> = self
            .options
            .entry_points
            .iter()
            .filter(serves)
            .map(|e| e.name.as_str())
            .collect();
        self.push(
            &spec().key("entryPoints"),
            Code::OnlyRedirected,
            message,
            |finding| {
                let finding = finding.effect("no request reaches the routes");
                match &others[..] {
                    [] => finding.help("no entry point serves requests; let one be without a redirection"),
                    others => finding.help(format!("name one that serves: {}", others.join(", "))),
                }
            },
        );
    }

    /// The entry point of this name, if it can serve the routes; `nowhere`: if no other one does either.
    fn entry_point(
        &mut self,
        field: &Place<'_>,
        name: &str,
        tls: bool,
        nowhere: bool,
    ) -> Option<&'a EntryPoint> {
        let options = self.options;
        let effect = if nowhere {
            "the routes are served nowhere"
        } else {
            "the routes are not served there"
        };
        let found = options.entry_points.iter().find(|e| e.name == name);
        match found {
            Some(entry_point) if tls && !entry_point.tls => {
                let message = format!("the routes have TLS and the entry point {name:?} has not");
                self.push(field, Code::EntryPointNotFound, message, |finding| {
                    finding
                        .effect(effect)
                        .help("remove spec.tls, or name a TLS entry point")
                });
                None
            }
            Some(entry_point) => Some(entry_point),
            None => {
                let names = || options.entry_points.iter().map(|e| e.name.as_str());
                let help = did_you_mean(name, names()).map_or_else(
                    || format!("configured are: {}", names().collect::<Vec<_>>().join(", ")),
                    |name| format!("did you mean {name:?}?"),
                );
                self.push(
                    field,
                    Code::EntryPointNotFound,
                    format!("there is no entry point {name:?}"),
                    |finding| finding.effect(effect).help(help),
                );
                None
            }
        }
    }

    /// One route's rule and target; both are checked whatever becomes of the other.
    fn route(
        &mut self,
        field: &Place<'_>,
        written: &Route,
        label: &str,
    ) -> (Option<Matcher>, Option<RouteTarget>) {
        match written.kind.as_deref() {
            None | Some("" | "Rule") => {}
            Some(kind) => {
                let help = one_of(kind, &["Rule"]);
                self.add(
                    &field.key("kind"),
                    Code::InvalidKind,
                    format!("the kind {kind:?} does not exist"),
                    help,
                );
            }
        }
        match written.syntax.as_deref() {
            None | Some("" | "v3") => {}
            Some("v2") => self.unsupported(
                &field.key("syntax"),
                "weir reads rules of Traefik v3 only",
                "write the rule in v3 syntax and remove `syntax`",
            ),
            Some(other) => {
                let help = one_of(other, &["v3"]);
                self.add(
                    &field.key("syntax"),
                    Code::InvalidSpec,
                    format!("the syntax {other:?} does not exist"),
                    help,
                );
            }
        }
        if written.observability.is_some() {
            let why = "weir observes all routes alike";
            self.ignored(&field.key("observability"), why, Severity::Warning);
        }
        if written.middlewares.as_ref().is_some_and(|m| !m.is_empty()) {
            self.unsupported(
                &field.key("middlewares"),
                "weir has no middlewares",
                "remove them if requests may pass without; what they do would be missing",
            );
        }
        let matcher = written
            .rule
            .as_deref()
            .and_then(|rule| self.rule(&field.key("match"), rule));
        (matcher, self.route_target(&field.key("services"), written, label))
    }

    fn rule(&mut self, field: &Place<'_>, rule: &str) -> Option<Matcher> {
        match rule::parse(rule) {
            Ok(parsed) => {
                for warning in parsed.warnings {
                    self.push(field, Code::RuleNeverMatches, warning.message, |finding| {
                        finding
                            .within(&warning.span)
                            .effect("no request matches this part of the rule")
                            .maybe_help(warning.help)
                    });
                }
                Some(parsed.matcher)
            }
            Err(errors) => {
                for error in errors {
                    self.push(field, Code::InvalidRule, error.message, |finding| {
                        finding.within(&error.span).maybe_help(error.help)
                    });
                }
                None
            }
        }
    }

    fn route_target(&mut self, field: &Place<'_>, written: &Route, label: &str) -> Option<RouteTarget> {
        match written.services.as_deref().unwrap_or_default() {
            [] => {
                self.add(field, Code::InvalidSpec, "the route has no services", None);
                None
            }
            [service] => {
                let field = field.index(0);
                if service.weight.is_some() {
                    let why = "a weight has a meaning among several services only";
                    self.ignored(&field.key("weight"), why, Severity::Info);
                }
                self.reference(&field, service, Some(label)).map(RouteTarget::One)
            }
            several => Some(RouteTarget::Several(self.children(field, several))),
        }
    }
}
