//! `set`: single keys, by hand.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use etcstack_config::binary;
use etcstack_config::dialect::Dialect;
use etcstack_config::key::Key;
use etcstack_config::secret::looks_secret;
use etcstack_config::variables::references;

use crate::address::is_address;
use crate::cli::SetArgs;
use crate::dialects::{self, Dialects};
use crate::hand::{
    Change, Expected, HandError, Wanted, check_key, is_secret_key, normal, open, seen_by_all,
};
use crate::history::Kind;
use crate::{run, task};

/// What stands for standard input.
const INPUT: &str = "-";

/// More than any value may have; what is longer is not read to its end.
const MOST: u64 = 4 << 20;

/// A key as it was written, and what it is to hold.
struct Given {
    key: String,
    content: Content,
}

/// Where a value comes from.
enum Content {
    /// The command line, for all to see.
    Word(String),
    /// A file, or standard input.
    Bytes(Vec<u8>, PathBuf),
}

/// The command.
pub(crate) fn run(args: &SetArgs) -> ExitCode {
    run::to_end(async {
        let given = given(args)?;
        let expected = match (&args.expect, args.expect_absent) {
            (Some(value), _) => Expected::Value(value.clone()),
            (None, true) => Expected::Absent,
            (None, false) => Expected::Anything,
        };
        if given.len() > 1 && !matches!(expected, Expected::Anything) {
            return Err(usage("--expect and --expect-absent go with one key"));
        }
        let store = open(&args.hand)?;
        let dialects = dialects::of_store(&store, args.hand.common.start_timeout).await?;
        let (wanted, shown) = wanted(given, &dialects)?;
        Change::new(Kind::Set, store, &args.hand, wanted, args.force, args.allow_unknown)?
            .noting(&dialects)
            .showing(shown)
            .expecting(expected)
            .execute(&args.hand)
            .await
    })
}

/// The keys and their values, from wherever they are to be read.
fn given(args: &SetArgs) -> Result<Vec<Given>, HandError> {
    let words: Vec<&str> = args.words.iter().map(String::as_str).collect();
    let one = |key: &str, bytes: Vec<u8>, from: &Path| {
        check_key(key)?;
        // Most likely what was to make it has failed.
        if bytes.is_empty() {
            let reason = "it is empty; for an empty value write KEY=".to_owned();
            return Err(HandError::Input { path: from.to_owned(), reason });
        }
        let content = Content::Bytes(bytes, from.to_owned());
        Ok(vec![Given { key: key.to_owned(), content }])
    };
    match (words.as_slice(), &args.from_file) {
        ([key], Some(path)) => one(key, read(path)?, path),
        (_, Some(_)) => Err(usage("--from-file goes with one KEY and no VALUE")),
        ([key, INPUT], None) if !key.contains('=') => {
            let input = Path::new("standard input");
            one(key, bytes_of(io::stdin().lock(), input)?, input)
        }
        ([key, value], None) if !key.contains('=') => Ok(vec![word(key, value)?]),
        (pairs, None) => pairs.iter().map(|pair| pair_of(pair)).collect(),
    }
}

fn word(key: &str, value: &str) -> Result<Given, HandError> {
    check_key(key)?;
    Ok(Given { key: key.to_owned(), content: Content::Word(value.to_owned()) })
}

fn pair_of(pair: &str) -> Result<Given, HandError> {
    let Some((key, value)) = pair.split_once('=') else {
        // Not the word itself: it may be a value.
        return Err(usage(
            "write KEY VALUE, KEY -, KEY --from-file FILE, or KEY=VALUE for each of several",
        ));
    };
    word(key, value)
}

/// The keys as data spells them, and their values; and which of the values stand on the command
/// line, be they secrets or not.
fn wanted(given: Vec<Given>, dialects: &Dialects) -> Result<(Wanted, BTreeSet<String>), HandError> {
    let mut wanted = Wanted::new();
    let mut all_shown = BTreeSet::new();
    for Given { key, content } in given {
        let key = spelled(&key, dialects)?;
        let value = match content {
            Content::Word(value) => {
                all_shown.extend(shown(&key, &value));
                value
            }
            Content::Bytes(bytes, from) => value_of(&key, bytes, &from, dialects)?,
        };
        let earlier = wanted.insert(key.clone(), Some(value.clone()));
        if earlier.is_some_and(|earlier| earlier != Some(value)) {
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
fn spelled(key: &str, dialects: &Dialects) -> Result<String, HandError> {
    let normal = normal(key, dialects)?;
    if normal != key {
        let (key, normal) = (key.escape_debug(), normal.escape_debug());
        task::warn(format!("{key}: sections are written in lower case; this sets {normal}"));
    }
    Ok(normal)
}

/// What the key of a file's or an input's content holds. The last line break is an editor's, except
/// in a file; a binary file has its bytes in base64, unless they are so already.
fn value_of(
    key: &str,
    bytes: Vec<u8>,
    from: &Path,
    dialects: &Dialects,
) -> Result<String, HandError> {
    let file = match Key::parse(key) {
        Ok(Key::File(file)) => Some(file),
        _ => None,
    };
    let is_binary = file.as_ref().is_some_and(|file| dialects.of(file) == Dialect::Binary);
    match String::from_utf8(bytes) {
        Ok(text) if is_binary => Ok(if binary::decode(&text).is_ok() || text.contains('$') {
            text
        } else {
            binary::encode(text.as_bytes())
        }),
        Ok(text) if file.is_some() => Ok(text),
        Ok(text) => Ok(task::without_line_break(&text).to_owned()),
        Err(error) if is_binary => Ok(binary::encode(error.as_bytes())),
        Err(_) => {
            let remedy = match file {
                Some(_) => NO_BINARY_FILE,
                None => "a value is text: give the bytes in base64 if their reader takes that",
            };
            let reason = format!("it is not UTF-8 text; {remedy}");
            Err(HandError::Input { path: from.to_owned(), reason })
        }
    }
}

/// What to do where a file's name does not say that it is binary.
const NO_BINARY_FILE: &str = "if the service is to get these very bytes, say that the file is \
     binary, under [dialects] in the data's validate.toml, load that, and set it then";

/// Warns of what is a secret by itself. What is none may be one in the store: the key is given.
fn shown(key: &str, value: &str) -> Option<String> {
    if value.is_empty() || !references(value).is_empty() {
        return None;
    }
    let is_harmless = Key::parse(key).is_ok_and(|key| is_address(&key, value.as_bytes(), &[]));
    let why = if is_secret_key(key) && !is_harmless {
        "by its name"
    } else if looks_secret(value) {
        "by its form"
    } else {
        return Some(key.to_owned());
    };
    task::warn(seen_by_all(key, why));
    None
}

fn read(path: &Path) -> Result<Vec<u8>, HandError> {
    let file = std::fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    bytes_of(file, path)
}

fn bytes_of(from: impl Read, path: &Path) -> Result<Vec<u8>, HandError> {
    let mut bytes = Vec::new();
    from.take(MOST).read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
    Ok(bytes)
}

fn unreadable(path: &Path, error: &io::Error) -> HandError {
    HandError::Input { path: path.to_owned(), reason: error.to_string() }
}
