//! `access`.

use std::path::PathBuf;

use clap::Args;

use super::Common;

pub(super) const HELP: &str = "\
For each service of the store's keys and of the data, and its role, there is to be a user of etcd
and a role of etcd with the same name, CLOUD.ROLE.SERVICE: it may read the service's own keys and
just those variables that their values refer to, and write the service's records; docs/security.md
lists the rights. The layers of a role, ROLE@…, belong to it: the services of compute get the
rights to compute@node1 with those to compute. Besides, there is the user CLOUD.loader, who may do
everything below the store's prefix.

First the plan: what would be created, granted, revoked and deleted. With --apply, it is done:
grants first, then users, and what is to go last. What is there already is left alone, so that a
run that was killed is completed by the next. Users and roles without CLOUD. before their names are
never touched, nor are the passwords of users that are there.

Run it before a load of data that refers to new variables, and after a load that drops some: rights
are those to the keys of the store, of the data, of the current release and of the one before it,
together, so that a rollback by one release reaches everybody. Before a rollback further back run
it with that data. Layers and services of agents that run, by their records in the store, keep
theirs.

What only manifests refer to (environment.export, [ready], [[wait_for]]) is not in the data. Say it
with --also, or in DIR/.access.toml, as lists of keys; * at the end means all that start so:
  [also]
  \"controller/glance\" = [\"general/DEBUG_SHELL\", \"general/GLANCE_*\"]
  keystone = [\"_etcstack/bootstrap/glance/db-sync\"]
  \"compute/nova\" = [\"compute@node7/nova/*\"]
A variable brings along those that it refers to, ROLE/SERVICE/* a layer that has no keys yet,
ROLE@* all layers, for nodes that come and go.
Where DIR is none, rights that the file may have said are kept and named, but for those to single
variables: say these with --also.

Passwords are made at random and written to files in --passwords-dir, CLOUD.ROLE.SERVICE each,
before the users are made; a file that is there is taken. With --no-password, users get in by
client certificates with their names as the CN. The agent's are --user and --password-file.

Access control itself is turned on by --enable-auth only. It needs a user root with the role root:
  etcdctl user add root
  etcdctl user grant-role root root
Until then etcd takes nobody's --user; from then on only such a user may change users and roles:
--user root.

Exit codes: 0 nothing to do, or done with --apply, 2 there is something to do, 64 wrong usage, 65
mistakes in the data, or a name that belongs to others, 66 no directory or no keys, 69 etcd does
not answer, 73 a password cannot be written, 74 the result cannot be printed, 75 a load is under
way: run it again, 76 etcd refuses a request, 77 it refuses the user, 78 there is no user root to
turn access control on with.

Examples:
  etcstack-loader access bootstrap-data
  etcstack-loader access bootstrap-data --apply --passwords-dir /run/etcstack/passwords
  etcstack-loader access none --also controller/glance=general/REGION --output json
  etcstack-loader access --apply --no-password --enable-auth
  etcstack-loader access --apply --no-password --user root --password-file root.pw";

#[derive(Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(crate) struct AccessArgs {
    /// The directory of bootstrap-data, or none
    #[arg(default_value = "bootstrap-data", env = "ETCSTACK_DATA")]
    pub(crate) dir: PathBuf,

    /// Do what the plan says
    #[arg(long)]
    pub(crate) apply: bool,

    /// A key that a service reads besides: SERVICE=KEY or ROLE/SERVICE=KEY; may be repeated
    #[arg(long, value_name = "SERVICE=KEY")]
    pub(crate) also: Vec<String>,

    /// What the names of our users and roles start with; by default the store's prefix, or etcstack
    #[arg(long, value_name = "CLOUD")]
    pub(crate) name_prefix: Option<String>,

    /// Where the passwords of new users are written, a file for each
    #[arg(long, value_name = "DIR", conflicts_with = "no_password")]
    pub(crate) passwords_dir: Option<PathBuf>,

    /// Make users without passwords, who get in by client certificates
    #[arg(long)]
    pub(crate) no_password: bool,

    /// A role CLOUD.operator-read, which may read everything, secrets too; once there, it stays
    #[arg(long)]
    pub(crate) operator_read: bool,

    /// Turn access control on, when all else is done
    #[arg(long)]
    pub(crate) enable_auth: bool,

    #[command(flatten)]
    pub(crate) common: Common,
}
