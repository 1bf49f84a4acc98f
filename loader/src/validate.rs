//! Everything that is wrong with a directory of bootstrap-data.

pub(crate) mod settings;

use std::path::PathBuf;
use std::process::ExitCode;

use etcstack_config::problem::{Place, Problem};
use etcstack_config::validate::{Code, Finding, Severity, validate};
use etcstack_store::{StoreError, gather_data};
use serde::Serialize;
use thiserror::Error;

use crate::cli::{Output, ValidateArgs};
use crate::directory;
use crate::run::{self, Done, Failure};
use crate::secrets::declared_in;
use settings::Against;

#[derive(Debug, Error)]
enum ValidateError {
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    File(Problem),
    #[error("there is no data in {}; name a directory that holds some", .0.display())]
    NoData(PathBuf),
}

impl Failure for ValidateError {
    fn exit_code(&self) -> u8 {
        66 // EX_NOINPUT
    }
}

impl From<Problem> for ValidateError {
    fn from(problem: Problem) -> Self {
        Self::File(problem)
    }
}

pub(crate) fn run(args: &ValidateArgs) -> ExitCode {
    run::ended(find(args).map(|(findings, against)| {
        let is_bad = |finding: &Finding| args.deny_warnings || finding.severity == Severity::Error;
        // EX_DATAERR
        let code = if findings.iter().any(is_bad) { 65 } else { 0 };
        Done::new(text(&findings, &against, args.output)).with_code(code)
    }))
}

fn find(args: &ValidateArgs) -> Result<(Vec<Finding>, Against), ValidateError> {
    let data = gather_data(&args.dir)?;
    if data.is_empty() {
        return Err(ValidateError::NoData(args.dir.clone()));
    }
    let (mut settings, against) = settings::read(&args.against())?;
    if let Some(Problem { place, message }) = directory::elsewhere(&args.dir, &data) {
        let (severity, code) = (Severity::Error, Code::Misplaced);
        let finding = Finding { place, severity, code, message, remedy: String::new() };
        return Ok((vec![finding], against));
    }
    settings.earlier = settings::earlier(&args.against(), &against)?;
    let mut mistakes = Vec::new();
    match declared_in(&args.dir) {
        Ok(kinds) => settings.generated.extend(kinds.into_keys()),
        Err(problems) => mistakes.extend(problems.0.into_iter().map(mistake)),
    }
    let mut findings = validate(data, &settings);
    findings.extend(mistakes);
    findings.sort();
    Ok((findings, against))
}

/// Of `.secrets.toml`.
fn mistake(Problem { place, message }: Problem) -> Finding {
    let (severity, code) = (Severity::Error, Code::Syntax);
    Finding { place, severity, code, message, remedy: String::new() }
}

/// A finding, as programs read it.
#[derive(Serialize)]
struct Printed<'a> {
    path: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
    severity: String,
    code: String,
    message: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    remedy: &'a str,
}

impl<'a> Printed<'a> {
    fn of(finding: &'a Finding) -> Self {
        let (path, line, column) = match &finding.place {
            Place::File { path, line, column } => {
                (Some(path.display().to_string()), *line, *column)
            }
            Place::Key(_) => (None, None, None),
        };
        Self {
            path,
            line,
            column,
            severity: finding.severity.to_string(),
            code: finding.code.to_string(),
            message: &finding.message,
            remedy: &finding.remedy,
        }
    }
}

fn text(findings: &[Finding], against: &Against, output: Output) -> String {
    match output {
        Output::Json => {
            let list: Vec<_> = findings.iter().map(Printed::of).collect();
            let json = serde_json::json!({
                "findings": list,
                "error_count": count(findings, Severity::Error),
                "warning_count": count(findings, Severity::Warning),
                "catalog_release": against.release(),
            });
            format!("{json}\n")
        }
        Output::Text => {
            let lines = findings.iter().map(ToString::to_string);
            let lines: Vec<_> = lines.chain([summary(findings, against)]).collect();
            lines.join("\n") + "\n"
        }
    }
}

fn count(findings: &[Finding], severity: Severity) -> usize {
    findings.iter().filter(|finding| finding.severity == severity).count()
}

fn summary(findings: &[Finding], against: &Against) -> String {
    let count = |severity: Severity| {
        let count = count(findings, severity);
        let s = if count == 1 { "" } else { "s" };
        format!("{count} {severity}{s}")
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    format!("{errors}, {warnings}; {against}")
}
