//! The manifests for Kubernetes, without a cluster: that they build, that Kubernetes knows every field,
//! and that they fit the images, the data and the cloud in containers.
//!
//! Each rule is a function of a [`World`], which gives a line for each mistake. `seeded` breaks the
//! manifests on purpose, and sees that each rule finds it.

// A test fails by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod data;
mod guide;
mod images;
mod monitoring;
mod pods;
mod rules;
mod same;
mod schema;
mod seeded;
mod store;
mod world;

use world::{OVERLAYS, World};

#[test]
fn the_overlays_keep_all_rules() {
    for overlay in OVERLAYS {
        let world = World::of(overlay);
        let mistakes: Vec<_> = rules::ALL
            .iter()
            .flat_map(|(name, rule)| {
                rule(&world).into_iter().map(move |line| format!("{name}: {line}"))
            })
            .collect();
        assert!(mistakes.is_empty(), "{overlay}:\n{}", mistakes.join("\n"));
    }
}

/// The pods for people; what they name is in the overlays.
#[test]
fn the_tools_keep_the_rules_of_pods() {
    let world = World::of("tools");
    let of_pods = [
        "images are those of dockerfiles",
        "no more privileges than needed",
        "pods say what they need",
        "control and compute plane are apart",
        "environments are in order",
        "no secret in clear",
    ];
    for (name, rule) in rules::ALL.iter().filter(|(name, _)| of_pods.contains(name)) {
        assert_eq!(rule(&world), Vec::<String>::new(), "{name}");
    }
    assert_eq!(world.pods().count(), 2);
}
