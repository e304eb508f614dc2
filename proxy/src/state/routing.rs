//! Which route a request belongs to, at each entry point.

use std::{collections::BTreeSet, sync::Arc};

use weir_model::{
    document::{Config, Route},
    entry_point::EntryPoint,
};

use crate::router::{BuildError, RequestView, Table};

/// The routes of each entry point, found by a request. Depends on the config alone: snapshots that
/// differ in their endpoints share it.
#[derive(Debug)]
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

impl Routing {
    /// The tables of `entry_points`, in their order. Fails when a rule cannot be indexed.
    pub fn build(config: &Config, entry_points: &[EntryPoint]) -> Result<Self, BuildError> {
        let mut ranked: Vec<_> = (0_u32..)
            .zip(&config.routes)
            .map(|(index, (id, route))| (route.precedence(id), index, route))
            .collect();
        ranked.sort_unstable_by_key(|(precedence, ..)| *precedence);
        let routes_of = |entry_point| {
            let served = || ranked.iter().filter(|(.., route)| serves(entry_point, route));
            let matchers: Vec<_> = served().map(|(.., route)| &route.matcher).collect();
            let routes = served().map(|(_, index, _)| *index).collect();
            Ok(EntryPointRoutes {
                table: Table::build(&matchers)?,
                routes,
            })
        };
        let known: BTreeSet<&str> = entry_points
            .iter()
            .map(|entry_point| entry_point.name.as_str())
            .collect();
        let named: BTreeSet<&str> = config
            .routes
            .values()
            .flat_map(|route| &route.entry_points)
            .map(String::as_str)
            .collect();
        Ok(Self {
            entry_points: entry_points.iter().map(routes_of).collect::<Result<_, _>>()?,
            unknown_entry_points: named.difference(&known).map(|name| Arc::from(*name)).collect(),
        })
    }

    /// The place, among all routes by id, of the one that a request at an entry point belongs to.
    pub(super) fn find(&self, entry_point: usize, request: &RequestView<'_>) -> Option<usize> {
        let EntryPointRoutes { table, routes } = self.entry_points.get(entry_point)?;
        routes.get(table.find(request)?).map(|index| *index as usize)
    }
}

/// Whether a route that wants TLS or does not care is served at an entry point.
fn serves(entry_point: &EntryPoint, route: &Route) -> bool {
    (entry_point.tls || route.tls.is_none()) && route.entry_points.contains(&entry_point.name)
}
