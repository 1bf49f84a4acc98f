//! Kubernetes knows every field, in all versions that are supported.

use crate::world::{FOLDERS, built, judge};

/// The oldest and the newest that the manifests are for, and one in between.
const VERSIONS: [&str; 4] = ["check", "1.31", "1.34", "1.37"];

#[test]
fn every_version_knows_every_field() {
    for (name, folder) in FOLDERS {
        let (code, out) = judge(&VERSIONS, &built(folder));
        assert_eq!((code, out.as_str()), (0, "\n"), "{name}");
    }
}

#[test]
fn mistakes_are_named() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers: [{name: c, image: i}]\n";
    assert_eq!(judge(&VERSIONS, pod).0, 0);
    for (mistake, said) in [
        (
            "  hostNetwrok: true\n",
            "Pod p: spec: Additional properties are not allowed ('hostNetwrok'",
        ),
        (
            "  terminationGracePeriodSeconds: long\n",
            "Pod p: spec.terminationGracePeriodSeconds: 'long'",
        ),
        (
            "---\napiVersion: apps/v1beta1\nkind: Deployment\nmetadata: {name: d}\n",
            "Deployment d: Couldn't find schema",
        ),
        (
            "---\napiVersion: example.com/v1\nkind: Issuer\nmetadata: {name: i}\n",
            "Issuer i: Couldn't find schema",
        ),
    ] {
        let (code, out) = judge(&VERSIONS, &format!("{pod}{mistake}"));
        assert_eq!(code, 1, "{mistake}");
        assert!(out.contains(said), "{out}");
    }
}
