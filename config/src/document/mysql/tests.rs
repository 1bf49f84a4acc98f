use super::Mysql;
use crate::document::{Document, Grammar, Value};

fn parse(text: &str) -> Document<'_> {
    Document::parse(&Mysql, text).unwrap()
}

fn read(text: &str) -> Vec<(String, String, String)> {
    let document = parse(text);
    assert_eq!(document.to_string(), text);
    let own = |a: crate::document::Assignment<'_>| {
        (a.section.unwrap_or("-").to_owned(), a.option.to_owned(), a.value)
    };
    document.assignments().into_iter().map(own).collect()
}

fn set(text: &str, name: (&str, &str), values: &[&[&str]]) -> Result<String, String> {
    let mut document = parse(text);
    Mysql.check_name(Some(name.0), name.1)?;
    let value = |lines: &&[&str]| Value::from_lines(&Mysql, lines.iter().copied());
    let values: Result<Vec<_>, _> = values.iter().map(value).collect();
    let values = values.map_err(|error| error.to_string())?;
    document.set(Some(name.0), name.1, &values).map_err(|error| error.to_string())?;
    Ok(document.to_string())
}

#[test]
fn options() {
    for (line, option, value) in [
        ("a = b", "a", "b"),
        ("  a=b\t", "a", "b"),
        ("a b = c = d", "a b", "c = d"),
        ("skip-name-resolve", "skip-name-resolve", ""),
        ("skip # a comment", "skip", ""),
        ("a =", "a", "\"\""),
        ("a = # a comment", "a", "\"\""),
        ("a = \"\"", "a", "\"\""),
        ("a = b # c", "a", "b"),
        ("a = b;c", "a", "b;c"),
        ("a = it's # no comment", "a", "it's # no comment"),
        ("a = \"b # c\" # d", "a", "b # c"),
        ("a = \"b\\\" # c\"", "a", "b\" # c"),
        ("a = 'b' 'c'", "a", "b' 'c"),
        ("a = '", "a", "'"),
        ("a = \"b'", "a", "\"b'"),
        ("a = b\"#\"c", "a", "b\"#\"c"),
        (r"a = x\s\t\n\r\b\\\'\q\", "a", "x \t\n\r\u{8}\\'\\q\\"),
        (r"a = 'b\'", "a", "b\\"),
        ("a = é", "a", "é"),
        ("a = \"à\"", "a", "à"),
        ("a = \u{a0}b", "a", "\u{a0}b"),
        ("a = b\rc", "a", "b\rc"),
    ] {
        let all = read(&format!("[s]\n{line}"));
        assert_eq!(all, [("s".into(), option.into(), value.into())], "{line:?}");
    }
}

#[test]
fn groups_directives_and_comments() {
    let text = " ; c\r\n#d\r\n\r\n [s ] what=ever\r\na=1\r\n!include /x.cnf\r\n! includedir /y\r\n\
                !other\r\n[ t]\r\nb";
    let own = |s: &str, o: &str, v: &str| (s.to_owned(), o.to_owned(), v.to_owned());
    assert_eq!(read(text), [own("s", "a", "1"), own(" t", "b", "")]);
    let document = parse(text);
    let directives: Vec<_> = document.directives().collect();
    assert_eq!(directives, [(6, "!include /x.cnf"), (7, "! includedir /y"), (8, "!other")]);
    assert!(read("").is_empty());
}

#[test]
fn every_line_of_a_value_has_its_place() {
    let document = parse("[s]\n é = \"x\\ny\"\nb\n");
    let starts: Vec<_> = document.assignments().into_iter().map(|found| found.starts).collect();
    assert_eq!(starts, [vec![(2, 7), (2, 7)], vec![(3, 2)]]);
}

#[test]
fn all_mistakes_are_found_at_once_with_their_places() {
    let long = format!("# {}", "x".repeat(4093));
    let text = format!(
        "\u{feff}\nearly\n[x\n{long}\na = b\0c\n  = 1\na = né à\nbà = 1\n[cà]\n[ ]\n a='\"\"'\n\
         !include\n!includedir /x"
    );
    let errors = Document::parse(&Mysql, &text).unwrap_err();
    let places: Vec<_> = errors.iter().map(|e| (e.line, e.column)).collect();
    let expected = [
        (1, 1),
        (2, 1),
        (3, 3),
        (4, 1),
        (5, 6),
        (6, 3),
        (7, 8),
        (8, 2),
        (9, 3),
        (10, 2),
        (11, 4),
        (12, 9),
        (13, 12),
    ];
    assert_eq!(places, expected, "{errors:#?}");
}

#[test]
fn a_line_may_fill_the_buffer() {
    let longest = format!("[s]\na={}\n", "x".repeat(4092));
    assert_eq!(read(&longest).len(), 1);
    assert!(Document::parse(&Mysql, &longest.replace("x\n", "xx\n")).is_err());
}

#[test]
fn values_are_set() {
    for (before, option, values, after) in [
        ("bind-address = x", "bind_address", &[&["y"][..]][..], "bind-address = y"),
        ("a\t=  x   # why", "a", &[&["y"]], "a\t=  y   # why"),
        ("a=x", "a", &[&["y"]], "a=y"),
        ("a=", "a", &[&["y"]], "a= y"),
        ("a = 'x'", "a", &[&["x"]], "a = 'x'"),
        ("a", "a", &[&["y"]], "a = y"),
        ("a # why", "a", &[&["y"]], "a = y # why"),
        ("a = x # why", "a", &[&[""]], "a # why"),
        ("a = x", "a", &[&["\"\""]], "a = \"\""),
        ("a =", "a", &[&["\"\""]], "a ="),
        ("a", "a", &[&[""]], "a"),
        ("#a-b = 1", "a_b", &[&["2"]], "a-b = 2"),
        ("#skip-x", "skip-x", &[&[""]], "skip-x"),
        ("#skip-x", "skip-x", &[&["1"]], "skip-x = 1"),
        ("a = x\na = y", "a", &[&["x"], &["z"], &["y"]], "a = x\na = z\na = y"),
        ("a = x", "a", &[&["# ;"]], "a = \"# ;\""),
        ("a = x", "a", &[&[" it's "]], "a = \" it's \""),
        ("a = x", "a", &[&["\"x\"\\"]], r#"a = "\"x\"\\""#),
        ("a = x", "a", &[&["C:\\new"]], r"a = C:\\new"),
        ("a = x", "a", &[&["à"]], "a = \"à\""),
        ("a = x", "a", &[&["x\u{8}\t\r"]], r#"a = "x\b\t\r""#),
        ("a = x", "a", &[&["x", "", " y"]], r"a = x\n\n y"),
        ("a = x", "a", &[&["", ""]], r#"a = "\n""#),
        ("a = \u{a0}x\u{a0}y # z", "a", &[&["u"]], "a = u # z"),
    ] {
        let text = format!("[s]\n{before}\n");
        let result = set(&text, ("S", option), values);
        assert_eq!(result, Ok(format!("[s]\n{after}\n")), "{before:?}");
    }
}

#[test]
fn new_ones_go_to_their_group_or_a_new_one() {
    let text = "[client-server]\nsocket = x\n\n!includedir /etc/y/\n";
    let result = set(text, ("Client-Server", "port"), &[&["1"]]).unwrap();
    assert_eq!(result, format!("{text}port = 1\n"));
    let result = set(text, ("mysqld", "skip-x"), &[&[""]]).unwrap();
    assert_eq!(result, format!("{text}\n[mysqld]\nskip-x\n"));
}

#[test]
fn what_cannot_be_written_is_refused_without_the_value() {
    for (lines, message) in [
        (&["se\0cret"][..], "NUL"),
        (&[&"secret".repeat(700)], "4094"),
        (&[&"\\\\\\\\\\".repeat(420)], "4094"),
        (&[&"é".repeat(2045)], "4094"),
    ] {
        let refused = set("[s]\naaaa = x\n", ("s", "aaaa"), &[lines]).unwrap_err();
        assert!(refused.contains(message) && !refused.contains("secret"), "{refused}");
    }
    let longest = "x".repeat(4094 - "a = ".len());
    assert!(set("[s]\na = x\n", ("s", "a"), &[&[longest.as_str()]]).is_ok());
}

#[test]
fn names() {
    for (group, option, message) in [
        (None, "a", "before the first group"),
        (Some(""), "a", "empty"),
        (Some(" s"), "a", "blank"),
        (Some("a]b"), "a", "bracket"),
        (Some("a\nb"), "a", "line break"),
        (Some("à"), "a", "drops a byte"),
        (Some("s"), "", "empty"),
        (Some("s"), "a ", "blank"),
        (Some("s"), "a=b", "'='"),
        (Some("s"), "a#b", "'#'"),
        (Some("s"), "it's", "quote"),
        (Some("s"), "--a", "dashes"),
        (Some("s"), "!include", "'!'"),
        (Some("s"), "à", "drops a byte"),
    ] {
        let refused = Mysql.check_name(group, option).unwrap_err();
        assert!(refused.contains(message), "{group:?} {option:?}: {refused}");
    }
    assert_eq!(Mysql.check_name(Some("mariadb-10.11"), "loose-innodb_x.y"), Ok(()));
    assert_eq!(Mysql.check_name(Some("[ x"), "é b:c"), Ok(()));
}

#[test]
fn what_a_variable_holds_is_no_sign_of_an_empty_value() {
    let mut line = String::new();
    assert!(Mysql.push_variable(&mut line, "\"\"").is_err());
    let mut line = "\"".to_owned();
    assert!(Mysql.push_variable(&mut line, "\"").is_err());
    let mut line = "\"".to_owned();
    assert!(Mysql.push_text(&mut line, "\"", Some("X")).is_err());
    let mut line = String::new();
    assert!(Mysql.push_text(&mut line, "\"\"", None).is_ok());
    let mut line = String::new();
    assert!(Mysql.push_variable(&mut line, "\"").is_ok());
    assert!(Mysql.push_variable(&mut line, "x").is_ok());
}
