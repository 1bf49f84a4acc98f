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
    let names = Names::default();
    let mut catalogs = Catalogs::default();
    let catalog = Catalog::parse(Path::new("x"), CATALOG.as_bytes()).unwrap();
    catalogs.by_service.insert("s".into(), catalog);
    let (before, after) = (entries(before), entries(after));
    let state = |entries| State::new(entries, Known::new(entries, &names));
    let found = daemons(&state(&before), &state(&after), Some(&catalogs));
    let line = |daemons: &Daemons| {
        let Daemons { role, service, action, options, refused, .. } = daemons;
        let options = options
            .iter()
            .map(|o| format!(" {}{:?}{}", o.option, o.by, if o.refers { "r" } else { "" }));
        format!("{role}/{service} {action:?}{} {}", options.collect::<String>(), refused.len())
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
