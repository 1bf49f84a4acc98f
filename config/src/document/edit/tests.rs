use proptest::prelude::*;

use crate::document::{
    Assignment, Document, Grammar, Libvirt, Mysql, Oslo, Plain, Rsync, Value, normal_section,
    split_values,
};

fn values(text: &str) -> Vec<Value> {
    split_values(text).into_iter().map(|lines| Value::from_lines(&Oslo, lines).unwrap()).collect()
}

fn set(text: &str, section: &str, option: &str, value: &str) -> String {
    let mut document = Document::parse(&Oslo, text).unwrap();
    document.set(Some(section), option, &values(value)).unwrap();
    let printed = document.to_string();
    // What the document believes of itself is what a reader finds in the text.
    assert_eq!(Document::parse(&Oslo, &printed).unwrap().lines, document.lines, "{printed}");
    printed
}

#[test]
fn in_place() {
    for (text, value, expected) in [
        ("[A]\na=1\n", "2", "[A]\na=2\n"),
        ("[A]\na :  1   \n", "2", "[A]\na :  2\n"),
        ("[A]\na =\nb = 1\n", "2", "[A]\na = 2\nb = 1\n"),
        ("[A]\na=\n", "2", "[A]\na= 2\n"),
        ("[A]\na = 1\n", "", "[A]\na =\n"),
        ("[A]\na = 1\n  2\n  3\n# c\n", "x", "[A]\na = x\n# c\n"),
        ("[A]\na = 1", "2", "[A]\na = 2"),
        ("[A]\r\na = 1\r\nb = 1\r\n", "2", "[A]\r\na = 2\r\nb = 1\r\n"),
        ("[A]\na = 1\n", "x\n  y\nz", "[A]\na = x\n    y\na = z\n"),
        ("[A]\na = 1\n", " x", "[A]\na = \" x\"\n"),
        // The same value, however it is written, is no change.
        ("[A]\na='1'  \n", "1", "[A]\na='1'  \n"),
        ("[A]\na = x\n\ty\n", "x\n y", "[A]\na = x\n\ty\n"),
    ] {
        assert_eq!(set(text, "A", "a", value), expected, "{text:?}");
    }
}

#[test]
fn an_option_that_occurs_more_than_once() {
    let text = "[A]\na = 1\nb = x\n[B]\na = 0\n[a]\na = 2\n";
    assert_eq!(set(text, "A", "a", "1\n2"), text);
    assert_eq!(set(text, "A", "a", "3"), "[A]\na = 3\nb = x\n[B]\na = 0\n[a]\n");
    assert_eq!(set(text, "A", "a", "1"), "[A]\na = 1\nb = x\n[B]\na = 0\n[a]\n");
    assert_eq!(
        set(text, "A", "a", "1\n2\n3"),
        "[A]\na = 1\nb = x\n[B]\na = 0\n[a]\na = 2\na = 3\n"
    );
    assert_eq!(set("[A]\na = 1\na = 2", "A", "a", "1"), "[A]\na = 1");
    // The place that goes was the last line, and open; the blank line before it stays.
    assert_eq!(set("[A]\na:\n\na=", "A", "a", ""), "[A]\na:\n\n");
    assert_eq!(set("[A]\na:\n  \na=", "A", "a", ""), "[A]\na:\n  ");
}

/// What is printed goes by the lines as they are now, not as they were read.
#[test]
fn an_end_that_went_and_came_back() {
    let mut document = Document::parse(&Oslo, "[A]\na = 1\nb = 1\r\na = 2").unwrap();
    for (option, value, expected) in [
        ("a", "1", "[A]\na = 1\nb = 1"),
        ("c", "1", "[A]\na = 1\nb = 1\nc = 1"),
        ("c", "1\n2", "[A]\na = 1\nb = 1\nc = 1\nc = 2"),
        ("b", "2", "[A]\na = 1\nb = 2\nc = 1\nc = 2"),
    ] {
        document.set(Some("A"), option, &values(value)).unwrap();
        assert_eq!(document.to_string(), expected);
    }
}

/// What stands between two occurrences may say otherwise: the one that counts is kept.
#[test]
fn the_last_one_where_that_counts() {
    let set = |grammar: &'static dyn Grammar, text: &str, section, values: &[&str]| {
        let mut document = Document::parse(grammar, text).unwrap();
        let values: Vec<_> =
            values.iter().map(|value| Value::from_lines(grammar, [*value]).unwrap()).collect();
        document.set(section, "a", &values).unwrap();
        document.to_string()
    };
    let text = "[m]\na = 1\n!include f\n[m]\na = 2\n";
    assert_eq!(set(&Mysql, text, Some("m"), &["3"]), "[m]\n!include f\n[m]\na = 3\n");
    assert_eq!(set(&Mysql, text, Some("m"), &["1", "3"]), text.replace('2', "3"));
    let text = "[m]\na = 1\n&merge f\na = 2\n";
    assert_eq!(set(&Rsync, text, Some("m"), &["3"]), "[m]\n&merge f\na = 3\n");
    let text = "a = 1\ninclude f\na = 2\n";
    assert_eq!(set(&Plain, text, None, &["3"]), "include f\na = 3\n");
    let text = "a = 1\na = 2\n";
    assert_eq!(set(&Libvirt, text, None, &["3"]), "a = 3\n");
}

#[test]
fn where_the_commented_default_stands() {
    for (text, expected) in [
        ("[A]\n# Prose about a = b\n#a = 1\n#b = 2\n", "[A]\n# Prose about a = b\na = 9\n#b = 2\n"),
        ("[A]\n#a =\n", "[A]\na = 9\n"),
        ("[A]\n#a=1\n", "[A]\na=9\n"),
        ("[A]\n# a = 1\n", "[A]\na = 9\n"),
        ("[A]\n# a = 1\n#a = 2\n", "[A]\n# a = 1\na = 9\n"),
        ("[A]\n#a = 1\n#a = 2\n", "[A]\na = 9\n#a = 2\n"),
        ("[B]\n#a = 1\n[A]\n#a = 1", "[B]\n#a = 1\n[A]\na = 9"),
        // Prose is no default.
        ("[A]\n# a: if 1, more\n", "[A]\n# a: if 1, more\na = 9\n"),
        ("[A]\n# a = 1 is what most want\n", "[A]\n# a = 1 is what most want\na = 9\n"),
        // Under a commented header it belongs to another section.
        ("[A]\n#[B]\n#a = 1\n", "[A]\n#[B]\n#a = 1\na = 9\n"),
        ("[A]\n##a = 1\n", "[A]\n##a = 1\na = 9\n"),
    ] {
        assert_eq!(set(text, "A", "a", "9"), expected, "{text:?}");
    }
}

#[test]
fn at_the_end_of_the_section() {
    for (text, expected) in [
        ("[A]\nx = 1\n\n[B]\n", "[A]\nx = 1\na = 9\n\n[B]\n"),
        ("[A]\n[B]\n", "[A]\na = 9\n[B]\n"),
        ("[A]\nx = 1\n\n# About B\n[B]\n", "[A]\nx = 1\na = 9\n\n# About B\n[B]\n"),
        ("[A]\n#x = 1\n[B]\n", "[A]\n#x = 1\na = 9\n[B]\n"),
        ("[A]\nx = 1\n\n# last words\n", "[A]\nx = 1\n\n# last words\na = 9\n"),
        ("[A]\nx = 1", "[A]\nx = 1\na = 9"),
        ("[A]\r\nx = 1", "[A]\r\nx = 1\r\na = 9"),
        ("[A]\nx = 1\n  more\n\n\n", "[A]\nx = 1\n  more\na = 9\n\n\n"),
        ("[A]\n[B]\n[A]\n[C]\n", "[A]\n[B]\n[A]\na = 9\n[C]\n"),
    ] {
        assert_eq!(set(text, "A", "a", "9"), expected, "{text:?}");
    }
}

#[test]
fn a_new_section() {
    for (text, expected) in [
        ("", "[A]\na = 9\n"),
        ("[B]\nx = 1\n", "[B]\nx = 1\n\n[A]\na = 9\n"),
        ("[B]\nx = 1\n\n", "[B]\nx = 1\n\n[A]\na = 9\n"),
        ("[B]\r\nx = 1", "[B]\r\nx = 1\r\n\r\n[A]\r\na = 9"),
    ] {
        assert_eq!(set(text, "A", "a", "9"), expected, "{text:?}");
    }
}

/// Lines that make up files, good and strange.
fn some_file() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just(String::new()),
        Just("[A]".to_owned()),
        Just("[a]".to_owned()),
        Just("[DEFAULT]".to_owned()),
        "# ?[ab] ?= ?[xy]?",
        "[ab] ?[=:] ?['\"]?[xy \"']{0,4}",
        "[ \t]{1,2}[xy]{1,2}",
        "#\\[[AB]\\]",
    ];
    let end = prop_oneof![Just("\n"), Just("\r\n")];
    (proptest::collection::vec(line, 0..12), end, any::<bool>()).prop_map(|(lines, end, last)| {
        let mut text = lines.join(end);
        if last {
            text.push_str(end);
        }
        text
    })
}

fn effective(document: &Document<'_>) -> Vec<(String, String, String)> {
    let own =
        |a: Assignment<'_>| (normal_section(a.section.unwrap()), a.option.to_owned(), a.value);
    document.assignments().into_iter().map(own).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn parse_then_print_is_the_same(text in "[\\[\\]A=:#; \t\r\n\"'x\u{a0}]{0,40}") {
        let (document, _) = Document::parse_leniently(&Oslo, &text);
        prop_assert_eq!(document.to_string(), text);
    }

    #[test]
    fn an_edit_changes_what_it_names_and_nothing_else(
        text in some_file(),
        section in "(A|DEFAULT|new)",
        option in "[abc]",
        value in "[xy \"']{0,4}(\n[ ]?[xy]{1,3}){0,3}",
    ) {
        let Ok(before) = Document::parse(&Oslo, &text) else { return Ok(()) };
        prop_assert_eq!(&before.to_string(), &text);
        let new = values(&value);
        let mut after = before.clone();
        after.set(Some(&section), &option, &new).unwrap();

        let printed = after.to_string();
        let read = Document::parse(&Oslo, &printed).map_err(|e| TestCaseError::fail(format!("{e:?}")))?;
        prop_assert_eq!(&read.lines, &after.lines);

        let wanted = normal_section(&section);
        let is_ours = |entry: &(String, String, String)| entry.0 == wanted && entry.1 == option;
        let ours: Vec<_> = effective(&read).into_iter().filter(is_ours).map(|e| e.2).collect();
        let expected: Vec<_> = new.iter().map(Value::text).collect();
        prop_assert_eq!(ours, expected);
        let others = |d: &Document<'_>| effective(d).into_iter().filter(|e| !is_ours(e)).collect::<Vec<_>>();
        prop_assert_eq!(others(&read), others(&before));

        let mut again = read.clone();
        again.set(Some(&section), &option, &new).unwrap();
        prop_assert_eq!(again.lines, read.lines);
    }
}

/// What is commented out behind a header that is commented out as well is of another section.
#[test]
fn headers_that_are_commented_out() {
    for header in
        ["#[b]", "# [b]", "##[c] ", ";[c]", "; [c]", "#[b] # old", "# [b]\t; old", "#;[b]"]
    {
        let text = format!("[A]\nx = 1\n{header}\n#a = 0\n");
        assert_eq!(set(&text, "A", "a", "1"), format!("{text}a = 1\n"), "{header}");
    }
    for header in ["#[b] is old", "#  [b]", "#[b", "# see [b]"] {
        let text = format!("[A]\nx = 1\n{header}\n#a = 0\n");
        let expected = format!("[A]\nx = 1\n{header}\na = 1\n");
        assert_eq!(set(&text, "A", "a", "1"), expected, "{header}");
    }
    // Where there are no sections, nothing is a header.
    let mut document = Document::parse(&Plain, "#[b]\n#a = 0\n").unwrap();
    document.set(None, "a", &[Value::from_lines(&Plain, ["1"]).unwrap()]).unwrap();
    assert_eq!(document.to_string(), "#[b]\na = 1\n");
}

#[test]
fn a_carriage_return_before_a_blank_line() {
    for (text, expected) in [
        ("#\r[A]\ra=0\n\n", "#\r[A]\ra=1\r\n\n"),
        ("#\r[A]\r\n\n", "#\r[A]\r\na = 1\r\n\n"),
        ("#\r[A]\ra=0\n\n\n", "#\r[A]\ra=1\r\n\n\n"),
        ("#\r[A]\ra=0\r\r", "#\r[A]\ra=1\r\r"),
        ("[A]\na=0\n#\ra=0\n\n", "[A]\na=1\n#\r\n\n"),
    ] {
        assert_eq!(set(text, "A", "a", "1"), expected, "{text:?}");
    }
}
