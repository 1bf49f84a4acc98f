//! What has to be so, whatever was played.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use super::Way;
use super::game::{numbers, reads};

/// Reads the files all the time, as a program does that knows nothing of the agent.
pub(super) struct Reader {
    go_on: Arc<AtomicBool>,
    thread: Option<JoinHandle<BTreeSet<usize>>>,
}

impl Reader {
    pub(super) fn of(files: [PathBuf; 2]) -> Self {
        let go_on = Arc::new(AtomicBool::new(true));
        let flag = go_on.clone();
        // Before the first change.
        let files = files.map(|path| (text(&path), path));
        let thread = std::thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while flag.load(Ordering::Relaxed) {
                seen.extend(files.iter().map(|(first, path)| read(first, path)));
                // For whoever else wants to run; a moment that is missed comes again.
                std::thread::sleep(std::time::Duration::from_micros(300));
            }
            seen
        });
        Self { go_on, thread: Some(thread) }
    }

    /// The numbers of the changes that were seen. Panics if a file was ever not whole.
    pub(super) fn end(mut self) -> BTreeSet<usize> {
        self.go_on.store(false, Ordering::Relaxed);
        let thread = self.thread.take().unwrap();
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.go_on.store(false, Ordering::Relaxed);
    }
}

fn text(path: &Path) -> String {
    let text = std::fs::read_to_string(path);
    text.unwrap_or_else(|error| panic!("{} is not there: {error}", path.display()))
}

/// The change that a file is of; 0 where it is as it was first.
fn read(first: &str, path: &Path) -> usize {
    let text = text(path);
    if text == first {
        return 0;
    }
    let number = number_of(&text, "\n");
    assert!(number > 0 && text.ends_with('\n'), "a part of {}: {text:?}", path.display());
    number
}

/// The change that a text is of. Panics where it is of several, or of a part of one.
fn number_of(text: &str, newline: &str) -> usize {
    let numbers = numbers(text, newline);
    let Some(first) = numbers.first() else { return 0 };
    let whole = numbers.len() == 4 && numbers.iter().all(|number| number == first);
    assert!(whole, "a mixture, or a part: {text}");
    first.parse().unwrap_or_else(|_| panic!("no number: {text}"))
}

/// What is known of a sequence besides.
pub(super) struct Sequence {
    pub(super) way: Way,
    pub(super) kills: usize,
    pub(super) breaks: usize,
}

/// Looks at what the daemon has said from its first start on: each signal has its reason.
pub(super) fn judge(lines: &[String], sequence: &Sequence) {
    let Sequence { way, kills, breaks } = *sequence;
    // The change that the daemon has read last. Where it has read a later one than it was told of,
    // it will be told of that one as well: so often it may read the same again.
    let (mut last, mut ahead) = (0, 0);
    let (mut terms, mut stopping) = (0, false);
    for line in lines.iter().filter(|line| line.starts_with("n1 ")) {
        if !reads(line) {
            if line == "n1 got TERM" {
                assert!(!stopping, "two signals for one end");
                stopping = true;
                terms += 1;
            }
            let expected = line.ends_with(" got TERM") || !line.contains(" got ");
            assert!(expected, "nobody asked for this: {line}");
            continue;
        }
        let number = number_of(line, "\\n");
        if line.starts_with("n1 started ") {
            // Started anew by a signal: then for another state than the one that it knew.
            assert!(!stopping || number != last, "a restart for nothing: {line}");
            (ahead, stopping) = (number.saturating_sub(last), false);
        } else {
            assert_eq!(way, Way::Reload, "{line}");
            // Each change that is told comes after the one before, and none of them twice.
            assert!(number > last || (number == last && ahead > 0), "told for nothing: {line}");
            ahead = if number > last { number - last } else { ahead } - 1;
        }
        last = number;
    }
    // Whoever is told by a signal is stopped to undo a change, and for nothing else. A change is
    // also to blame for a death that it has nothing to do with.
    if way == Way::Reload {
        assert!(terms <= breaks + kills, "{terms} ends for {breaks} bad changes, {kills} kills");
    }
}
