//! A step of a bootstrap.

use std::path::PathBuf;
use std::time::Duration;

use crate::identity::Inherited;
use crate::record::append;
use crate::say::say;

#[derive(clap::Args)]
pub(crate) struct Step {
    /// What it writes into the record: `begin TEXT` and, if it gets so far, `end TEXT`
    text: String,
    /// The file that tells what has run, and in which order
    #[arg(long)]
    record: PathBuf,
    /// It fails as long as it has begun no more often than this
    #[arg(long, default_value_t = 0)]
    fail_first: usize,
    /// It takes until this file is there
    #[arg(long)]
    until: Option<PathBuf>,
    /// A line that it prints
    #[arg(long)]
    say: Option<String>,
    /// A variable of the environment whose value is shown
    #[arg(long)]
    show: Vec<String>,
}

impl Step {
    /// Runs it, and ends.
    pub(crate) fn run(mut self, inherited: &Inherited) -> ! {
        let begin = format!("begin {}", self.text);
        append(&self.record, &begin);
        if let Some(line) = self.say.take() {
            say(&line);
            eprintln!("{line} on standard error");
        }
        for name in &self.show {
            say(format_args!("{name} = {:?}", std::env::var(name).ok()));
        }
        say(format_args!("step {}", inherited.json()));
        // There is no cheap event for a file that appears, and nobody measures a step of a test.
        while self.until.as_ref().is_some_and(|path| !path.exists()) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let record = std::fs::read_to_string(&self.record).expect("the record");
        if record.lines().filter(|line| *line == begin).count() <= self.fail_first {
            say("the step fails");
            std::process::exit(1);
        }
        append(&self.record, &format!("end {}", self.text));
        std::process::exit(0);
    }
}
