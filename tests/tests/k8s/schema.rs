//! Every field is known: to Kubernetes in all versions that are supported, and to those whose kinds are
//! not Kubernetes' own.

use etcstack_tests::judges;

use crate::world::{FOLDERS, built, judge, root};

/// The oldest and the newest that the manifests are for, and one in between.
const VERSIONS: [&str; 3] = ["1.31", "1.34", "1.37"];

/// The judge's exit code, and the mistakes that it has found.
pub(crate) fn check(yaml: &str) -> (i32, String) {
    let others = judges().join("others.json");
    let mut arguments = vec!["check", others.to_str().unwrap()];
    arguments.extend(VERSIONS);
    judge(&arguments, yaml)
}

#[test]
fn every_version_knows_every_field() {
    for (name, folder) in FOLDERS {
        let (code, out) = check(&built(folder));
        assert_eq!((code, out.as_str()), (0, "\n"), "{name}");
    }
}

/// What no overlay has would be checked nowhere.
#[test]
fn every_component_is_in_an_overlay() {
    let overlays: String = FOLDERS
        .map(|(_, folder)| {
            std::fs::read_to_string(root().join("k8s").join(folder).join("kustomization.yaml"))
                .unwrap()
        })
        .concat();
    let used = |name: &str| {
        overlays.lines().any(|line| line.trim_end().ends_with(&format!("/components/{name}")))
    };
    for folder in std::fs::read_dir(root().join("k8s/components")).unwrap() {
        let name = folder.unwrap().file_name().into_string().unwrap();
        assert!(used(&name), "no overlay has components/{name}");
    }
}

#[test]
fn mistakes_are_named() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers: [{name: c, image: i}]\n";
    assert_eq!(check(pod).0, 0);
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
        (
            "---\napiVersion: monitoring.coreos.com/v1\nkind: Thermometer\nmetadata: {name: t}\n",
            "Thermometer t: Couldn't find schema",
        ),
    ] {
        let (code, out) = check(&format!("{pod}{mistake}"));
        assert_eq!(code, 1, "{mistake}");
        assert!(out.contains(said), "{out}");
    }
}

/// In kinds of others: their text as it is right, what is put in which place, and what is said then.
type InOthers = (&'static str, &'static [(&'static str, &'static str, &'static str)]);

const IN_OTHERS: [InOthers; 5] = [
    (
        "apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: c, labels: {a: b}}
spec:
  secretName: s
  dnsNames: [etcd]
  issuerRef: {name: i, kind: Issuer}
  usages: [server auth]
  privateKey: {algorithm: ECDSA, size: 256, rotationPolicy: Always}
",
        &[
            ("secretName: s", "secretNaem: s", "Certificate c: spec: 'secretName' is a required"),
            ("dnsNames:", "dnsname:", "spec: Additional properties are not allowed ('dnsname'"),
            ("[etcd]", "etcd", "spec.dnsNames: 'etcd' is not of type 'array'"),
            ("name: i,", "", "spec.issuerRef: 'name' is a required"),
            ("server auth", "server", "spec.usages.0: 'server' is not one of"),
            ("256", "\"256\"", "spec.privateKey.size: '256' is not of type 'integer'"),
            ("256", "null", "spec.privateKey.size: None is not of type 'integer'"),
            ("Always", "always", "spec.privateKey.rotationPolicy: 'always' is not one of"),
            ("labels: {", "lables: {", "metadata: Additional properties are not allowed ('lables'"),
        ],
    ),
    (
        "apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: i}
spec: {ca: {secretName: s}}
",
        &[
            ("spec: {ca", "status: {ca", "Issuer i: : 'spec' is a required property"),
            ("secretName", "secret", "spec.ca: 'secretName' is a required"),
            ("{ca:", "{CA:", "spec: Additional properties are not allowed ('CA'"),
        ],
    ),
    (
        "apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata: {name: m}
spec:
  selector: {matchLabels: {a: b}}
  podMetricsEndpoints:
    - {port: metrics, interval: 30s, relabelings: [{sourceLabels: [a], targetLabel: b}]}
",
        &[
            (
                "port:",
                "prot:",
                "spec.podMetricsEndpoints.0: Additional properties are not allowed ('prot'",
            ),
            ("30s", "30", "spec.podMetricsEndpoints.0.interval: 30 is not of type 'string'"),
            ("30s", "30 s", "spec.podMetricsEndpoints.0.interval: '30 s' does not match"),
            (
                "sourceLabels",
                "source_labels",
                "relabelings.0: Additional properties are not allowed",
            ),
            ("selector:", "podSelector:", "PodMonitor m: spec: 'selector' is a required"),
        ],
    ),
    (
        "apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: m}
spec: {selector: {matchLabels: {a: b}}, endpoints: [{port: metrics}]}
",
        &[("endpoints:", "endpoint:", "ServiceMonitor m: spec: 'endpoints' is a required")],
    ),
    (
        "apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: r}
spec:
  groups:
    - name: g
      rules: [{alert: a, expr: up == 0, for: 5m, labels: {severity: warning}}]
",
        &[
            ("expr", "expression", "spec.groups.0.rules.0: 'expr' is a required"),
            (
                "for:",
                "four:",
                "spec.groups.0.rules.0: Additional properties are not allowed ('four'",
            ),
            ("5m", "5 minutes", "spec.groups.0.rules.0.for: '5 minutes' does not match"),
            ("warning", "1", "spec.groups.0.rules.0.labels.severity: 1 is not of type 'string'"),
            ("name: g\n      rules", "rules", "spec.groups.0: 'name' is a required"),
        ],
    ),
];

#[test]
fn mistakes_in_kinds_of_others_are_named() {
    for (right, mistakes) in IN_OTHERS {
        assert_eq!(check(right), (0, "\n".to_owned()));
        for (from, to, said) in mistakes {
            assert!(right.contains(from), "{from} is not in:\n{right}");
            let (code, out) = check(&right.replacen(from, to, 1));
            assert_eq!(code, 1, "{to}");
            assert!(out.contains(said), "{said:?} is not in:\n{out}");
        }
    }
}
