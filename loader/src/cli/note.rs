//! What the history is to say of a change.

use clap::Args;

/// Who does something and why.
#[derive(Args, Clone)]
pub(crate) struct NoteArgs {
    /// Who does this, for the history; USER@HOST where nobody is named
    #[arg(long, env = "ETCSTACK_AUTHOR", value_name = "NAME", value_parser = short)]
    author: Option<String>,

    /// Why, for the history
    #[arg(long, short, value_name = "TEXT", value_parser = short)]
    pub(crate) message: Option<String>,
}

impl NoteArgs {
    /// Who does this.
    pub(crate) fn author(&self) -> String {
        if let Some(author) = &self.author {
            return author.clone();
        }
        let id = nix::unistd::getuid();
        let user = nix::unistd::User::from_uid(id).ok().flatten();
        let user = user.map_or_else(|| id.to_string(), |user| user.name);
        let host = nix::unistd::gethostname().unwrap_or_default();
        format!("{user}@{}", host.to_string_lossy())
    }
}

fn short(text: &str) -> Result<String, &'static str> {
    if text.len() > 1000 {
        return Err("at most 1000 bytes");
    }
    Ok(text.to_owned())
}
