//! Which route a request belongs to, at each entry point.

use std::{collections::BTreeSet, sync::Arc};

use thiserror::Error;
use weir_model::{
    document::{Config, Route, RouteId},
    entry_point::EntryPoint,
};

use crate::router::{BuildError, RequestView, Table};

/// The routes of each entry point, found by a request. Depends on the config alone: snapshots that
/// differ in their endpoints share it.
#[derive(Debug, Default)]
pub struct Routing {
    entry_points: Box<[EntryPointRoutes]>,
    /// Names in routes that the process has no entry point for, sorted.
    pub unknown_entry_points: Box<[Arc<str>]>,
}

#[derive(Debug)]
struct EntryPointRoutes {
    table: Table,
    /// By rank in the table: the route's place among all, which are sorted by id.
    routes: Box<[u32]>,
}

/// A route whose rule cannot be loaded.
#[derive(Debug, Error)]
#[error("route {route}: {source}")]
pub struct RoutingError {
    route: RouteId,
    source: BuildError,
}

impl Routing {
    /// The tables of `entry_points`, in their order.
    pub fn build(config: &Config, entry_points: &[EntryPoint]) -> Result<Self, RoutingError> {
        let mut ranked: Vec<_> = (0_u32..)
            .zip(&config.routes)
            .map(|(index, (id, route))| (route.precedence(id), Ranked { id, index, route }))
            .collect();
        ranked.sort_unstable_by_key(|(precedence, _)| *precedence);
        let ranked: Vec<_> = ranked.into_iter().map(|(_, ranked)| ranked).collect();
        let tables = entry_points
            .iter()
            .map(|entry_point| EntryPointRoutes::build(entry_point, &ranked));
        let known: BTreeSet<_> = entry_points.iter().map(|entry_point| &entry_point.name).collect();
        let named: BTreeSet<_> = config
            .routes
            .values()
            .flat_map(|route| &route.entry_points)
            .collect();
        Ok(Self {
            entry_points: tables.collect::<Result<_, _>>()?,
            unknown_entry_points: named
                .difference(&known)
                .map(|name| name.as_str().into())
                .collect(),
        })
    }

    /// The place, among all routes by id, of the one that a request at an entry point belongs to.
    pub(super) fn find(&self, entry_point: usize, request: &RequestView<'_>) -> Option<usize> {
        let EntryPointRoutes { table, routes } = self.entry_points.get(entry_point)?;
        routes.get(table.find(request)?).map(|index| *index as usize)
    }
}

/// A route, and its place in the order of ids.
struct Ranked<'a> {
    id: &'a RouteId,
    index: u32,
    route: &'a Route,
}

impl EntryPointRoutes {
    fn build(entry_point: &EntryPoint, ranked: &[Ranked<'_>]) -> Result<Self, RoutingError> {
        let served: Vec<_> = ranked
            .iter()
            .filter(|ranked| serves(entry_point, ranked.route))
            .collect();
        let matchers: Vec<_> = served.iter().map(|ranked| &ranked.route.matcher).collect();
        match Table::build(&matchers) {
            Ok(table) => Ok(Self {
                table,
                routes: served.iter().map(|ranked| ranked.index).collect(),
            }),
            Err(source) => Err(RoutingError {
                route: served[source.rule].id.clone(),
                source,
            }),
        }
    }
}

/// Whether a route that wants TLS or does not care is served at an entry point.
fn serves(entry_point: &EntryPoint, route: &Route) -> bool {
    (entry_point.tls || route.tls.is_none()) && route.entry_points.contains(&entry_point.name)
}
