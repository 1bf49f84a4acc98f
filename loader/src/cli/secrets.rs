//! `secrets`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Common, DataArgs, NoteArgs};
use crate::secrets::Kind;

const GENERATE_HELP: &str = "\
Looks for variables that the data or the store's keys refer to, without a default, that nobody has,
and whose names say that they are secrets. Each gets a random value, in general/, once: what is
there is never changed or printed, and of two runs at once the first one wins. Run it before a
load.

What a name ends in, a number after it aside, says what is made:
  …PASSWORD, …SECRET, …TOKEN, …_PASS, …_PWD, …_PW, …PASSPHRASE, …SECRET_KEY, …ENCRYPTION_KEY
                                            password: 32 of A-Z, a-z, 0-9
  …COOKIE                                   cookie: 32 of A-Z, as Erlang has it
  …FERNET_KEY, …CREDENTIAL_KEY, …KEK        fernet: 32 bytes in URL-safe base64
  …HASH_PATH_PREFIX, …HASH_PATH_SUFFIX      hex: 16 bytes in hexadecimal
  …_UUID                                    uuid: a random UUID
  …RNDC_KEY, …TSIG_KEY, …TSIG_SECRET        base64: 32 bytes in base64
Others that look like secrets (…_KEY, …TRANSPORT_URL, …CONNECTION) are named as missing, and the
command ends with 2: what they hold, somebody else has to say.

DIR/.secrets.toml says what names do not: lines NAME = \"kind\", with the kinds above, or with
\"external\" for what is never to be made, as what comes from an agent's environment. What is named
there is made even if only a manifest refers to it. A load takes the names into the store, and no
verb shows what they hold; agents go by what names tell.

--from-dir takes values from files, the file's name being the variable's, as a mounted Kubernetes
Secret has them; --from-env PREFIX takes them from environment variables, PREFIX before the name.
They are put where the store has none, and with --replace where it has another; what is put or
replaced becomes the store's own, so that no load deletes it. The data must not hold them as well:
a load keeps what it has not written, and would tell of drift each time. A variable that an earlier
load wrote, that the data has dropped and that is still needed becomes the store's own as well. A
value for a fernet key that is none is refused.

Exit codes: 0 done or nothing to do, 2 there is something left to do: a secret is missing that
nobody can make, or with --dry-run anything; 64 wrong usage or the store is a directory, 65
mistakes in the data or the values, 66 no directory or file, 69 the store does not answer, 74 the
result cannot be printed, 75 a load is under way or others keep writing: run it again, 76 the store
refuses a request, 77 it refuses the user.

Examples:
  etcstack-loader secrets generate bootstrap-data
  etcstack-loader secrets generate none --from-dir /run/secrets/cloud --replace
  etcstack-loader secrets generate --from-env ETCSTACK_SECRET_ --dry-run --output json";

const ROTATE_HELP: &str = "\
Without --apply, says what a new value would mean: which keys of which services use the variable,
through other variables as well; what the daemons of these services do then, as `plan` says it by
their catalogs: restart, reload or nothing (without a catalog every change is a restart, and a
manifest's on_change may say otherwise); and what has to be changed elsewhere. What only manifests
refer to is not known here.

A set of fernet keys is named without a number, KEYSTONE_FERNET_KEYS for KEYSTONE_FERNET_KEY_0 and
the others, and shifted as keystone wants it: the staged key 0 becomes the primary one, which has
the highest number, each of the others goes down by one, key 1 goes, and a new key is staged.
Two shifts that arrive at a replica as one would take away the key that the others make tokens
with: so a set is not shifted while a replica that uses it has not applied the last change of what
concerns it, as `status` says; the replicas are named. --force shifts it all the same, as where a
replica is gone for good. The notes name the replicas that were looked at: those that have left a
status.

With --apply, writes a new random value of the kind that the name tells, or that --kind says, in
one transaction that expects the old one. The agents follow at once. With --value-from the value is
the file's, without its last line break. A fernet key has 32 bytes in URL-safe base64; a set of
which one key has not is refused.

A variable that a load wrote is refused: change it in the data. Loads would keep a value from
elsewhere, and tell of drift each time.

Exit codes: 0 done, or the plan is printed, 64 wrong usage or the store is a directory, 65 the
variable cannot be rotated, 66 it is not there, or no file, 69 the store does not answer, 74 the
result cannot be printed, 75 a load is under way, the value has changed meanwhile or a replica has
not applied the last shift: run it again, 76 the store refuses a request, 77 it refuses the user.

Examples:
  etcstack-loader secrets rotate GLANCE_DB_PASSWORD
  etcstack-loader secrets rotate GLANCE_DB_PASSWORD --apply
  etcstack-loader secrets rotate KEYSTONE_FERNET_KEYS --apply
  etcstack-loader secrets rotate CEPH_CINDER_KEY --value-from /run/secrets/cinder.key --apply";

const LIST_HELP: &str = "\
Names the variables that are secrets by their names or by DIR/.secrets.toml: their kind, where they
are defined (the store, by hand or by a load; a line of the data; nowhere) and which services use
them. Never a value.

Exit codes: 0 done, 64 wrong usage, 65 mistakes in the data, 66 no directory, 69 the store does not
answer, 74 the result cannot be printed, 76 the store refuses a request, 77 it refuses the user.

Examples:
  etcstack-loader secrets list bootstrap-data
  etcstack-loader secrets list none --output json";

#[derive(Args)]
pub(crate) struct SecretsArgs {
    #[command(subcommand)]
    pub(crate) command: SecretsCommand,
}

#[derive(Subcommand)]
pub(crate) enum SecretsCommand {
    /// Makes the secrets that are needed and that nobody has
    #[command(after_long_help = GENERATE_HELP)]
    Generate(Box<GenerateArgs>),
    /// Says what a new value of a secret would mean, and writes one
    #[command(after_long_help = ROTATE_HELP)]
    Rotate(Box<RotateArgs>),
    /// Lists the secrets, where they are defined and who uses them
    #[command(after_long_help = LIST_HELP)]
    List(Box<ListArgs>),
}

#[derive(Args)]
pub(crate) struct GenerateArgs {
    #[command(flatten)]
    pub(crate) note: NoteArgs,

    /// The directory of bootstrap-data, or none
    #[arg(default_value = "bootstrap-data", env = "ETCSTACK_DATA")]
    pub(crate) dir: PathBuf,

    /// Take values from the files of this directory, named as the variables
    #[arg(long, value_name = "DIR")]
    pub(crate) from_dir: Option<PathBuf>,

    /// Take values from environment variables that start so, the rest being the variable's name
    #[arg(long, value_name = "PREFIX")]
    pub(crate) from_env: Option<String>,

    /// Let values from --from-dir and --from-env replace others that are there
    #[arg(long)]
    pub(crate) replace: bool,

    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Args)]
pub(crate) struct RotateArgs {
    #[command(flatten)]
    pub(crate) note: NoteArgs,

    /// The variable
    pub(crate) name: String,

    /// What to make, where the name does not tell
    #[arg(long, value_enum, conflicts_with = "value_from")]
    pub(crate) kind: Option<Kind>,

    /// A file with the new value
    #[arg(long, value_name = "FILE")]
    pub(crate) value_from: Option<PathBuf>,

    /// Write the new value
    #[arg(long)]
    pub(crate) apply: bool,

    /// Shift a set of fernet keys although replicas have not applied the last change
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) sources: DataArgs,

    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Args)]
pub(crate) struct ListArgs {
    /// The directory of bootstrap-data, or none
    #[arg(default_value = "bootstrap-data", env = "ETCSTACK_DATA")]
    pub(crate) dir: PathBuf,

    #[command(flatten)]
    pub(crate) common: Common,
}
