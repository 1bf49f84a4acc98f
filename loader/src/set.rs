//! `set`: single keys, by hand.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::Path;
use std::process::ExitCode;

use etcstack_config::key::Key;
use etcstack_config::secret::looks_secret;
use etcstack_config::variables::references;

use crate::cli::SetArgs;
use crate::hand::{Change, Expected, HandError, Wanted, is_secret_key, normal, seen_by_all};
use crate::history::Kind;
use crate::{run, task};

/// What stands for standard input.
const INPUT: &str = "-";

/// More than any value may have; what is longer is not read to its end.
const MOST: u64 = 4 << 20;

/// The command.
pub(crate) fn run(args: &SetArgs) -> ExitCode {
    run::to_end(async {
        let (wanted, shown) = wanted(args)?;
        let expected = match (&args.expect, args.expect_absent) {
            (Some(value), _) => Expected::Value(value.clone()),
            (None, true) => Expected::Absent,
            (None, false) => Expected::Anything,
        };
        if wanted.len() > 1 && !matches!(expected, Expected::Anything) {
            let message = "--expect and --expect-absent go with one key";
            return Err(HandError::Usage(message.into()));
        }
        Change::new(Kind::Set, &args.hand, wanted, args.force, args.allow_unknown)?
            .showing(shown)
            .expecting(expected)
            .execute(&args.hand)
            .await
    })
}

/// The keys and their values, from wherever they are to be read; and which of the values stand on
/// the command line, be they secrets or not.
fn wanted(args: &SetArgs) -> Result<(Wanted, BTreeSet<String>), HandError> {
    let words: Vec<&str> = args.words.iter().map(String::as_str).collect();
    let one = |key: &str, text: String, from: &Path| {
        let key = spelled(key)?;
        // Most likely what was to make it has failed.
        if text.is_empty() {
            let reason = "it is empty; for an empty value write KEY=".to_owned();
            return Err(HandError::Input { path: from.to_owned(), reason });
        }
        let value = as_value(&key, text);
        Ok((Wanted::from([(key, Some(value))]), BTreeSet::new()))
    };
    match (words.as_slice(), &args.from_file) {
        ([key], Some(path)) => one(key, read(path)?, path),
        (_, Some(_)) => Err(usage("--from-file goes with one KEY and no VALUE")),
        ([key, INPUT], None) if !key.contains('=') => {
            let input = Path::new("standard input");
            one(key, text_of(io::stdin().lock(), input)?, input)
        }
        ([key, value], None) if !key.contains('=') => {
            let key = spelled(key)?;
            let shown = shown(&key, value);
            Ok((Wanted::from([(key, Some((*value).to_owned()))]), shown.into_iter().collect()))
        }
        (pairs, None) => pairs_of(pairs),
    }
}

fn pairs_of(words: &[&str]) -> Result<(Wanted, BTreeSet<String>), HandError> {
    let mut wanted = Wanted::new();
    let mut all_shown = BTreeSet::new();
    for word in words {
        let Some((key, value)) = word.split_once('=') else {
            // Not the word itself: it may be a value.
            return Err(usage(
                "write KEY VALUE, KEY -, KEY --from-file FILE, or KEY=VALUE for each of several",
            ));
        };
        let key = spelled(key)?;
        all_shown.extend(shown(&key, value));
        let earlier = wanted.insert(key.clone(), Some(value.to_owned()));
        if earlier.is_some_and(|earlier| earlier.as_deref() != Some(value)) {
            let message = format!("{}: two values for one key", key.escape_debug());
            return Err(usage(&message));
        }
    }
    Ok((wanted, all_shown))
}

fn usage(message: &str) -> HandError {
    HandError::Usage(message.to_owned())
}

/// The key as data spells it.
fn spelled(key: &str) -> Result<String, HandError> {
    let normal = normal(key)?;
    if normal != key {
        let (key, normal) = (key.escape_debug(), normal.escape_debug());
        task::warn(format!("{key}: sections are written in lower case; this sets {normal}"));
    }
    Ok(normal)
}

/// The last line break is an editor's, except in a file.
fn as_value(key: &str, text: String) -> String {
    match Key::parse(key) {
        Ok(Key::File(_)) => text,
        _ => task::without_line_break(&text).to_owned(),
    }
}

/// Warns of what is a secret by itself. What is none may be one in the store: the key is given.
fn shown(key: &str, value: &str) -> Option<String> {
    if value.is_empty() || !references(value).is_empty() {
        return None;
    }
    let why = if is_secret_key(key) {
        "by its name"
    } else if looks_secret(value) {
        "by its form"
    } else {
        return Some(key.to_owned());
    };
    task::warn(seen_by_all(key, why));
    None
}

fn read(path: &Path) -> Result<String, HandError> {
    let file = std::fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    text_of(file, path)
}

fn text_of(from: impl Read, path: &Path) -> Result<String, HandError> {
    let mut text = String::new();
    from.take(MOST).read_to_string(&mut text).map_err(|error| unreadable(path, &error))?;
    Ok(text)
}

fn unreadable(path: &Path, error: &io::Error) -> HandError {
    let reason = match error.kind() {
        io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        _ => error.to_string(),
    };
    HandError::Input { path: path.to_owned(), reason }
}
