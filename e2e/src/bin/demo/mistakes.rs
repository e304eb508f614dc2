//! The five mistakes that people make most.

use anyhow::Result;

use crate::{expected::Shares, scene::Scene};

/// A mistake in the manifests.
#[derive(Debug)]
pub struct Mistake {
    /// What is wrong.
    pub title: &'static str,
    /// The change that makes it.
    pub change: Change,
    /// The finding that has to be there.
    pub code: &'static str,
    /// Whether it is an error, so that `compile` ends with 1.
    pub is_error: bool,
    /// What becomes of the traffic.
    pub effect: &'static str,
    /// The shares that result from those before.
    pub shares: fn(Shares) -> Shares,
}

/// A change that makes a mistake.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// In a manifest, a text becomes another one.
    Edit {
        /// The manifest.
        file: &'static str,
        /// What it says.
        from: &'static str,
        /// What it then says.
        to: &'static str,
    },
    /// A Service loses its pods.
    NoPods(&'static str),
}

impl Change {
    /// Makes it.
    pub fn make(self, scene: &Scene) -> Result<()> {
        match self {
            Self::Edit { file, from, to } => scene.edit(file, from, to),
            Self::NoPods(service) => scene.write_slices(Some(service)),
        }
    }

    /// Takes it back.
    pub fn mend(self, scene: &Scene) -> Result<()> {
        match self {
            Self::Edit { file, from, to } => scene.edit(file, to, from),
            Self::NoPods(_) => scene.write_slices(None),
        }
    }
}

/// In the order in which they are shown.
pub const MISTAKES: [Mistake; 5] = [
    Mistake {
        title: "a cycle: wrr2 refers back to wrr1",
        change: Change::Edit {
            file: "weighted.yaml",
            from: "      - name: svc3\n        port: 80\n",
            to: "      - name: wrr1\n        kind: TraefikService\n",
        },
        code: "WEIR0003",
        is_error: true,
        effect: "refused; both keep being served as they were",
        shares: |before| before,
    },
    Mistake {
        title: "percent: 150",
        change: Change::Edit {
            file: "mirroring.yaml",
            from: "percent: 20",
            to: "percent: 150",
        },
        code: "WEIR0007",
        is_error: true,
        effect: "refused; mirror1 keeps being served as it was",
        shares: |before| before,
    },
    Mistake {
        title: "an @ in a name",
        change: Change::Edit {
            file: "weighted.yaml",
            from: "name: mirror1\n",
            to: "name: mirror1@kubernetescrd\n",
        },
        code: "WEIR0002",
        is_error: true,
        effect: "refused; wrr1 keeps being served as it was",
        shares: |before| before,
    },
    Mistake {
        title: "a Service that does not exist",
        change: Change::Edit {
            file: "weighted.yaml",
            from: "name: svc1\n",
            to: "name: svc9\n",
        },
        code: "WEIR0020",
        is_error: true,
        effect: "passed over; wrr2 and mirror1 share by their weights, 2 : 1",
        shares: |before| Shares {
            wrr1: [0, before.wrr1[1], before.wrr1[2]],
            ..before
        },
    },
    Mistake {
        title: "a Service without endpoints: svc3's pods are gone",
        change: Change::NoPods("svc3"),
        code: "WEIR0049",
        is_error: false,
        effect: "passed over; all of wrr2 goes to svc2, and nothing is copied to svc3",
        shares: |before| Shares {
            wrr2: [before.wrr2[0], 0],
            copied: [before.copied[0], 0],
            ..before
        },
    },
];
