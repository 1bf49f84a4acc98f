//! Where the value of an option comes from.

mod explanation;
mod show;

use std::io::Write;
use std::process::ExitCode;

use etcstack_config::dialect::Dialect;
use etcstack_config::key::{Key, OptionName};
use etcstack_store::Snapshot;
use tokio::time::Instant;

use self::explanation::{Explanation, Origin, Question};
use crate::cli::{ExplainArgs, Output};
use crate::manifest::{Manifest, Target};
use crate::reconcile::Reconciler;
use crate::render::first_state;
use crate::{Failure, Setup, defaults};

/// What the catalog knows of an option; it can only add to what names give away.
fn catalog_says_secret(manifest: &Manifest, option: Option<&OptionName>) -> Option<bool> {
    let (catalog, option) = (manifest.catalog.as_ref()?, option?);
    let section = option.section.as_deref().unwrap_or_default();
    catalog.is_secret(section, &option.option).filter(|secret| *secret)
}

/// Explains one option by the first whole state of the store.
pub(crate) fn run(setup: Setup, args: &ExplainArgs) -> Result<ExitCode, Failure> {
    let Setup { store, reconciler, runtime } = setup;
    let (file, option) = parse(&args.name)?;
    let target = target(&reconciler, file)?;
    let deadline = Instant::now() + args.reads.start_timeout;
    let snapshot = runtime.block_on(first_state(&store, reconciler.view(), deadline));
    runtime.shutdown_background();
    let mut explanation = explain(&reconciler, &target, option.as_ref(), &snapshot?)?;
    if !args.show_secrets {
        explanation.mask();
    }
    let text = match args.output {
        Output::Text => explanation.to_string(),
        Output::Json => serde_json::to_string_pretty(&explanation)
            .map_err(|error| Failure::new(70, format!("cannot be written as JSON: {error}")))?, // EX_SOFTWARE
    };
    // Nobody may be reading any more.
    let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
    Ok(ExitCode::SUCCESS)
}

fn explain(
    reconciler: &Reconciler,
    target: &Target,
    option: Option<&OptionName>,
    snapshot: &Snapshot,
) -> Result<Explanation, Failure> {
    let manifest = &reconciler.manifest;
    if reconciler.is_empty(&snapshot.entries) && !manifest.allow_empty {
        let (layers, service) = (&manifest.layers, &manifest.service);
        let message = format!(
            "the store has no key of {service} for the role {layers}; has it been loaded? \
             (--allow-empty explains the image's own files)"
        );
        return Err(Failure::new(66, message)); // EX_NOINPUT
    }
    let default = defaults::look(target).map_err(|problem| Failure::new(73, problem))?; // EX_CANTCREAT
    let question = Question {
        layers: &manifest.layers,
        service: &manifest.service,
        file: &target.name,
        dialect: target.dialect,
        option,
        default: default.as_ref().map(|(path, bytes)| (path.as_path(), bytes.as_slice())),
        environment: crate::environment(),
        secret: catalog_says_secret(manifest, option),
    };
    let explanation = question.answer(snapshot).map_err(|problems| Failure::new(65, problems))?; // EX_DATAERR
    check_asked(target, option, explanation.from.as_ref())?;
    Ok(explanation)
}

/// Understands what was asked for by the rules of keys: the end of one.
fn parse(name: &str) -> Result<(String, Option<OptionName>), Failure> {
    match Key::parse(&format!("role/service/{name}")) {
        Ok(Key::File(file)) => Ok((file.file, None)),
        Ok(Key::Option(file, option)) => Ok((file.file, Some(option))),
        Ok(_) => Err(usage(name, "write FILE/SECTION/OPTION")),
        Err(error) => Err(usage(name, &error.to_string())),
    }
}

fn target(reconciler: &Reconciler, file: String) -> Result<Target, Failure> {
    let targets = reconciler.manifest.targets(|| [file.clone()].into());
    let names: Vec<_> = targets.iter().map(|target| target.name.clone()).collect();
    targets.into_iter().find(|target| target.name == file).ok_or_else(|| {
        usage(&file, &format!("the manifest has no such file; it has {}", names.join(", ")))
    })
}

/// Whether what no key sets could be set at all: `not set` would be the wrong answer to a mistake.
fn check_asked(
    target: &Target,
    option: Option<&OptionName>,
    from: Option<&Origin>,
) -> Result<(), Failure> {
    let name = &target.name;
    if matches!(from, Some(Origin::Key { .. })) {
        return Ok(());
    }
    match (target.dialect, option) {
        (Dialect::Text | Dialect::Binary, Some(_)) => {
            Err(usage(name, "this file has no options; ask for the whole of it"))
        }
        (Dialect::Text | Dialect::Binary, None) if from.is_none() => {
            let message = format!("{name}: neither the store nor the image has such a file");
            Err(Failure::new(66, message)) // EX_NOINPUT
        }
        (Dialect::Text | Dialect::Binary, None) => Ok(()),
        (_, None) => Err(usage(name, "it is set option by option; ask for FILE/SECTION/OPTION")),
        (dialect, Some(OptionName { section, option })) => dialect
            .grammar()
            .map_or(Ok(()), |grammar| grammar.check_name(section.as_deref(), option))
            .map_err(|message| usage(name, &message)),
    }
}

fn usage(what: &str, message: &str) -> Failure {
    Failure::new(64, format!("{}: {message}", what.escape_debug())) // EX_USAGE
}

#[cfg(test)]
mod tests;
