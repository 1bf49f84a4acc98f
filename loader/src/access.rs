//! etcd's users and roles: for each service one, with the rights that it needs and no others.

mod apply;
mod declared;
mod names;
mod passwords;
mod plan;
mod releases;
mod report;
mod running;
mod said;
mod wanted;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use etcstack_config::problem::Problems;
use etcstack_store::{AccessState, Auth, LOAD_MARK, Rights, Span, StoreError, View};
use names::Names;
use plan::Plan;
use report::Report;
use thiserror::Error;
use wanted::{Cloud, Wanted};

use crate::cli::AccessArgs;
use crate::release::DATA;
use crate::run::{self, Done, Failure};
use crate::{secrets, task};

#[derive(Debug, Error)]
pub(crate) enum AccessError {
    #[error("{0}")]
    Data(#[from] Problems),
    #[error("{0}")]
    Store(StoreError),
    #[error("{0}\nonly a user with the role root may see and change users and roles: --user root")]
    NotRoot(StoreError),
    #[error("{0}")]
    Usage(String),
    #[error("users and roles are etcd's, and this store is in no etcd; write --store etcd://…")]
    NoEtcd,
    #[error("cannot read {}: {reason}", .path.display())]
    Input { path: PathBuf, reason: String },
    #[error("cannot write {}: {reason}", .path.display())]
    Password { path: PathBuf, reason: String },
    #[error(
        "neither {0} nor the data has a key of a service; all users would be deleted. Is it the right \
         store, and the right directory?"
    )]
    Empty(String),
    #[error(
        "a load is under way, or has died half-way; nothing was changed. Run this again when it is \
         complete"
    )]
    Loading,
    #[error(
        "the role {role} has a right to {right}, which is not below the store's prefix; nothing was \
         changed. Do its users belong to another cloud? Then say --name-prefix"
    )]
    Foreign { role: String, right: String },
    #[error(
        "access control needs a user root with the role root, or nobody could ever change anything:\n\
         etcdctl user add root\netcdctl user grant-role root root"
    )]
    NoRoot,
}

impl From<StoreError> for AccessError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Denied { .. } => Self::NotRoot(error),
            error => Self::Store(error),
        }
    }
}

impl Failure for AccessError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Data(_) | Self::Foreign { .. } => 65, // EX_DATAERR
            Self::Store(error) | Self::NotRoot(error) => error.exit_code(),
            Self::Usage(_) | Self::NoEtcd => 64, // EX_USAGE
            Self::Input { .. } | Self::Empty(_) => 66, // EX_NOINPUT
            Self::Password { .. } => 73,         // EX_CANTCREAT
            Self::Loading => 75,                 // EX_TEMPFAIL
            Self::NoRoot => 78,                  // EX_CONFIG
        }
    }
}

pub(crate) fn run(args: &AccessArgs) -> ExitCode {
    run::to_end(access(args))
}

async fn access(args: &AccessArgs) -> Result<Done, AccessError> {
    if let Some(dir) = &args.passwords_dir {
        passwords::check(dir)?;
    }
    let data = task::data(&args.dir)?;
    let extras = declared::read(task::directory(&args.dir), &args.also)?;
    let store = args.common.store.open()?;
    let auth = store.auth(args.common.start_timeout).ok_or(AccessError::NoEtcd)?;
    let names = match &args.name_prefix {
        Some(cloud) => Names::new(cloud).map_err(AccessError::Usage)?,
        None => Names::of_store(auth.prefix()),
    };
    let snapshot =
        store.snapshot(&View::everything().without(DATA), args.common.start_timeout).await?;
    if snapshot.entries.contains_key(LOAD_MARK) {
        return Err(AccessError::Loading);
    }
    let state = auth.state(|name| names.is_ours(name)).await?;
    let mut references = secrets::merged(&snapshot.entries, &data);
    releases::add(&mut references, &store, &snapshot.entries, args.common.start_timeout).await?;
    let location = store.to_string();
    let cloud = Cloud {
        store: &location,
        prefix: auth.prefix(),
        names: &names,
        references: &references,
        extras: &extras,
        running: &running::layers(&snapshot.entries),
        there: &state.roles,
        operator_read: args.operator_read || state.roles.contains_key(&names.operator_read()),
    };
    let (wanted, kept) = wanted(&cloud, &state, task::directory(&args.dir).is_some())?;
    let is_enabled = auth.is_enabled().await?;
    let enable = args.enable_auth && !is_enabled;
    let plan = Plan::new(&names, auth.prefix(), &wanted, &state, enable)?;
    execute(args, &auth, &state, &plan).await?;
    let is_enabled = is_enabled || (enable && args.apply);
    let report = Report::new(&plan, &kept, args.apply, is_enabled);
    let done = task::report(args.common.output, &report, &report.lines());
    if task::directory(&args.dir).is_none() && plan.revokes_variables(auth.prefix()) {
        task::warn(
            "without DIR nobody knows what .access.toml says: a variable that only it names is \
             revoked, unless --also says it",
        );
    }
    if !is_enabled && !enable {
        task::warn("access control is off: everybody may do everything until --enable-auth");
    }
    Ok(done.with_code(if plan.is_empty() || args.apply { 0 } else { 2 }))
}

/// What is to be there, and of that the rights that are there and may have been said in a file
/// that this run does not have.
fn wanted(
    cloud: &Cloud<'_>,
    state: &AccessState,
    has_dir: bool,
) -> Result<(Wanted, Vec<(String, Span)>), AccessError> {
    let known = Wanted::new(cloud)?;
    if has_dir {
        return Ok((known, Vec::new()));
    }
    let mut extras = cloud.extras.to_vec();
    extras.extend(said::extras(cloud.names, cloud.prefix, state, &known));
    let all = Wanted::new(&Cloud { extras: &extras, ..*cloud })?;
    let kept = all.rights().filter(|(role, span)| {
        let is_in = |roles: &BTreeMap<String, Rights>| {
            roles.get(*role).is_some_and(|rights| rights.contains_key(span))
        };
        is_in(&state.roles) && !is_in(&known.roles)
    });
    let kept = kept.map(|(role, span)| (role.clone(), span.clone())).collect();
    Ok((all, kept))
}

/// Does what the plan says, if that is wanted; what cannot be done is said in either case.
async fn execute(
    args: &AccessArgs,
    auth: &Auth,
    state: &AccessState,
    plan: &Plan,
) -> Result<(), AccessError> {
    let root = state.users.get("root");
    if plan.enables() && !root.is_some_and(|roles| roles.contains("root")) {
        return Err(AccessError::NoRoot);
    }
    if !args.apply {
        return Ok(());
    }
    let passwords = match (&args.passwords_dir, args.no_password) {
        (Some(dir), _) => passwords::Passwords::In(dir.clone()),
        (None, false) if plan.makes_users() => {
            let message = "new users need passwords: say --passwords-dir DIR, where they are written; \
                           or --no-password, for client certificates";
            return Err(AccessError::Usage(message.into()));
        }
        (None, _) => passwords::Passwords::None,
    };
    apply::apply(auth, plan, &passwords).await
}
