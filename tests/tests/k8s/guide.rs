//! What docs/kubernetes.md says to put into an overlay can be put there, and does what it should.

use std::path::Path;
use std::process::Command;

use etcstack_tests::write;
use serde_json::Value;

use crate::schema::check;
use crate::world::{label, objects, root, text};

/// The pieces of overlays in the guide.
fn pieces() -> Vec<String> {
    let guide = std::fs::read_to_string(root().join("docs/kubernetes.md")).unwrap();
    let mut blocks = guide.split("```");
    // Between fences is what stands at every other place.
    let mut pieces = Vec::new();
    while let (Some(_), Some(block)) = (blocks.next(), blocks.next()) {
        pieces.extend(block.strip_prefix("yaml\n").map(str::to_owned));
    }
    pieces
}

/// An overlay around `ha` with such a piece, as it would be applied.
fn built_with(piece: &str) -> String {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    // Kustomize takes no absolute paths.
    let up = "../".repeat(folder.path().canonicalize().unwrap().components().count() - 1);
    let k8s = format!("{up}{}", root().join("k8s").display().to_string().trim_start_matches('/'));
    let piece = piece.replace("../../components/", &format!("{k8s}/components/"));
    let text = format!(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n\
         resources: [{k8s}/overlays/ha]\nnamespace: openstack\n{piece}"
    );
    write(&folder.path().join("kustomization.yaml"), &text);
    kustomize(folder.path(), &piece)
}

fn kustomize(folder: &Path, piece: &str) -> String {
    let output = Command::new("kubectl").arg("kustomize").arg(folder).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}\n{piece}");
    String::from_utf8(output.stdout).unwrap()
}

/// The objects that a piece with this text in it has to do with.
fn made_by(part: &str, concerned: fn(&Value) -> bool) -> Vec<Value> {
    let pieces = pieces();
    let piece = pieces.iter().find(|piece| piece.contains(part)).expect(part);
    let made: Vec<_> = objects(&built_with(piece)).into_iter().filter(concerned).collect();
    assert!(!made.is_empty());
    made
}

#[test]
fn each_piece_of_an_overlay_changes_it_and_is_valid() {
    let pieces = pieces();
    assert!(pieces.len() >= 5, "{pieces:?}");
    let plain = built_with("");
    for piece in pieces {
        let changed = built_with(&piece);
        assert_ne!(changed, plain, "{piece}");
        assert_eq!(check(&changed), (0, "\n".to_owned()), "{piece}");
    }
}

#[test]
fn a_class_reaches_all_ingresses() {
    for ingress in made_by("ingressClassName", |object| object["kind"] == "Ingress") {
        assert_eq!(ingress["spec"]["ingressClassName"], "haproxy", "{}", label(&ingress));
    }
}

#[test]
fn the_label_that_prometheus_selects_reaches_what_it_reads() {
    let of_operator =
        |object: &Value| text(&object["apiVersion"]).starts_with("monitoring.coreos.com/");
    for object in made_by("group: monitoring", of_operator) {
        assert_eq!(object["metadata"]["labels"]["release"], "prometheus", "{}", label(&object));
    }
}
