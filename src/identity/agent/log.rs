//! What oidc-agent prints to its standard error: passed on to our log, and kept for who asks why a request failed.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, BufReader};
use tokio::process::ChildStderr;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::supervise::{Redactor, without_tokens};

/// A longer line is cut, in bytes.
const LONGEST_LINE: usize = 4 * 1024;
/// So many of the last lines are kept: more than one request makes.
const KEPT: usize = 32;
/// The lines of a request are in the pipe before its answer; this long they may take to be read.
const LATE: Duration = Duration::from_millis(200);

/// The last lines, secrets replaced, and how many there were.
#[derive(Debug, Default)]
struct Lines {
    last: VecDeque<String>,
    count: u64,
}

impl Lines {
    fn push(&mut self, line: String) {
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(line);
        self.count += 1;
    }

    fn since(&self, mark: u64) -> Vec<String> {
        let new = usize::try_from(self.count - mark).unwrap_or(usize::MAX);
        let skipped = self.last.len().saturating_sub(new);
        self.last.iter().skip(skipped).cloned().collect()
    }
}

/// The log of one agent; its reading ends with the agent.
#[derive(Debug)]
pub(super) struct Log {
    lines: watch::Receiver<Lines>,
}

impl Log {
    /// Reads this stream from now on.
    pub(super) fn of(stream: Option<ChildStderr>, redactor: Redactor) -> Self {
        let (sender, lines) = watch::channel(Lines::default());
        if let Some(stream) = stream {
            tokio::spawn(read(BufReader::new(stream), redactor, sender));
        }
        Self { lines }
    }

    /// A moment, for [`Self::since`].
    pub(super) fn mark(&self) -> u64 {
        self.lines.borrow().count
    }

    /// What came since that moment; where nothing did it is waited a little.
    pub(super) async fn since(&self, mark: u64) -> Vec<String> {
        let mut lines = self.lines.clone();
        let _ = timeout(LATE, lines.wait_for(|lines| lines.count > mark)).await;
        lines.borrow().since(mark)
    }

    /// The last line.
    pub(super) fn last_words(&self) -> String {
        self.lines.borrow().last.back().cloned().unwrap_or_default()
    }
}

async fn read(
    mut stream: impl AsyncBufRead + Unpin,
    redactor: Redactor,
    lines: watch::Sender<Lines>,
) {
    let mut line = Vec::new();
    while let Ok(buffer) = stream.fill_buf().await
        && !buffer.is_empty()
    {
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let piece = &buffer[..end.unwrap_or(buffer.len())];
        let room = LONGEST_LINE.saturating_sub(line.len());
        line.extend_from_slice(&piece[..piece.len().min(room)]);
        let used = piece.len() + usize::from(end.is_some());
        stream.consume(used);
        if end.is_some() {
            tell(&line, &redactor, &lines);
            line.clear();
        }
    }
    tell(&line, &redactor, &lines);
}

fn tell(line: &[u8], redactor: &Redactor, lines: &watch::Sender<Lines>) {
    let line = String::from_utf8_lossy(line);
    let line = without_tokens(&redactor.text(line.trim()));
    if line.is_empty() {
        return;
    }
    // What went wrong at the provider comes back as the answer of the request, and is told by who asked.
    if line.contains("ERROR: ") && !line.contains("oidc-agent.d ") && !line.contains(".http ") {
        tracing::warn!("oidc-agent: {line}");
    } else {
        tracing::debug!("oidc-agent: {line}");
    }
    lines.send_modify(|lines| lines.push(line));
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read_all(text: &[u8]) -> (Vec<String>, u64) {
        let (sender, lines) = watch::channel(Lines::default());
        let redactor = Redactor::new(["my secret".to_owned()]);
        read(BufReader::with_capacity(16, text), redactor, sender).await;
        let lines = lines.borrow();
        (lines.since(0), lines.count)
    }

    #[tokio::test]
    async fn lines_are_kept_without_secrets() {
        let text = b"a my secret\n\nExpired refresh token: eyJhbGciOiJub25lIn0.eyJleHAiOjE3OTgwNjgxOTB9.\nend";
        let (lines, _) = read_all(text).await;
        assert_eq!(
            lines,
            ["a [redacted]", "Expired refresh token: [redacted]", "end"]
        );
    }

    #[tokio::test]
    async fn neither_a_long_line_nor_many_fill_the_memory() {
        let (lines, _) = read_all(&vec![b'x'; 100_000]).await;
        assert_eq!(lines, ["x".repeat(LONGEST_LINE)]);
        let (lines, count) = read_all("line\n".repeat(100).as_bytes()).await;
        assert_eq!((lines.len(), count), (KEPT, 100));
    }

    #[tokio::test]
    async fn only_the_lines_since_a_moment_are_given() {
        let (sender, lines) = watch::channel(Lines::default());
        let log = Log { lines };
        sender.send_modify(|lines| lines.push("before".to_owned()));
        let mark = log.mark();
        assert!(log.since(mark).await.is_empty());
        sender.send_modify(|lines| lines.push("after".to_owned()));
        assert_eq!(log.since(mark).await, ["after"]);
        assert_eq!(log.last_words(), "after");
    }
}
