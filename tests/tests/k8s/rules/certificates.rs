//! What cert-manager's own check would refuse, or nobody would sign. The fields themselves have a schema.

use serde_json::Value;

use crate::world::{World, label, list, text};

/// Each is signed by an authority that is there, names somebody, and is renewed in time.
pub(super) fn signed(world: &World) -> Vec<String> {
    let mut mistakes = Vec::new();
    for certificate in world.kind("Certificate") {
        let spec = &certificate["spec"];
        let mut wrong = |what: String| mistakes.push(format!("{}: {what}", label(certificate)));
        let issuer = text(&spec["issuerRef"]["name"]);
        if spec["issuerRef"]["kind"] != "Issuer" || world.find("Issuer", issuer).is_none() {
            wrong(format!("there is no Issuer {issuer}"));
        }
        let (lives, renewed) = (hours(&spec["duration"]), hours(&spec["renewBefore"]));
        match (lives, renewed) {
            (Some(lives), Some(renewed)) if renewed > 0 && renewed < lives => {}
            _ => wrong(format!("lives for {lives:?} hours, and is renewed {renewed:?} before")),
        }
        let key = &spec["privateKey"];
        if key["algorithm"] == "ECDSA" && ![256, 384, 521].map(Value::from).contains(&key["size"]) {
            wrong(format!("there is no ECDSA key of {} bits", key["size"]));
        }
        let name = text(&spec["commonName"]);
        let names = ["dnsNames", "ipAddresses"].into_iter().flat_map(|field| list(&spec[field]));
        if name.len() > 64 || (name.is_empty() && names.count() == 0) {
            wrong("has no name, or one that is too long".to_owned());
        }
        let secret = &spec["secretName"];
        let same = world.kind("Certificate").filter(|other| other["spec"]["secretName"] == *secret);
        if same.count() > 1 {
            wrong(format!("another one is kept in {secret} as well"));
        }
    }
    for issuer in world.kind("Issuer") {
        let secret = &issuer["spec"]["ca"]["secretName"];
        let is_of =
            |made: &Value| made["spec"]["secretName"] == *secret && made["spec"]["isCA"] == true;
        if !secret.is_null() && !world.kind("Certificate").any(is_of) {
            mistakes.push(format!("{}: no authority is kept in {secret}", label(issuer)));
        }
    }
    mistakes
}

/// Of `2160h`.
fn hours(time: &Value) -> Option<u32> {
    text(time).strip_suffix('h')?.parse().ok()
}
