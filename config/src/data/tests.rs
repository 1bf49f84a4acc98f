use super::*;

fn read(files: &[(&str, &str)]) -> Result<Vec<(String, String)>, String> {
    let mut data = Data::default();
    for (path, text) in files {
        let parts: Vec<_> = path.split('/').collect();
        data.add_file(&parts, Path::new(path), text.as_bytes());
    }
    let found = data.finish().map_err(|problems| problems.to_string())?;
    Ok(found.into_iter().map(|(key, datum)| (key, datum.value)).collect())
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

#[test]
fn the_three_forms() {
    let found = read(&[
        (
            "general/cloud.conf",
            "# Names\n\nHOST=db\r\n  PW = a=b #c \ngeneral/URL=x&y+z%\n\
             RAW= q ",
        ),
        ("general/FROM_A_FILE", "secret\n"),
        ("r/s/s.conf", "[Database]\r\nurl = \" x\"\r\n[m]\nmulti = a\n  b\nmulti = c\nempty =\n"),
        ("r/s/policy.yaml", "a: 'b'\n"),
        ("r/s/keys/0", "k"),
        ("r/s/object.ring.gz", "\u{1}\0é"),
        (
            "s/listing",
            "r/s/rsyncd.conf/account/max connections=2\nr/s/p.ini/composite:x//v3=a = b\n\
             r/s/s.conf/database/quoted=\"é\"",
        ),
    ]);
    assert_eq!(
        found.unwrap(),
        pairs(&[
            ("general/FROM_A_FILE", "secret"),
            ("general/HOST", "db"),
            ("general/PW", "a=b #c"),
            ("general/RAW", " q "),
            ("general/URL", "x&y+z%"),
            ("r/s/keys%2F0", "k"),
            ("r/s/object.ring.gz", "AQDDqQ=="),
            ("r/s/p.ini/composite:x//v3", "a = b"),
            ("r/s/policy.yaml", "a: 'b'\n"),
            ("r/s/rsyncd.conf/account/max connections", "2"),
            ("r/s/s.conf/database/quoted", "\"é\""),
            ("r/s/s.conf/database/url", " x"),
            ("r/s/s.conf/m/empty", ""),
            ("r/s/s.conf/m/multi", "a\n    b\nc"),
        ])
    );
}

#[test]
fn overlays_in_the_syntax_of_other_readers() {
    let found = read(&[
        ("r/s/rabbitmq.conf", "a.b = $PW # c\nc = 'x'\n"),
        ("r/s/rsyncd.conf", "uid = 0\n[ My  Mod ]\nmax connections = $N\n"),
        ("r/s/libvirtd.conf", "a = 1\nb = [\n  \"$X\",\n  2\n]\n"),
        ("x/list", "r/s/qemu.conf/max_files=$N\nr/s/qemu.conf/user=\"$USER\"\n"),
    ]);
    assert_eq!(
        found.unwrap(),
        pairs(&[
            ("r/s/libvirtd.conf/a", "1"),
            ("r/s/libvirtd.conf/b", "[\n    \"$X\",\n    2\n    ]"),
            ("r/s/qemu.conf/max_files", "$N"),
            ("r/s/qemu.conf/user", "\"$USER\""),
            ("r/s/rabbitmq.conf/a.b", "$PW"),
            ("r/s/rabbitmq.conf/c", "x"),
            ("r/s/rsyncd.conf/My Mod/max connections", "$N"),
            ("r/s/rsyncd.conf/uid", "0"),
        ])
    );
    let problems = read(&[("x/list", "r/s/qemu.conf/user=root\n"), ("r/s/qemu.conf", "a = $N\n")]);
    let problems = problems.unwrap_err();
    assert_eq!(problems.matches("write a text in quotes").count(), 2, "{problems}");
}

#[test]
fn every_mistake_with_its_place() {
    let problems = read(&[
        ("general/a", "HOST=db\nlower=1\nno\n  _etcstack/x=1\nOPEN=${X\nA=$B\nB=$A\n"),
        ("r/s/s.conf", "x = 1\n[A]\nfoo\na=1\n[default]\nd = 1\n"),
        ("s/list", "general/HOST=other\nr/s/s.conf/A/a=2\nr/s/s.conf/a]/b=1\nr/s=1\n"),
        ("top", ""),
        ("general/x/y", ""),
        ("r/s/my.cnf", "[a]\nb\n!include /c\n"),
    ])
    .unwrap_err();
    let lines: Vec<_> = problems.lines().collect();
    for (line, start) in lines.iter().zip([
        "general/a:2:1: what stands before the = is not a key",
        "general/a:3:1: there is no =",
        "general/a:4:3: _etcstack/",
        "general/a:5:6: general/OPEN: ${X is not closed",
        "general/a:6:1: the variables go in a circle: $A → $B → $A",
        "general/a:7:1: the variables go in a circle: $B → $A → $B",
        "general/x/y: general/ holds no folders",
        "r/s/my.cnf:3:1: this is no option",
        "r/s/s.conf:1:1: an option stands before",
        "r/s/s.conf:3:3: neither an option",
        "r/s/s.conf:6:1: r/s/s.conf/default/d: oslo.config ignores",
        "s/list:1:1: general/HOST has another value at general/a:1:1",
        "s/list:2:1: r/s/s.conf/a/a has another value at r/s/s.conf:4:1",
        "s/list:3:15: r/s/s.conf/a]/b: the section \"a]\" holds",
        "s/list:4:1: what stands before the = is not a key",
        "top: data stands in",
    ]) {
        assert!(line.starts_with(start), "{line}\nshould start with\n{start}");
    }
    assert_eq!(lines.len(), 16, "{problems}");
}

#[test]
fn what_is_no_data() {
    for name in [".git", "..data", "x~", ".x.swp", "README.md"] {
        assert!(is_ignored(name), "{name}");
    }
    assert!(!is_ignored("glance.conf"));
    for name in ["catalog", "validate.toml", ".git"] {
        assert!(is_beside(name), "{name}");
    }
    assert!(!is_ignored("catalog") && !is_beside("general"));
    assert!(is_passed_over("catalog", 0) && !is_passed_over("catalog", 1));
    assert!(is_passed_over(".git", 1));
}

/// Of a key in a store there is no place but the key.
#[test]
fn keys_of_a_store() {
    let mut data = Data::default();
    data.add_key("r/s/s.conf/LVM/a", "1");
    assert_eq!(data.finish().unwrap().keys().collect::<Vec<_>>(), ["r/s/s.conf/lvm/a"]);
    let mut data = Data::default();
    for (key, value) in [
        ("general/A", "$B"),
        ("general/B", "$A"),
        ("general/OPEN", "secret${X"),
        ("r/s", "secret"),
        ("_etcstack/load", "secret"),
        ("r/s/s.conf/x/y", "secret\r"),
    ] {
        data.add_key(key, value);
    }
    let problems = data.finish().err().unwrap().to_string();
    for (line, start) in problems.lines().zip([
        "_etcstack/load: _etcstack/ holds the system's own records",
        "general/A: the variables go in a circle",
        "general/B: the variables go in a circle",
        "general/OPEN: ${X is not closed",
        "r/s: this is not a key: ",
        "r/s/s.conf/x/y: its value cannot stand",
    ]) {
        assert!(line.starts_with(start), "{line}");
    }
    assert!(problems.lines().count() == 6 && !problems.contains("secret"), "{problems}");
}

/// Whatever a name in a file holds, messages stay on their line.
#[test]
fn names_are_shown_without_what_moves_a_cursor() {
    for file in ["f.conf", "swift.conf", "my.cnf", "rabbitmq.conf", "rsyncd.conf", "qemu.conf", "x"]
    {
        for text in [
            "[a\u{1b}[2Jb]\nx\u{1b}y = 1\nx\u{1b}y = 2\n",
            "[a\u{8}]\nb\u{7f} = 1\n",
            "a\u{1b}b = 1\na\u{1b}b = 2\n",
            "[a]\nb\u{9b} = x\n\u{9b}\n",
            "[a]\nb\u{1b} = x\n    y \nb\u{1b} = z\n",
        ] {
            let mut data = Data::default();
            data.add_file(&["r", "s\u{1b}", file], Path::new("d/r/s\u{1b}/x"), text.as_bytes());
            data.add_file(&["r", "list"], Path::new("l"), format!("r/s/{text}").as_bytes());
            let said =
                data.finish().map_or_else(|problems| problems.to_string(), |_| String::new());
            let bad = |c: char| c.is_control() && c != '\n';
            assert!(!said.contains(bad), "{file}: {said:?}");
        }
    }
}
