//! Forms out of the previous config: what was accepted before outlives a bad edit.

use std::collections::BTreeMap;

use weir_model::{
    document::{Config, Leaf, Node, NodeId, NodeSpec, Route, RouteId, RouteTls, Source, SourceKind, Target},
    name::NamespacedName,
    path::FieldPath,
};

use super::{LeafForm, RefTarget, Reference, RouteForm, RouteTarget, ServiceForm, Shape, Tls};

/// The form of a TraefikService that the config serves, if that is of the object with this uid.
pub fn service(config: &Config, name: &NamespacedName, uid: &str) -> Option<ServiceForm> {
    let node = config.nodes.get(&NodeId::traefik_service(name))?;
    (node.source.uid == uid).then_some(())?;
    Some(ServiceForm {
        source: node.source.clone(),
        shape: shape(config, node)?,
    })
}

/// The routes that the config serves for the IngressRoute with this uid.
pub fn routes(config: &Config, name: &NamespacedName, uid: &str) -> BTreeMap<RouteId, RouteForm> {
    let of_object = |source: &Source| {
        source.kind == SourceKind::IngressRoute
            && source.namespace == name.namespace
            && source.name == name.name
            && source.uid == uid
    };
    let first = RouteId::new(name, "");
    config
        .routes
        .range(&first..)
        .take_while(|(id, _)| id.as_str().starts_with(first.as_str()))
        .filter(|(_, r)| of_object(&r.source))
        .filter_map(|(id, r)| Some((id.clone(), route(config, id, r)?)))
        .collect()
}

fn route(config: &Config, id: &RouteId, route: &Route) -> Option<RouteForm> {
    let target = match &route.target {
        Target::Unavailable(reason) => RouteTarget::Unavailable(reason.clone()),
        Target::Node(node_id) => {
            let node = config.nodes.get(node_id)?;
            // the node of a route over several services has the route's own id
            if *node_id == NodeId::route(id) {
                let Shape::Weighted { children, .. } = shape(config, node)? else {
                    return None;
                };
                RouteTarget::Several(children)
            } else {
                RouteTarget::One(reference(node)?)
            }
        }
    };
    Some(RouteForm {
        id: id.clone(),
        source: route.source.clone(),
        created: route.created.clone(),
        entry_points: route.entry_points.clone(),
        label: route.label.clone(),
        matcher: route.matcher.clone(),
        position: route.position,
        priority: route.priority,
        rule_length: route.rule_length,
        tls: match &route.tls {
            None => Tls::Any,
            Some(RouteTls { secret: None, .. }) => Tls::Default,
            Some(RouteTls {
                secret: Some(name), ..
            }) => Tls::Secret(NamespacedName::new(&route.source.namespace, name)),
        },
        target,
    })
}

fn shape(config: &Config, node: &Node) -> Option<Shape> {
    let follow = |id: &NodeId| config.nodes.get(id).and_then(reference);
    match &node.spec {
        NodeSpec::Weighted(weighted) => {
            let children = weighted
                .children
                .iter()
                .map(|child| Some((follow(&child.node)?, child.weight)));
            Some(Shape::Weighted {
                children: children.collect::<Option<_>>()?,
                sticky: weighted.sticky.clone(),
            })
        }
        NodeSpec::Mirror(mirror) => Some(Shape::Mirror {
            main: Box::new(follow(&mirror.main)?),
            mirrors: mirror
                .mirrors
                .iter()
                .map(|m| Some((follow(&m.node)?, m.percent)))
                .collect::<Option<_>>()?,
            max_body_size: mirror.max_body_size,
            mirror_body: mirror.mirror_body,
        }),
        NodeSpec::Leaf(_) | NodeSpec::Missing(_) => None,
    }
}

/// What refers to a node, said again.
fn reference(node: &Node) -> Option<Reference> {
    let to = match &node.spec {
        NodeSpec::Leaf(leaf) => RefTarget::Service(Box::new(leaf_form(node, leaf))),
        NodeSpec::Missing(missing) => {
            RefTarget::TraefikService(NamespacedName::new(&missing.namespace, &missing.name))
        }
        NodeSpec::Weighted(_) | NodeSpec::Mirror(_) if node.source.kind == SourceKind::TraefikService => {
            RefTarget::TraefikService(NamespacedName::new(&node.source.namespace, &node.source.name))
        }
        NodeSpec::Weighted(_) | NodeSpec::Mirror(_) => return None,
    };
    Some(Reference {
        field: FieldPath::root(),
        to,
    })
}

fn leaf_form(node: &Node, leaf: &Leaf) -> LeafForm {
    LeafForm {
        label: node.label.clone(),
        reference: leaf.reference.clone(),
        flush_interval: leaf.flush_interval,
        health_check: leaf.health_check.clone(),
        pass_host_header: leaf.pass_host_header,
        sticky: leaf.sticky.clone(),
    }
}
