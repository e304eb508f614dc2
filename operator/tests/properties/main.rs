//! The compiler over random graphs and random sequences of edits: what holds whatever people write.

// Lints make an exception for tests where they see this attribute.
#[cfg(test)]
mod holds;
#[cfg(test)]
mod large;
#[cfg(test)]
mod world;

use proptest::prelude::*;
use weir_model::document::Config;
use weir_operator::compile::{Compilation, Options, compile, report::State};

use self::world::Edit;

#[cfg(test)]
fn options(cross_namespace: bool, max_depth: usize, max_nodes: usize) -> Options {
    Options {
        allow_cross_namespace: cross_namespace,
        max_depth,
        max_nodes,
        ..Options::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    /// One edit after the other, each compiled with what was published before.
    #[test]
    fn everything_published_holds(
        first in world::any_world(),
        edits in prop::collection::vec(world::any_edit(), 0..8),
        cross_namespace: bool,
        (max_depth, max_nodes) in (2..6_usize, 4..40_usize),
        order in any::<u64>(),
    ) {
        let options = options(cross_namespace, max_depth, max_nodes);
        let mut world = first;
        let mut previous = Config::default();
        for step in std::iter::once(None).chain(edits.into_iter().map(Some)) {
            if let Some(Edit { object, content }) = step {
                world.apply(object, content);
            }
            let compilation = compile(&world.snapshot(), &options, &previous);
            holds::documents_are_valid(&compilation);
            holds::findings_are_complete(&world, &compilation);
            holds::revisions_tell_what_changed(&compilation.config, &previous);
            holds::what_was_accepted_is_still_served(&world, &compilation, &previous);
            holds::only_findings_keep_something_from_being_served(&compilation);
            let again = compile(&world.snapshot(), &options, &compilation.config);
            prop_assert!(again == compilation, "a second compile: {again:#?}\n{compilation:#?}");
            let shuffled = compile(&world.shuffled(order), &options, &previous);
            prop_assert!(shuffled == compilation, "another order of the input");
            prop_assert_eq!(holds::texts(&shuffled), holds::texts(&compilation));
            previous = Config::clone(&compilation.config);
        }
        // whatever was wrong before: once mended, nothing of it is left
        world.mend();
        let options = Options { max_depth: 64, max_nodes: 1000, ..options };
        let mended = compile(&world.snapshot(), &options, &previous);
        let fresh = compile(&world.snapshot(), &options, &Config::default());
        prop_assert_eq!(holds::without_revisions(&mended.config), holds::without_revisions(&fresh.config));
        let same_findings = mended.findings == fresh.findings;
        prop_assert!(same_findings, "{:#?}\n{:#?}", mended.findings, fresh.findings);
        prop_assert!(all_served(&mended), "{:#?}", mended.reports);
    }
}

#[cfg(test)]
fn all_served(compilation: &Compilation) -> bool {
    let reports = &compilation.reports;
    let routes = reports.ingress_routes.values().flat_map(|report| &report.routes);
    reports
        .services
        .values()
        .map(|report| report.state)
        .chain(routes.map(|route| route.state))
        .all(|state| state == State::Served)
}
