//! Doing what the plan says, one change after the other.

use etcstack_store::{AccessChange, Auth};

use super::AccessError;
use super::passwords::Passwords;
use super::plan::Plan;
use crate::task;

/// A run that ends in between leaves nobody with less than is to stay, and the next one goes on.
pub(super) async fn apply(
    auth: &Auth,
    plan: &Plan,
    passwords: &Passwords,
) -> Result<(), AccessError> {
    for (done, change) in plan.changes.iter().enumerate() {
        if let Err(error) = one(auth, change, passwords).await {
            let all = plan.changes.len();
            task::warn(format!("{done} of {all} changes are done; run this again for the others"));
            return Err(error);
        }
    }
    Ok(())
}

async fn one(auth: &Auth, change: &AccessChange, passwords: &Passwords) -> Result<(), AccessError> {
    let change = match change {
        AccessChange::AddUser(user, _) => AccessChange::AddUser(user.clone(), passwords.of(user)?),
        change => change.clone(),
    };
    Ok(auth.change(&change).await?)
}
