use proptest::prelude::*;

use super::*;

fn entries(pairs: &[(&str, &str)]) -> Entries {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec())).collect()
}

fn write(pairs: &[(&str, &str)], layout: Layout) -> Vec<(String, String)> {
    let written = files(&entries(pairs), layout, &Dialects::default()).unwrap();
    assert_eq!(written.left_out, Problems::default());
    assert_eq!(written.keys, pairs.iter().filter(|pair| !pair.0.starts_with('_')).count());
    written.files.into_iter().collect()
}

fn reasons(pairs: &[(&str, &str)]) -> Vec<String> {
    let written = files(&entries(pairs), Layout::Overlays, &Dialects::default()).unwrap();
    written.left_out.0.iter().map(ToString::to_string).collect()
}

const CLOUD: [(&str, &str); 12] = [
    ("_etcstack/load", "x"),
    ("c/g/api-paste.ini/composite:x//v3", "a = b"),
    ("c/g/f.conf", "whole"),
    ("c/g/g.conf/DEFAULT/debug", "true"),
    ("c/g/g.conf/DEFAULT/early", ""),
    ("c/g/g.conf/db/multi", " a\n    b\nc"),
    ("c/g/g.conf/db/url", "mysql://${PW|url}@x"),
    ("c/g/keys%2F0", "key\n"),
    ("c/s/rsyncd.conf/account/max connections", "2"),
    ("c/s/rsyncd.conf/rootless", "1"),
    ("general/CERT", "one\ntwo\n"),
    ("general/PW", " se=cret\r"),
];

#[test]
fn the_friendliest_form() {
    let expected = [
        ("c/g.keys", "# Whole keys and their values, to the byte\nc/g/f.conf=whole\n"),
        ("c/g/api-paste.ini", "[composite:x]\n/v3 = a = b\n"),
        (
            "c/g/g.conf",
            "[DEFAULT]\ndebug = true\nearly =\n\n[db]\nmulti = \" a\"\n    b\nmulti = c\n\
             url = mysql://${PW|url}@x\n",
        ),
        ("c/g/keys/0", "key\n"),
        ("c/s/rsyncd.conf", "rootless = 1\n\n[account]\nmax connections = 2\n"),
        ("general/CERT", "one\ntwo\n\n"),
        ("general/variables.conf", "# NAME=value, to the byte\nPW= se=cret\r\r\n"),
    ];
    let written = write(&CLOUD, Layout::Overlays);
    let written: Vec<_> =
        written.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    assert_eq!(written, expected);
}

#[test]
fn listings_where_one_line_is_enough() {
    let written = write(&CLOUD, Layout::Listings);
    let paths: Vec<_> = written.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "c/g.keys",
            "c/g/g.conf",
            "c/g/keys/0",
            "c/s.keys",
            "general/CERT",
            "general/variables.conf"
        ]
    );
    assert_eq!(written[1].1, "[db]\nmulti = \" a\"\n    b\nmulti = c\n");
}

#[test]
fn names_that_are_in_the_way_of_one_another() {
    let written = write(
        &[
            ("a/b.keys/f", "text\n"),
            ("a/b/.hidden", "line"),
            ("a/b/x", "file\n"),
            ("a/b/x%2Fy", "below a file"),
            ("keys/1.keys/f", "text"),
            ("r%2Fx/s/f", "text"),
        ],
        Layout::Overlays,
    );
    let paths: Vec<_> = written.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["a/b.keys/f", "a/b/x", "keys/1.keys/f", "keys/2.keys", "keys/3.keys"]);
}

/// What stands beside the data under these names is passed over by who reads it.
#[test]
fn names_that_a_reader_passes_over_at_the_top() {
    let pairs = [
        ("catalog/s/f.conf/a/b", "1"),
        ("catalog/s/note.txt", "text"),
        ("general/A", "1"),
        ("r/catalog/f.conf/a/b", "1"),
        ("r/s/validate.toml", "text\n"),
        ("validate.toml/s/f.conf/a/b", "1"),
    ];
    for (layout, inner) in
        [(Layout::Overlays, "r/catalog/f.conf"), (Layout::Listings, "r/catalog.keys")]
    {
        let written = write(&pairs, layout);
        let paths: Vec<_> = written.iter().map(|(path, _)| path.as_str()).collect();
        let expected =
            ["general/variables.conf", "keys/1.keys", "keys/2.keys", inner, "r/s/validate.toml"];
        assert_eq!(paths, expected);
    }
}

/// Names that one of its readers takes for the same cannot stand in one file.
#[test]
fn names_that_differ_in_case_only() {
    let pairs = [
        ("r/s/proxy-server.conf/a/X", "1"),
        ("r/s/proxy-server.conf/a/x", "2"),
        ("r/s/swift.conf/a/X", "1"),
        ("r/s/swift.conf/a/x", "2"),
        ("r/s/swift.conf/b/x", "a\n    \n    b"),
        ("r/s/swift.conf/swift-hash/x", "à"),
    ];
    let written = files(&entries(&pairs), Layout::Overlays, &Dialects::default()).unwrap();
    let expected = [
        ("r/s/proxy-server.conf", "[a]\nX = 1\nx = 2\n"),
        ("r/s/swift.conf", "[a]\nX = 1\n\n[b]\nx = a\n\n    b\n"),
    ];
    let found: Vec<_> =
        written.files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    assert_eq!(found, expected);
    let left_out: Vec<_> = written.left_out.0.iter().map(ToString::to_string).collect();
    assert_eq!(left_out.len(), 2, "{left_out:?}");
    assert!(left_out[0].starts_with("r/s/swift.conf/a/x: this differs from"), "{left_out:?}");
    assert!(left_out[1].starts_with("r/s/swift.conf/swift-hash/x: its value"), "{left_out:?}");
}

#[test]
fn what_no_file_can_say_is_named_and_why() {
    let long = format!("general/{}", "A".repeat(256));
    for (key, value, reason) in [
        ("nonsense", "x", "delete it"),
        ("r/s/f.conf/LVM/a", "x", "put its value under r/s/f.conf/lvm/a"),
        ("r/s/f.conf/a/b", "x\n", "without a line break at its end"),
        ("r/s/f.conf/a/b", "x\n  y", "four blanks"),
        ("r/s/f.conf/a/b", "x\ry", "carriage return"),
        ("r/s/f.conf/a/b", "x\0", "NUL"),
        ("r/s/f.conf/a/b", "${X", "not closed"),
        ("r/s/rsyncd.conf/a/b", "x\ny", "takes one line only"),
        ("r/s/api-paste.ini", "[a]\nb = c\n", "configparser dialect"),
        ("r/s/f.txt/a/b=c", "x", "neither stand in a listing"),
        ("r/s/.hidden", "x\ny", "cannot be that of a file"),
        ("general/A", "$A", "circle"),
        (long.as_str(), "a\nb", "too long"),
    ] {
        let reasons = reasons(&[(key, value), ("r/s/fine.conf/a/b", "1")]);
        assert_eq!(reasons.len(), 1, "{key}: {reasons:?}");
        assert!(reasons[0].contains(reason), "{}", reasons[0]);
    }
    let binary = Entries::from([("general/A".to_owned(), vec![0xff])]);
    let written = files(&binary, Layout::Overlays, &Dialects::default()).unwrap();
    assert_eq!((written.left_out.0.len(), written.files.len()), (1, 0));
}

/// Keys that are meant, and some that are not.
fn key() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        8 => "[ab]{1,2}",
        1 => Just("general".to_owned()),
        1 => "[#=. \\t~%a\u{feff}\u{a0}é]{1,3}",
    ];
    let file = prop_oneof![
        "[ab]{1,2}\\.conf",
        "[ab](%2F[ab]){0,2}",
        Just("api-paste.ini".to_owned()),
        Just("README.md".to_owned()),
        "[ab#=. %25]{1,4}",
    ];
    let option = "(/[abAB#=:;\\[\\] \\r\\n\"é\u{a0}]{1,3}){0,3}";
    prop_oneof![
        1 => "general/[A-C]{1,2}",
        4 => (part.clone(), part, file, option).prop_map(|(r, s, f, o)| format!("{r}/{s}/{f}{o}")),
    ]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => "[ -~]{0,6}",
        2 => "[ab]( ?\n(    )?[ab\"]{0,2}){0,3}",
        1 => "[a'\" \\t\\r\\n=#\\[\\]\u{a0}é\u{feff}]{0,6}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Each key is either said, to the byte, or named: `files` checks the first by itself, and gives
    /// an error where it is not so.
    #[test]
    fn all_is_said_or_named(
        entries in proptest::collection::btree_map(key(), value(), 0..12),
        listings in any::<bool>(),
    ) {
        let layout = if listings { Layout::Listings } else { Layout::Overlays };
        let entries: Entries = entries.into_iter().map(|(k, v)| (k, v.into_bytes())).collect();
        let written = files(&entries, layout, &Dialects::default());
        prop_assert!(written.is_ok(), "{}", written.err().unwrap());
        let written = written.unwrap();
        prop_assert_eq!(written.keys + written.left_out.0.len(), entries.len());
        for path in written.files.keys() {
            let below = format!("{path}/");
            prop_assert!(!written.files.keys().any(|other| other.starts_with(&below)));
        }
    }

    /// What data has said it can say again, in both layouts.
    #[test]
    fn nothing_that_comes_from_data_is_left_out(
        options in proptest::collection::vec(
            ("[abAB]{1,2}", "[ab]{1,2}", "[ab\"'=$ ]{0,4}", "(\n [ab\"'=]{1,3}){0,2}"), 0..6),
        lines in proptest::collection::vec(
            ("r/s/(rsyncd|swift|f)\\.conf/[ab: ]{1,3}/[ab/:. ]{1,4}", "[ -~\\r]{0,6}"), 0..6),
        text in "[ab\r\n ]{0,8}",
        variable in "[ab\r\n ]{0,8}",
        listings in any::<bool>(),
    ) {
        let mut overlay = String::new();
        for (section, option, first, rest) in &options {
            overlay.extend(["[", section, "]\n", option, " = ", first, rest, "\n"]);
        }
        let mut listing = String::new();
        for (key, value) in &lines {
            listing.extend([key, "=", value, "\n"]);
        }
        let mut data = Data::default();
        for (path, text) in [
            ("r/s/o.conf", &overlay),
            ("x/list", &listing),
            ("r/s/text", &text),
            ("general/V", &variable),
        ] {
            let parts: Vec<_> = path.split('/').collect();
            data.add_file(&parts, Path::new(path), text.as_bytes());
        }
        if let Ok(found) = data.finish() {
            let entries: Entries =
                found.into_iter().map(|(key, datum)| (key, datum.value.into_bytes())).collect();
            let layout = if listings { Layout::Listings } else { Layout::Overlays };
            let written = files(&entries, layout, &Dialects::default()).unwrap();
            prop_assert_eq!(written.left_out, Problems::default());
        }
    }
}
