use std::path::Path;

use etcstack_config::validate::Names;

use super::*;

const CATALOG: &str = r#"{"format":1,"options":[
{"group":"DEFAULT","name":"debug","type":"boolean value","mutable":true,"single":true},
{"group":"DEFAULT","name":"level","type":"string value","mutable":true,"single":true},
{"group":"DEFAULT","name":"workers","type":"integer value","single":true}
]}"#;

fn entries(pairs: &[(&str, &str)]) -> Entries {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec())).collect()
}

/// What changes from one state to the other, in short.
fn short(before: &[(&str, &str)], after: &[(&str, &str)]) -> Vec<String> {
    short_with(before, after, &[])
}

/// The same where these records of replicas are there.
fn short_with(before: &[(&str, &str)], after: &[(&str, &str)], replicas: &[&str]) -> Vec<String> {
    let records = replicas.iter().map(|key| (format!("_etcstack/status/{key}"), Vec::new()));
    let replicas = Replicas::of(&records.collect());
    let names = Names::default();
    let mut catalogs = Catalogs::default();
    let catalog = Catalog::parse(Path::new("x"), CATALOG.as_bytes()).unwrap();
    catalogs.by_service.insert("s".into(), catalog);
    let (before, after) = (entries(before), entries(after));
    let state = |entries| State::new(entries, Known::new(entries, &names));
    let found = daemons(&state(&before), &state(&after), &replicas, Some(&catalogs));
    let line = |daemons: &Daemons| {
        let Daemons { role, also, service, action, options, refused, .. } = daemons;
        let also: Vec<_> = also.iter().map(|roles| ["|", roles].concat()).collect();
        let also = also.concat();
        let options = options
            .iter()
            .map(|o| format!(" {}{:?}{}", o.option, o.by, if o.refers { "r" } else { "" }));
        format!(
            "{role}{also}/{service} {action:?}{} {}",
            options.collect::<String>(),
            refused.len()
        )
    };
    found.iter().map(line).collect()
}

#[test]
fn each_class() {
    let debug = "r/s/f.conf/DEFAULT/debug";
    let workers = "r/s/f.conf/DEFAULT/workers";
    let same: &[(&str, &str)] = &[(debug, "1"), (workers, "$W"), ("general/W", "$V")];
    let with = |more: &[(&'static str, &'static str)]| [same, more].concat();
    let v1 = with(&[("general/V", "1")]);
    for (before, after, expected) in [
        (v1.clone(), v1.clone(), vec![]),
        (v1.clone(), with(&[("general/V", "2")]), vec!["r/s Restart [DEFAULT] workers[\"V\"] 0"]),
        (
            v1.clone(),
            [&v1[..], &[("r/s/f.conf/DEFAULT/level", "x")]].concat(),
            vec!["r/s Reload [DEFAULT] level[] 0"],
        ),
        // A reference of oslo.config's own.
        (
            vec![(debug, "1"), ("r/s/f.conf/x/y", "$debug")],
            vec![(debug, "2"), ("r/s/f.conf/x/y", "$debug")],
            vec!["r/s Restart [DEFAULT] debug[] [x] y[]r 0"],
        ),
        // Another way to say the same.
        (v1.clone(), vec![(debug, "1"), (workers, "1")], vec!["r/s Nothing 0"]),
        (v1.clone(), vec![], vec!["r/s Keep [DEFAULT] debug[] [DEFAULT] workers[] 0"]),
        (vec![], vec![(debug, "1")], vec!["r/s Start [DEFAULT] debug[] 0"]),
        // Without a catalog, and with what only agents know.
        (
            vec![("r/t/f.conf/DEFAULT/a", "$HOSTNAME")],
            vec![("r/t/f.conf/DEFAULT/a", "$HOSTNAME"), ("general/HOSTNAME", "h")],
            vec!["r/t Restart [DEFAULT] a[\"HOSTNAME\"] 0"],
        ),
        (vec![("r/t/p.yaml", "a")], vec![("r/t/p.yaml", "b")], vec!["r/t Restart (text)[] 0"]),
        (
            vec![("r/t/p.yaml", "a")],
            vec![("r/t/p.yaml", "a"), ("r@h/t/p.yaml", "b")],
            vec!["r@h/t Restart (text)[] 0"],
        ),
        // Two spellings of one option: refused.
        (
            vec![("r/t/f.conf/LVM/a", "1")],
            vec![("r/t/f.conf/LVM/a", "1"), ("r/t/f.conf/lvm/a", "1")],
            vec!["r/t Restart 1"],
        ),
    ] {
        assert_eq!(short(&before, &after), expected, "{before:?} {after:?}");
    }
}

/// A layer that somebody runs is told of for who runs it, with the layers over and under it.
#[test]
fn layers_as_replicas_run_them() {
    let level = |role: &str, value: &'static str| (format!("{role}/s/f.conf/DEFAULT/level"), value);
    let workers =
        |role: &str, value: &'static str| (format!("{role}/s/f.conf/DEFAULT/workers"), value);
    let all = ["site,c/s/h1", "site,c,c@h2/s/h2", "site,c,c@h3/s/h3", "c/other/h4"];
    for (before, after, replicas, expected) in [
        // The upper layer has the last word.
        (
            vec![level("site", "1"), level("c", "1")],
            vec![level("site", "2"), level("c", "1")],
            &all[..1],
            vec!["site,c/s Nothing 0"],
        ),
        // Without replicas nobody knows.
        (
            vec![level("site", "1"), level("c", "1")],
            vec![level("site", "2"), level("c", "1")],
            &all[3..],
            vec!["site/s Reload [DEFAULT] level[] 0"],
        ),
        // Those of one host are told apart, where they make a difference.
        (
            vec![workers("site", "1"), level("c", "1"), workers("c@h2", "7"), level("c@h3", "7")],
            vec![workers("site", "2"), level("c", "1"), workers("c@h2", "7"), level("c@h3", "7")],
            &all,
            vec!["site,c|site,c,c@h3/s Restart [DEFAULT] workers[] 0", "site,c,c@h2/s Nothing 0"],
        ),
        // What nobody runs stands for itself.
        (
            vec![level("site", "1"), level("old", "1")],
            vec![level("site", "1"), level("old", "2")],
            &all,
            vec!["old/s Reload [DEFAULT] level[] 0"],
        ),
    ] {
        let found = short_with(&borrowed(&before), &borrowed(&after), replicas);
        assert_eq!(found, expected, "{before:?} {after:?}");
    }
}

fn borrowed<'a>(pairs: &'a [(String, &'a str)]) -> Vec<(&'a str, &'a str)> {
    pairs.iter().map(|(key, value)| (key.as_str(), *value)).collect()
}
