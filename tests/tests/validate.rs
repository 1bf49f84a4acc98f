//! `etcstack-loader validate` as its users run it, and oslo.config as its judge.

// These are tests throughout, helpers included.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[path = "validate/golden.rs"]
mod golden;
#[path = "validate/judge.rs"]
mod judge;
#[path = "validate/removed.rs"]
mod removed;
#[path = "validate/repository.rs"]
mod repository;

use std::path::{Path, PathBuf};
use std::process::Command;

use etcstack_tests::{binary, folder};

/// What a run printed: its exit code, its standard output and its standard error.
struct Run {
    code: i32,
    out: String,
    err: String,
}

/// Runs `validate` in a directory, so that the paths are short.
fn validate(folder: &Path, arguments: &[&str]) -> Run {
    let mut command = Command::new(binary("etcstack-loader"));
    command.arg("validate").args(arguments).current_dir(folder);
    for name in ["ETCSTACK_DATA", "ETCSTACK_RELEASE"] {
        command.env_remove(name);
    }
    let output = command.output().unwrap();
    Run {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A path of the checkout.
fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(name)
}
