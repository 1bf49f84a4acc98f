use super::*;
use crate::release::puts;

fn apply(entries: &mut Entries, writes: Vec<Write>) {
    for write in writes {
        match write {
            Write::Put { key, value } | Write::Hold { key, value, .. } => {
                entries.insert(key, value);
            }
            Write::Delete { key } => drop(entries.remove(&key)),
        }
    }
}

fn release(number: u64) -> Entry {
    let mut entry = Entry::new(number, Kind::Load, "me@here", "why");
    entry.at = "2026-03-01T12:00:00Z".into();
    entry.counts = Counts { added: 1, changed: 2, deleted: 3, kept: 0 };
    entry.parts = 1;
    entry
}

/// A store after some releases, each with one part of data.
fn store(numbers: std::ops::RangeInclusive<u64>) -> Entries {
    let mut entries = Entries::new();
    for number in numbers {
        let mut writes = release(number).put_current().to_vec();
        writes.extend(puts(number, vec![b"x".to_vec()]));
        apply(&mut entries, writes);
    }
    entries
}

#[test]
fn notes_and_releases_share_the_numbers() {
    let mut entries = store(1..=2);
    let history = History::of(&entries);
    assert_eq!((history.next(), history.current), (3, Some(2)));
    let mut note = Entry::new(history.next(), Kind::Set, "me", "");
    note.keys = vec!["general/A".into()];
    apply(&mut entries, history.note(&note));
    apply(&mut entries, vec![release(7).put_pending(false)]);
    let history = History::of(&entries);
    assert_eq!((history.next(), history.current), (8, Some(2)));
    assert_eq!(history.entries[&3], note);
    assert_eq!(history.pending[&7], release(7));
    assert_eq!(history.releases().count(), 2);
    // Of a later version.
    let other = r#"{"number": 9, "at": "", "kind": "unheard", "more": 1}"#;
    entries.insert("_etcstack/releases/00000009".into(), other.into());
    entries.insert("_etcstack/releases/00000010".into(), b"nonsense".to_vec());
    let history = History::of(&entries);
    assert_eq!((history.entries[&9].kind, history.next()), (Kind::Other, 11));
}

#[test]
fn what_is_too_old_goes_with_its_data() {
    let mut entries = store(1..=4);
    let history = History::of(&entries);
    assert!(history.prune(5).is_empty());
    apply(&mut entries, history.prune(3));
    let left: Vec<_> = entries.keys().map(|key| key.trim_start_matches("_etcstack/")).collect();
    let expected = [
        "data/00000003/0000",
        "data/00000004/0000",
        "release",
        "releases/00000003",
        "releases/00000004",
    ];
    assert_eq!(left, expected);
    // The current one is never too old.
    let writes = history.prune(1);
    assert!(
        !writes.iter().any(|write| matches!(write, Write::Delete { key } if key.contains('4')))
    );
}

#[test]
fn what_is_not_there_is_told_in_words() {
    let entries = store(1..=1);
    let history = History::of(&entries);
    let why = |back| history.find(Reference::Back(back)).unwrap_err();
    assert!(why(1).starts_with("there is no release before the current one; kept are: 1 "));
    assert!(why(2).starts_with("there are not 2 releases before the current one; kept are: 1 "));
}

#[test]
fn notes_are_bounded() {
    let mut entries = store(1..=1);
    for _ in 0..MOST_NOTES + 3 {
        let history = History::of(&entries);
        let note = Entry::new(history.next(), Kind::Unset, "me", "");
        apply(&mut entries, history.note(&note));
    }
    let history = History::of(&entries);
    assert_eq!(history.entries.len(), MOST_NOTES + 1);
    assert!(history.entries.contains_key(&1));
}

#[test]
fn releases_by_name() {
    let history = History::of(&store(3..=6));
    let find = |text: &str| history.find(text.parse().unwrap()).map(|entry| entry.number);
    assert_eq!(find("4"), Ok(4));
    assert_eq!(find("-1"), Ok(5));
    assert_eq!(find("-3"), Ok(3));
    assert!(find("-4").unwrap_err().contains("kept are: 3, 4, 5, 6"));
    assert!(find("2").unwrap_err().contains("not kept any more"));
    for text in ["", "0", "-0", "x", "--1", "1.5"] {
        assert!(text.parse::<Reference>().is_err(), "{text}");
    }
}

#[test]
fn the_table() {
    let mut entries = store(9..=10);
    let history = History::of(&entries);
    let mut note = Entry::new(11, Kind::Set, "a\u{1b}b", "");
    note.at = "2026-03-02T12:00:00Z".into();
    note.keys = vec!["general/A".into()];
    apply(&mut entries, history.note(&note));
    let table = show::text(&History::of(&entries), Some(2), "etcd://x");
    let expected = "\
ENTRY  TIME                  KIND  KEYS       AUTHOR    MESSAGE
11     2026-03-02T12:00:00Z  set   general/A  a\\u{1b}b
10*    2026-03-01T12:00:00Z  load  +1 ~2 -3   me@here   why
";
    assert_eq!(table, expected);
}
