//! How the daemon misbehaves.
//!
//! Words with blanks between them:
//!
//! | order | meaning |
//! |---|---|
//! | `die-on-start[:HOW]` | ends as soon as it has said that it is started |
//! | `die-on-hup[:HOW]` | ends when it gets a HUP |
//! | `die-after:MS[:HOW]` | ends so long after it was ready |
//! | `not-ready` | answers 503 |
//! | `ready-after:MS` | is ready so late after a start, and after each HUP |
//! | `deaf` | listens on no port |
//! | `ignore-term` | goes on after TERM, INT and QUIT |
//! | `stop-after:MS` | ends so long after TERM |
//! | `orphans:N` | starts processes, and leaves them, all of which end at once |
//! | `held-orphans:N` | the same, and they end when the daemon does |
//! | `stubborn:N` | starts children that ignore TERM, and says `child PID` |
//!
//! HOW is an exit code (1 where none is said) or `KILL`.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

#[derive(Clone, Debug, Default)]
pub(crate) struct Orders {
    pub(crate) die_on_start: Option<Death>,
    pub(crate) die_on_hup: Option<Death>,
    pub(crate) die_after: Option<(Duration, Death)>,
    pub(crate) not_ready: bool,
    pub(crate) ready_after: Duration,
    pub(crate) deaf: bool,
    pub(crate) ignore_term: bool,
    pub(crate) stop_after: Duration,
    pub(crate) orphans: usize,
    pub(crate) held_orphans: usize,
    pub(crate) stubborn: usize,
}

/// How it ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Death {
    Exit(i32),
    Kill,
}

impl FromStr for Orders {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut orders = Self::default();
        text.split_whitespace().try_for_each(|word| orders.add(word))?;
        Ok(orders)
    }
}

impl Orders {
    /// These, and those that stand in a file.
    pub(crate) fn and_of(&self, file: Option<&Path>) -> Self {
        let mut orders = self.clone();
        let text = file.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        let lines = text.lines().filter_map(|line| line.split_once('='));
        for (_, words) in lines.filter(|(option, _)| option.trim() == "orders") {
            for word in words.split_whitespace() {
                orders.add(word).unwrap_or_else(|error| panic!("{error}"));
            }
        }
        orders
    }

    fn add(&mut self, word: &str) -> Result<(), String> {
        let mut parts = word.splitn(3, ':');
        let order = parts.next().unwrap_or_default();
        let (first, second) = (parts.next(), parts.next());
        let number = || first.unwrap_or_default().parse().map_err(|_| format!("{word}: a number?"));
        let time = || number().map(|ms: usize| Duration::from_millis(ms as u64));
        match order {
            "die-on-start" => self.die_on_start = Some(death(first)?),
            "die-on-hup" => self.die_on_hup = Some(death(first)?),
            "die-after" => self.die_after = Some((time()?, death(second)?)),
            "not-ready" => self.not_ready = true,
            "ready-after" => self.ready_after = time()?,
            "deaf" => self.deaf = true,
            "ignore-term" => self.ignore_term = true,
            "stop-after" => self.stop_after = time()?,
            "orphans" => self.orphans = number()?,
            "held-orphans" => self.held_orphans = number()?,
            "stubborn" => self.stubborn = number()?,
            _ => return Err(format!("{word}: no such order")),
        }
        Ok(())
    }
}

fn death(how: Option<&str>) -> Result<Death, String> {
    match how {
        None => Ok(Death::Exit(1)),
        Some("KILL") => Ok(Death::Kill),
        Some(code) => code.parse().map(Death::Exit).map_err(|_| format!("{code}: no exit code")),
    }
}
