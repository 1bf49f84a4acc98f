//! Mistakes that are made on purpose: each rule finds its own.

mod access;
mod data;
mod images;
mod others;
mod pods;
mod references;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::rules;
use crate::world::World;

/// A rule, what breaks the manifests, and what the rule says then.
type Mistake = (&'static str, fn(&mut World), &'static str);

fn mistakes() -> impl Iterator<Item = &'static Mistake> {
    let all = [
        access::MISTAKES,
        data::MISTAKES,
        images::MISTAKES,
        others::MISTAKES,
        pods::MISTAKES,
        references::MISTAKES,
    ];
    all.into_iter().flatten()
}

#[test]
fn each_mistake_is_found() {
    let whole = World::of("ha");
    for (name, breaks, said) in mistakes() {
        let mut world = whole.clone();
        breaks(&mut world);
        let (_, rule) = rules::ALL.iter().find(|(rule, _)| rule == name).expect(name);
        let found = rule(&world).join("\n");
        assert!(found.contains(said), "{name}: {said:?} is not in:\n{found}");
    }
}

#[test]
fn each_rule_has_a_mistake() {
    let seeded: BTreeSet<_> = mistakes().map(|(name, _, _)| *name).collect();
    let rules: BTreeSet<_> = rules::ALL.iter().map(|(name, _)| *name).collect();
    assert_eq!(seeded, rules);
}

fn pod<'a>(world: &'a mut World, kind: &str, name: &str) -> &'a mut Value {
    &mut world.find_mut(kind, name)["spec"]["template"]["spec"]
}

fn container<'a>(world: &'a mut World, kind: &str, name: &str) -> &'a mut Value {
    &mut pod(world, kind, name)["containers"][0]
}

fn labels<'a>(
    world: &'a mut World,
    kind: &str,
    name: &str,
) -> &'a mut serde_json::Map<String, Value> {
    let template = &mut world.find_mut(kind, name)["spec"]["template"];
    template["metadata"]["labels"].as_object_mut().unwrap()
}

fn push(value: &mut Value, list: &str, element: Value) {
    value[list].as_array_mut().unwrap().push(element);
}

fn remove(world: &mut World, kind: &str, name: &str) {
    let gone = world.find_mut(kind, name).clone();
    world.objects.retain(|object| *object != gone);
}
