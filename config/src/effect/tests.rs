use std::path::Path;

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// `debug`, `level` and `near` are mutable; `path` and `dir` are not.
const CATALOG: &str = r#"{"format":1,"options":[
{"group":"DEFAULT","name":"debug","type":"boolean value","mutable":true,"single":true,"deprecated":[["old","debug"]]},
{"group":"DEFAULT","name":"level","type":"string value","mutable":true},
{"group":"DEFAULT","name":"path","type":"string value"},
{"group":"net","name":"near","type":"string value","mutable":true},
{"group":"net","name":"dir","type":"string value","refers":["level"]}
]}"#;

fn catalog() -> Catalog {
    Catalog::parse(Path::new("catalog.json"), CATALOG.as_bytes()).unwrap()
}

fn change(old: &str, new: &str, catalog: Option<&Catalog>) -> Change {
    effect(Dialect::Oslo, Some(old.as_bytes()), Some(new.as_bytes()), catalog)
}

/// With the catalog: the effect and what differs, in one line each.
fn known(old: &str, new: &str) -> (Effect, String) {
    let change = change(old, new, Some(&catalog()));
    (change.effect, Vec::from_iter(change.options).join(", "))
}

#[test]
fn what_is_read_the_same_needs_nothing() {
    let old = "[DEFAULT]\na = 1\nm = x\nm = y\n[b]\nc = long\n  er\n";
    for new in [
        "[DEFAULT]\r\na = 1\r\nm = x\r\nm = y\r\n[b]\r\nc = long\r\n  er\r\n",
        "# why\n[b]\n\nc: 'long'\n\ter\n[DEFAULT]\nm=x\na=1\n# no\nm=\"y\"\n",
        "[DEFAULT]\nm = x\n[b]\nc = long\n er\n[DEFAULT]\nm = y\na = 1",
    ] {
        let change = change(old, new, None);
        assert_eq!(change, Change::default(), "{new:?}");
    }
}

#[test]
fn without_a_catalog_all_that_differs_needs_a_restart() {
    let old = "[DEFAULT]\nm = x\nm = y\n[b]\nc = 1\n";
    for (new, name) in [
        ("[DEFAULT]\nm = y\nm = x\n[b]\nc = 1\n", "[DEFAULT] m"),
        ("[DEFAULT]\nm = y\n[b]\nc = 1\n", "[DEFAULT] m"),
        ("[DEFAULT]\nm = x\nm = y\n[b]\nc = 2\n", "[b] c"),
        ("[DEFAULT]\nm = x\nm = y\n[b]\n", "[b] c"),
        ("[DEFAULT]\nm = x\nm = y\n[b]\nc = 1\nd =\n", "[b] d"),
        ("[DEFAULT]\nm = x\nm = y\n[b]\nc = 1\n[empty]\n", "[empty]"),
        ("[DEFAULT]\nm = x\nm = y\n[b]\nc = 1\n[full]\na = 1\n", "[full] a"),
    ] {
        let change = change(old, new, None);
        assert_eq!(change.effect, Effect::Other, "{new:?}");
        assert_eq!(Vec::from_iter(change.options), [name], "{new:?}");
    }
}

#[test]
fn mutable_options_need_a_reload() {
    let old = "[DEFAULT]\nlevel = a\npath = p\n[net]\nnear = n\n";
    for (new, effect, names) in [
        (
            "[DEFAULT]\nlevel = a\npath = p\ndebug = true\n[net]\nnear = n\n",
            Effect::Mutable,
            "[DEFAULT] debug",
        ),
        ("[DEFAULT]\nlevel = a\npath = p\n[Net]\nnear = m\n", Effect::Mutable, "[net] near"),
        (
            "[DEFAULT]\nlevel = a\npath = p\n[net]\nnear = n\nnear = n\n",
            Effect::Mutable,
            "[net] near",
        ),
        (
            "[DEFAULT]\nlevel = a\npath = p\n[net]\nnear = n\n[old]\ndebug = true\n",
            Effect::Mutable,
            "[old] debug",
        ),
        ("[DEFAULT]\nlevel = a\npath = q\n[net]\nnear = n\n", Effect::Other, "[DEFAULT] path"),
        (
            "[DEFAULT]\nlevel = a\npath = q\n[net]\nnear = m\n",
            Effect::Other,
            "[DEFAULT] path, [net] near",
        ),
        (
            "[DEFAULT]\nlevel = a\npath = p\nDebug = 1\n[net]\nnear = n\n",
            Effect::Other,
            "[DEFAULT] Debug",
        ),
        (
            "[DEFAULT]\nlevel = a\npath = p\n[net]\nnear = n\n[lvm]\ndebug = 1\n",
            Effect::Other,
            "[lvm] debug",
        ),
        ("[DEFAULT]\nlevel = a\npath = p\n[net]\nnear = n\n[new]\n", Effect::Other, "[new]"),
    ] {
        assert_eq!(known(old, new), (effect, names.to_owned()), "{new:?}");
    }
}

#[test]
fn of_a_single_value_the_last_counts() {
    let old = "[DEFAULT]\ndebug = true\n";
    assert_eq!(known(old, "[DEFAULT]\ndebug = false\ndebug = true\n").0, Effect::Nothing);
    assert_eq!(known(old, "[DEFAULT]\ndebug = true\ndebug = false\n").0, Effect::Mutable);
    assert_eq!(known(old, "[DEFAULT]\n").0, Effect::Mutable);
}

/// What an option refers to is read together with it.
#[test]
fn references_to_what_differs() {
    let with = |level: &str, rest: &str| format!("[DEFAULT]\nlevel = {level}\n{rest}");
    for (rest, names) in [
        // A default refers to it.
        ("", "[DEFAULT] level, [net] dir"),
        ("path = a/$level\n[net]\ndir = x\n", "[DEFAULT] level, [DEFAULT] path"),
        ("path = ${DEFAULT.level}\n[net]\ndir = x\n", "[DEFAULT] level, [DEFAULT] path"),
        // By way of another one; and by a reference from another group.
        (
            "path = $level\n[net]\nnear = $path\ndir = x\n",
            "[DEFAULT] level, [DEFAULT] path, [net] near",
        ),
        ("[net]\nnear = $level\ndir = x\n", "[DEFAULT] level, [net] near"),
        ("[net]\ndir = x\n[lvm]\nx = $level\n", "[DEFAULT] level, [lvm] x"),
    ] {
        let expected = (Effect::Other, names.to_owned());
        assert_eq!(known(&with("a", rest), &with("b", rest)), expected, "{rest:?}");
    }
    for rest in ["path = $$level\n[net]\ndir = x\n", "path = $near\n[net]\ndir = $levels\n"] {
        let expected = (Effect::Mutable, "[DEFAULT] level".to_owned());
        assert_eq!(known(&with("a", rest), &with("b", rest)), expected, "{rest:?}");
    }
    // By a former name, in both directions.
    let expected = (Effect::Other, "[DEFAULT] debug, [DEFAULT] path".to_owned());
    let [old, new] = ["1", "0"].map(|v| format!("[DEFAULT]\ndebug = {v}\npath = $old.debug\n"));
    assert_eq!(known(&old, &new), expected);
    let expected = (Effect::Other, "[DEFAULT] path, [old] debug".to_owned());
    let [old, new] = ["1", "0"].map(|v| format!("[DEFAULT]\npath = $debug\n[old]\ndebug = {v}\n"));
    assert_eq!(known(&old, &new), expected);
}

#[test]
fn what_cannot_be_compared_needs_a_restart() {
    let catalog = catalog();
    let texts: [Option<&[u8]>; 6] = [
        None,
        Some(b""),
        Some(b"[DEFAULT]\ndebug = 1\n"),
        Some(b"debug = 1\n"),
        Some(b"[DEFAULT]\ndebug = \xff\n"),
        Some(b"\xef\xbb\xbf[DEFAULT]\ndebug = 1\n"),
    ];
    for (at, old) in texts.iter().enumerate() {
        for (to, new) in texts.iter().enumerate() {
            let found = effect(Dialect::Oslo, *old, *new, Some(&catalog)).effect;
            let expected = match (at, to) {
                _ if at == to => Effect::Nothing,
                // The section DEFAULT is known.
                (1 | 2, 1 | 2) => Effect::Mutable,
                _ => Effect::Other,
            };
            assert_eq!(found, expected, "{at} to {to}");
        }
    }
    for dialect in [Dialect::Configparser, Dialect::Mysql, Dialect::Rsync, Dialect::Text] {
        let [old, new] = [b"[a]\na = 1\n", b"[a]\na = 2\n"];
        let found = effect(dialect, Some(old), Some(new), Some(&catalog));
        assert_eq!(found, Change::unknown());
        let same = effect(dialect, Some(old), Some(old), None);
        assert_eq!(same, Change::default());
    }
}

#[test]
fn a_file_of_mariadb_is_compared_by_what_it_says_and_in_which_order() {
    let change = |new: &str| {
        let old = "[mysqld]\na-b = 1 # c\n!include /x\n[mariadb]\na_b = 2\nc\n";
        effect(Dialect::Mysql, Some(old.as_bytes()), Some(new.as_bytes()), None)
    };
    let same = "# x\n[mysqld]\na_b='1'\n!include /x\n\n[mariadb]\na-b=2\nc # d\n";
    assert_eq!(change(same), Change::default());
    for other in [
        "[mysqld]\na-b = 2\n!include /x\n[mariadb]\na_b = 2\nc\n",
        "[mysqld]\na-b = 1\n!include /y\n[mariadb]\na_b = 2\nc\n",
        "[mysqld]\na-b = 1\n!include /x\n[mariadb]\na_b = 2\nc =\n",
        "[mysqld]\n!include /x\na-b = 1\n[mariadb]\na_b = 2\nc\n",
        "[mariadb]\na_b = 2\nc\n[mysqld]\na-b = 1\n!include /x\n",
    ] {
        assert_eq!(change(other), Change::unknown(), "{other}");
    }
}

#[test]
fn the_strongest_wins() {
    assert!(Effect::Nothing < Effect::Mutable && Effect::Mutable < Effect::Other);
}

fn line() -> impl Strategy<Value = String> {
    let value = select(vec!["1", "2", "secret", "$level", "${net.near}", "$path/x"]);
    let name = select(vec!["debug", "level", "path", "near", "dir", "new"]);
    prop_oneof![
        6 => (name, value).prop_map(|(name, value)| format!("{name} = {value}\n")),
        2 => select(vec!["[net]\n", "[DEFAULT]\n", "[lvm]\n", "[Net]\n"]).prop_map(str::to_owned),
        1 => select(vec!["# secret\n", "\n"]).prop_map(str::to_owned),
    ]
}

fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec(line(), 0..8)
        .prop_map(|lines| "[DEFAULT]\n".to_owned() + &lines.concat())
}

proptest! {
    #[test]
    fn a_catalog_only_ever_weakens(old in text(), new in text()) {
        let without = change(&old, &new, None);
        let with = change(&old, &new, Some(&catalog()));
        prop_assert!(with.effect <= without.effect);
        prop_assert_eq!(without.effect == Effect::Nothing, without.options.is_empty());
        prop_assert_eq!(with.effect == Effect::Nothing, with.options.is_empty());
        prop_assert!(!with.options.iter().any(|name| name.contains("secret")));
        // There and back is the same way, but for what refers to what is set only on one side.
        let back = change(&new, &old, Some(&catalog()));
        prop_assert_eq!(with.effect == Effect::Nothing, back.effect == Effect::Nothing);
    }

    #[test]
    fn nothing_twice_is_nothing(one in text(), two in text(), three in text()) {
        let same = |a: &str, b: &str| change(a, b, None).effect == Effect::Nothing;
        if same(&one, &two) && same(&two, &three) {
            prop_assert!(same(&one, &three));
        }
        let noted = one.replace("[DEFAULT]\n", "# a comment\n\n[DEFAULT]\n# one more\n");
        prop_assert!(same(&one, &noted));
    }

    #[test]
    fn nothing_panics(old: Vec<u8>, new: Vec<u8>, text in "\\PC*") {
        effect(Dialect::Oslo, Some(&old), Some(&new), Some(&catalog()));
        let _ = Catalog::parse(Path::new("c"), &old);
        let _ = Catalog::reduce(Path::new("c"), text.as_bytes());
        references(&text);
    }
}
