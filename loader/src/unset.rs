//! `unset`: single keys, removed by hand.

use std::process::ExitCode;

use crate::cli::UnsetArgs;
use crate::hand::{Change, HandError, Wanted, is_record, open};
use crate::history::Kind;
use crate::run;

/// The command.
pub(crate) fn run(args: &UnsetArgs) -> ExitCode {
    run::to_end(async {
        // What is no key, or in another spelling, was put by somebody all the same.
        if let Some(record) = args.keys.iter().find(|key| is_record(key)) {
            let message = format!(
                "{}: a record of the system; docs/keys.md says which of them etcdctl may remove",
                record.escape_debug()
            );
            return Err(HandError::Usage(message));
        }
        let wanted: Wanted = args.keys.iter().map(|key| (key.clone(), None)).collect();
        Change::new(Kind::Unset, open(&args.hand)?, &args.hand, wanted, args.force, args.force)?
            .execute(&args.hand)
            .await
    })
}
