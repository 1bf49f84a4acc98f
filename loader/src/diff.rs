//! What differs between two releases, or between a release and the store.

use std::collections::BTreeSet;
use std::process::ExitCode;

use etcstack_config::Entries;
use etcstack_store::View;
use serde_json::json;

use crate::cli::{DiffArgs, Output};
use crate::difference::Difference;
use crate::load::LoadError;
use crate::release::Data;
use crate::run::Done;
use crate::said::VARIABLES;
use crate::sensitive::sensitive;
use crate::stored;

/// The command.
pub(crate) fn run(args: &DiffArgs) -> ExitCode {
    crate::run::to_end(diff(args))
}

async fn diff(args: &DiffArgs) -> Result<Done, LoadError> {
    let store = args.common.open_etcd()?;
    let timeout = args.common.start_timeout;
    let (from, before) = stored::release(&store, args.from, timeout).await?;
    let (to, revision, after) = if let Some(reference) = args.to {
        let (entry, data) = stored::release(&store, reference, timeout).await?;
        (Some(entry.number), None, entries(data))
    } else {
        let now = stored::now(&store, timeout).await?;
        (None, Some(now.revision), now.entries)
    };
    let before = entries(before);
    let mut difference = Difference::new(&before, &after);
    // What has been declared since is a secret as well.
    let view = View::new(vec![VARIABLES.into()], |_| BTreeSet::new());
    let declared = store.snapshot(&view, timeout).await?.entries;
    difference.hide(&sensitive(&[&before, &after, &declared], None));
    let text = match args.common.output {
        Output::Json => {
            let mut json = difference.json(args.show_secrets);
            json["from"] = json!({"release": from.number, "revision": null});
            json["to"] = json!({"release": to, "revision": revision});
            format!("{json}\n")
        }
        Output::Text => difference.text(args.show_secrets),
    };
    Ok(Done::new(text))
}

fn entries(data: Data) -> Entries {
    data.into_iter().map(|(key, value)| (key, value.into_bytes())).collect()
}
