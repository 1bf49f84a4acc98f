//! What Ingress controllers let through.

use serde_json::Value;

use crate::world::{World, label, list, text};

/// Of services that take files, or give them: as large as they are.
const FILES: (&[&str], &[(&str, &str)]) = (
    &["glance", "swift", "horizon"],
    &[
        ("nginx.ingress.kubernetes.io/proxy-body-size", "0"),
        ("nginx.ingress.kubernetes.io/proxy-request-buffering", "off"),
        ("nginx.ingress.kubernetes.io/proxy-read-timeout", "3600"),
        ("nginx.ingress.kubernetes.io/proxy-send-timeout", "3600"),
        ("nginx.org/client-max-body-size", "0"),
        ("nginx.org/proxy-read-timeout", "3600s"),
        ("nginx.org/proxy-send-timeout", "3600s"),
        ("haproxy.org/timeout-server", "1h"),
        ("haproxy-ingress.github.io/timeout-server", "1h"),
        ("projectcontour.io/response-timeout", "infinity"),
    ],
);

/// Of web sockets: open while nothing is said.
const CONSOLES: (&[&str], &[(&str, &str)]) = (
    &["nova-novncproxy"],
    &[
        ("nginx.ingress.kubernetes.io/proxy-read-timeout", "3600"),
        ("nginx.ingress.kubernetes.io/proxy-send-timeout", "3600"),
        ("nginx.org/websocket-services", "nova-novncproxy"),
        ("nginx.org/proxy-read-timeout", "3600s"),
        ("nginx.org/proxy-send-timeout", "3600s"),
        ("projectcontour.io/websocket-routes", "/"),
        ("projectcontour.io/response-timeout", "infinity"),
    ],
);

/// Files and consoles get through, and all others keep the limits that the controller sets.
pub(super) fn limits(world: &World) -> Vec<String> {
    let known = || FILES.1.iter().chain(CONSOLES.1).map(|(name, _)| *name);
    let mut mistakes = Vec::new();
    for ingress in world.kind("Ingress") {
        let says = |name: &str| ingress["metadata"]["annotations"][name].as_str();
        for service in services(ingress) {
            let wanted = [FILES, CONSOLES].into_iter().find(|(who, _)| who.contains(&service));
            let wanted = wanted.map_or(&[][..], |(_, annotations)| annotations);
            for (name, value) in wanted {
                if says(name) != Some(value) {
                    let has = says(name);
                    let what = format!("{service} needs {name}: {value}, and has {has:?}");
                    mistakes.push(format!("{}: {what}", label(ingress)));
                }
            }
            let more = known().filter(|name| wanted.iter().all(|(wanted, _)| wanted != name));
            for name in more.filter(|name| says(name).is_some()) {
                mistakes.push(format!("{}: {service} has no need of {name}", label(ingress)));
            }
        }
    }
    mistakes.sort();
    mistakes.dedup();
    mistakes
}

fn services(ingress: &Value) -> impl Iterator<Item = &str> {
    let paths = list(&ingress["spec"]["rules"]).flat_map(|rule| list(&rule["http"]["paths"]));
    paths.map(|path| text(&path["backend"]["service"]["name"]))
}
