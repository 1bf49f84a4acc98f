//! What a command prints, line by line, as a log can take it.

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::unix::pipe::Receiver;
use tokio::sync::mpsc::Sender;

use crate::mask::Mask;

/// How much of a line is read; the rest is thrown away.
const READ: usize = 64 << 10;

/// How much of it is shown at most. So much more is read that secrets are known where it is cut.
const SHOWN: usize = 8 << 10;

/// A line, or the beginning of a long one.
#[derive(Debug)]
pub(super) struct Line {
    text: String,
    /// There was more.
    cut: bool,
}

impl Line {
    /// Without its secrets, and cut to a length that a log can take.
    pub(super) fn shown(&self, mask: &Mask) -> String {
        let shown = mask.hide(&self.text);
        // What a secret begins at the very end could not be known.
        let known = if self.cut { shown.len().saturating_sub(mask.longest()) } else { shown.len() };
        let length = known.min(SHOWN);
        if length == shown.len() {
            return shown.into_owned();
        }
        let end = (0..=length).rev().find(|end| shown.is_char_boundary(*end)).unwrap_or_default();
        format!("{}…", shown.get(..end).unwrap_or_default())
    }
}

/// Hands over the lines of an output.
pub(super) async fn read_lines(output: Receiver, lines: Sender<Line>) {
    let mut output = BufReader::new(output);
    while let Ok(Some(line)) = read_line(&mut output).await {
        if lines.send(line).await.is_err() {
            return;
        }
    }
}

/// `None` at the end.
async fn read_line(output: &mut (impl AsyncBufRead + Unpin)) -> std::io::Result<Option<Line>> {
    let mut line = Vec::new();
    if (&mut *output).take(READ as u64).read_until(b'\n', &mut line).await? == 0 {
        return Ok(None);
    }
    let cut = line.len() == READ && !line.ends_with(b"\n") && skip_line(output).await?;
    let text = String::from_utf8_lossy(&line).trim_end().to_owned();
    Ok(Some(Line { text, cut }))
}

/// Throws away what is left of a line; whether there was anything.
async fn skip_line(output: &mut (impl AsyncBufRead + Unpin)) -> std::io::Result<bool> {
    let mut any = false;
    loop {
        let bytes = output.fill_buf().await?;
        let end = bytes.iter().position(|byte| *byte == b'\n');
        any |= !bytes.is_empty() && end != Some(0);
        let length = end.map_or(bytes.len(), |end| end + 1);
        let is_over = end.is_some() || bytes.is_empty();
        output.consume(length);
        if is_over {
            return Ok(any);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lines(text: &str) -> Vec<Line> {
        // As small pieces as a pipe may give.
        let mut output = BufReader::with_capacity(7, text.as_bytes());
        let mut lines = Vec::new();
        while let Some(line) = read_line(&mut output).await.unwrap() {
            lines.push(line);
        }
        lines
    }

    #[tokio::test]
    async fn lines_as_they_are() {
        let mask = Mask::of(&["hunter2"]);
        let shown: Vec<_> =
            lines("a  \r\n\nhunter2 é\nlast").await.iter().map(|line| line.shown(&mask)).collect();
        assert_eq!(shown, ["a", "", "*** é", "last"]);
    }

    #[tokio::test]
    async fn a_long_line_is_cut_and_no_secret_with_it() {
        let secret = "0123456789abcdefghij";
        let mask = Mask::of(&[secret]);
        for (before, after) in [
            (SHOWN - 5, 100),
            (READ - 5, 100),
            (READ - secret.len(), 100),
            (READ - secret.len(), 0),
            (READ, 0),
            (READ - 1, 3 * READ),
        ] {
            let text = format!("{}{secret}{}\nnext", "x".repeat(before), "y".repeat(after));
            let lines = lines(&text).await;
            assert_eq!(lines.len(), 2, "{before}");
            let shown = lines[0].shown(&mask);
            assert!(shown.len() < SHOWN + 10 && shown.ends_with('…'), "{before}");
            assert!(!shown.contains("01234"), "{before}");
            assert_eq!(lines[1].shown(&mask), "next");
        }
    }

    /// Stars are shorter than secrets: what is left of the last one is not shown for that.
    #[tokio::test]
    async fn a_line_of_secrets() {
        let secret = "0123456789abcdefghi\u{e9}";
        let mask = Mask::of(&[secret]);
        let text = secret.repeat(2 * READ / secret.len());
        let shown = lines(&text).await[0].shown(&mask);
        assert!(shown.starts_with("******") && !shown.contains('0'), "{shown}");
    }
}
