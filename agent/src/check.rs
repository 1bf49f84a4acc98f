//! The manifest's own checks of a revision, before it goes live.
//!
//! They see all files of the service in a staging directory, each below it at its own path:
//! those of the revision, and the others as they are.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::apply::{Attributes, Difference, read_regular, unique, write_file};
use crate::bad::hex;
use crate::manifest::{Manifest, Target};
use crate::mask::Mask;
use crate::supervise::commands::{Ran, run};
use crate::supervise::{Account, Children, Launch};

/// What begins the name of a staging directory.
const STAGE: &str = "check-";

/// How old a staging directory is that a killed agent has left for sure.
const LEFT: Duration = Duration::from_secs(3600);

/// Why a revision does not go live.
pub(crate) enum CheckError {
    /// A check says no.
    Failed(String),
    /// The files cannot be staged; trying again may help.
    NotStaged(String),
}

/// Runs all checks that these differences call for; all of them, so that all that is wrong is said.
pub(crate) async fn check(
    children: &Children,
    manifest: &Manifest,
    differences: &[Difference<'_>],
    kept: &[&Target],
    environment: &[(String, String)],
    mask: &Mask,
) -> Result<(), CheckError> {
    let changed: Vec<_> = differences.iter().filter(|change| change.other_bytes()).collect();
    let of_files = changed.iter().flat_map(|change| {
        let path = &change.wanted.target.path;
        change.wanted.target.checks.iter().map(move |command| (command, Some(path)))
    });
    let of_all = manifest.checks.commands.iter().map(|command| (command, None));
    let commands: Vec<_> = of_all.chain(of_files).collect();
    if commands.is_empty() || changed.is_empty() {
        return Ok(());
    }
    let stage = stage(manifest, differences, kept)
        .map_err(|error| CheckError::NotStaged(format!("the checks cannot be run: {error}")))?;
    let mut problems = Vec::new();
    for (command, file) in commands {
        let file = file.map(|file| stage.place(file));
        let name = command.first().map_or("", String::as_str);
        let launch = Launch {
            command: command.iter().map(|word| fill_in(word, &stage.0, file.as_deref())).collect(),
            account: manifest.checks.account.clone(),
            environment: environment.to_owned(),
            piped: true,
        };
        let on_line = |line: &str| tracing::info!(check = name, "{line}");
        let ran = run(children, &launch, Some(manifest.checks.timeout), mask, on_line).await;
        if let Err(error) = &ran
            && error.may_pass()
        {
            return Err(CheckError::NotStaged(format!("the checks cannot be run: {error}")));
        }
        let result = ran.map_err(|error| error.to_string()).and_then(Ran::check);
        if let Err(reason) = result {
            problems.push(format!("the check {name} says no: {reason}; its output is in the log"));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(CheckError::Failed(problems.join("\n"))) }
}

/// What tells these differences from others, for checks that need not be run twice.
pub(crate) fn digest(differences: &[Difference<'_>], environment: &[(String, String)]) -> String {
    let mut digest = Sha256::new();
    let mut add = |part: &[u8]| {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    };
    for change in differences {
        add(change.wanted.target.path.as_os_str().as_bytes());
        add(&[u8::from(change.wanted.bytes.is_some())]);
        add(change.wanted.bytes.as_deref().unwrap_or_default());
    }
    for (name, value) in environment {
        add(name.as_bytes());
        add(value.as_bytes());
    }
    hex(&digest.finalize())
}

/// `{staged}` stands for the directory, `{file}` for the file there.
fn fill_in(word: &str, stage: &Path, file: Option<&Path>) -> OsString {
    let word = word.replace("{staged}", &stage.to_string_lossy());
    match file {
        Some(file) => word.replace("{file}", &file.to_string_lossy()).into(),
        None => word.into(),
    }
}

/// A directory that is removed with all that is in it.
struct Stage(PathBuf);

impl Stage {
    /// Where a file of the service stands in here.
    fn place(&self, path: &Path) -> PathBuf {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        self.0.join(absolute.strip_prefix("/").unwrap_or(&absolute))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            let path = self.0.display();
            tracing::error!(%path, %error, "the staged files cannot be removed; they may hold passwords");
        }
    }
}

fn stage(
    manifest: &Manifest,
    differences: &[Difference<'_>],
    kept: &[&Target],
) -> std::io::Result<Stage> {
    std::fs::create_dir_all(&manifest.state_dir)?;
    remove_left(&manifest.state_dir);
    let folder = manifest.state_dir.join(format!("{STAGE}{}", unique()));
    std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
    let stage = Stage(folder);
    let owner = owner(&manifest.checks.account);
    for target in kept {
        // With its own owner and mode: a check that may not read it there may not read it here.
        match read_regular(&target.path) {
            Ok((bytes, attributes)) => write_file(&stage.place(&target.path), &bytes, attributes)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    for change in differences {
        if let Some(bytes) = &change.wanted.bytes {
            put(&stage.place(change.path()), bytes, owner)?;
        }
    }
    // Last: until now nobody else can have looked into it.
    if let Some((user, group)) = owner {
        chown(&stage.0, Some(user), Some(group))?;
    }
    Ok(stage)
}

fn put(path: &Path, bytes: &[u8], owner: Option<(u32, u32)>) -> std::io::Result<()> {
    write_file(path, bytes, Attributes::private_to(owner))
}

/// Who has to be able to read what is staged; `None` for ourselves.
fn owner(account: &Account) -> Option<(u32, u32)> {
    let identity = account.identity.as_ref()?;
    Some((identity.user.as_raw(), identity.group.as_raw()))
}

fn remove_left(state_dir: &Path) {
    for child in std::fs::read_dir(state_dir).into_iter().flatten().flatten() {
        let is_stage = child.file_name().to_string_lossy().starts_with(STAGE);
        let age = || child.metadata().ok()?.modified().ok()?.elapsed().ok();
        if is_stage && age().is_some_and(|age| age > LEFT) {
            let _ = std::fs::remove_dir_all(child.path());
        }
    }
}
