//! The catalog of a service's options, from what oslo-config-generator prints.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use etcstack_config::catalog::{Catalog, LARGEST};
use etcstack_config::problem::{Place, Problem, Problems};
use thiserror::Error;

use crate::cli::CatalogArgs;
use crate::run::{self, Done, Failure};

#[derive(Debug, Error)]
enum CatalogError {
    #[error("{0}")]
    Data(#[from] Problems),
    #[error("cannot read {}: {error}", .path.display())]
    Input { path: PathBuf, error: io::Error },
    #[error("cannot write {}: {error}", .path.display())]
    Output { path: PathBuf, error: io::Error },
}

impl Failure for CatalogError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Data(_) => 65,       // EX_DATAERR
            Self::Input { .. } => 66,  // EX_NOINPUT
            Self::Output { .. } => 73, // EX_CANTCREAT
        }
    }
}

pub(crate) fn run(args: &CatalogArgs) -> ExitCode {
    let catalog = reduce(&args.files);
    run::ended(catalog.and_then(|catalog| {
        let text = if args.lean { catalog.lean().to_string() } else { catalog.to_string() };
        write(text, args.output.as_deref())
    }))
}

/// The options of all files together.
fn reduce(files: &[PathBuf]) -> Result<Catalog, CatalogError> {
    let mut all = Catalog::default();
    let mut problems = Problems::default();
    for path in files {
        let bytes =
            read(path).map_err(|error| CatalogError::Input { path: path.clone(), error })?;
        match Catalog::reduce(name(path), &bytes) {
            // Most likely a mistake, which would cost a restart at every change.
            Ok(catalog) if catalog.options().is_empty() => {
                let message = "no options are in it; name the service's namespaces to \
                               oslo-config-generator with --namespace";
                problems.0.push(Problem::new(Place::file(name(path)), message));
            }
            Ok(catalog) => all = all.merge(catalog),
            Err(problem) => problems.0.push(problem),
        }
    }
    Ok(problems.or_ok(all)?)
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// The file, as messages name it.
fn name(path: &Path) -> &Path {
    if is_stdin(path) { Path::new("standard input") } else { path }
}

/// Just more than the largest catalog at most, which is then refused.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = LARGEST as u64 + 1;
    if is_stdin(path) {
        io::stdin().lock().take(most).read_to_end(&mut bytes)?;
    } else {
        File::open(path)?.take(most).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// Writes it to its file, if one is named; else it is the result.
fn write(text: String, output: Option<&Path>) -> Result<Done, CatalogError> {
    let Some(path) = output else { return Ok(Done::new(text).or_code(73)) };
    replace(path, text.as_bytes())
        .map_err(|error| CatalogError::Output { path: path.to_owned(), error })?;
    Ok(Done::new(""))
}

/// Writes a file beside its place and puts it there.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A device or a pipe is written to, not replaced.
    if path.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
        return OpenOptions::new().write(true).open(path)?.write_all(bytes);
    }
    let Some(name) = path.file_name() else {
        return Err(io::ErrorKind::IsADirectory.into());
    };
    let temporary =
        path.with_file_name(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
    let written = create(&temporary, bytes).and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
