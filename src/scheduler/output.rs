//! What a job prints: into its log file, or line by line into the server's log where it has none. Without secrets.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::supervise::{Redactor, Tail};

/// A log file keeps the beginning of an output up to here, and the end of a longer one.
const KEPT_BEGINNING: u64 = 10 * 1024 * 1024;
const KEPT_END: usize = 64 * 1024;
/// A longer line is shown in its first part only.
const LONGEST_LINE: usize = 4 * 1024;
/// After its end a job's pipes may be held open by its children; this long their last words are waited for.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Where one stream of one run goes.
#[derive(Debug)]
pub(super) struct Sink {
    redactor: Redactor,
    to: To,
    line: Vec<u8>,
    last_line: String,
}

#[derive(Debug)]
enum To {
    File {
        file: File,
        written: u64,
        left_out: u64,
        end: Tail,
    },
    /// Each line with the job's name in front.
    Log { job: String },
    /// The file took no more, and that was said.
    Nowhere,
}

impl Sink {
    /// A sink into a file.
    pub(super) fn file(redactor: Redactor, file: File) -> Self {
        Self::new(
            redactor,
            To::File {
                file,
                written: 0,
                left_out: 0,
                end: Tail::new(KEPT_END),
            },
        )
    }

    /// A sink into the log.
    pub(super) fn log(redactor: Redactor, job: &str) -> Self {
        let job = job.to_owned();
        Self::new(redactor, To::Log { job })
    }

    fn new(redactor: Redactor, to: To) -> Self {
        Self {
            redactor,
            to,
            line: Vec::new(),
            last_line: String::new(),
        }
    }

    /// Takes all of a stream, until it is closed or the last words after the job's end are over.
    pub(super) async fn drain(
        mut self,
        mut stream: impl AsyncRead + Unpin,
        mut ended: watch::Receiver<bool>,
    ) -> Self {
        let mut buffer = vec![0; 16 * 1024];
        let mut until = None;
        loop {
            let read = async {
                match until {
                    None => stream.read(&mut buffer).await.unwrap_or(0),
                    Some(until) => match timeout_at(until, stream.read(&mut buffer)).await {
                        Ok(read) => read.unwrap_or(0),
                        Err(_) => 0,
                    },
                }
            };
            tokio::select! {
                length = read => match length {
                    0 => break,
                    length => {
                        let shown = self.redactor.push(&buffer[..length]);
                        self.take(&shown);
                    }
                },
                _ = ended.wait_for(|ended| *ended), if until.is_none() => {
                    until = Some(Instant::now() + LAST_WORDS);
                }
            }
        }
        let rest = self.redactor.finish();
        self.take(&rest);
        self.finish();
        self
    }

    /// The last line that says something; what our commands advise to do does not count.
    pub(super) fn last_line(&self) -> &str {
        &self.last_line
    }

    fn take(&mut self, piece: &[u8]) {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            let room = LONGEST_LINE.saturating_sub(self.line.len());
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            if part.ends_with(b"\n") {
                self.finish_line();
            }
        }
        let To::File {
            file,
            written,
            left_out,
            end,
        } = &mut self.to
        else {
            return;
        };
        let room = usize::try_from(KEPT_BEGINNING - *written).unwrap_or(usize::MAX);
        let (now, later) = piece.split_at(piece.len().min(room));
        *written += now.len() as u64;
        *left_out += later.len() as u64;
        end.push(later);
        if let Err(error) = file.write_all(now) {
            tracing::warn!("cannot write the log of a run any more: {error}");
            self.to = To::Nowhere;
        }
    }

    fn finish_line(&mut self) {
        let line = String::from_utf8_lossy(&self.line);
        let said: String = line
            .trim_end()
            .chars()
            .filter(|character| !character.is_control())
            .collect();
        if let To::Log { job } = &self.to {
            tracing::info!("{job}: {said}");
        }
        // What to do is a line of its own, under what happened.
        if !said.is_empty() && !said.starts_with("  -> ") {
            self.last_line = said;
        }
        self.line.clear();
    }

    fn finish(&mut self) {
        if !self.line.is_empty() {
            self.finish_line();
        }
        let To::File {
            file,
            left_out,
            end,
            ..
        } = &mut self.to
        else {
            return;
        };
        if *left_out > 0 {
            let end = end.text();
            let skipped = left_out.saturating_sub(end.len() as u64);
            let _ = write!(file, "\n[... {skipped} bytes are left out ...]\n{end}");
        }
    }
}

/// Makes a log file that only its owner may read; `None` and a warning where that fails.
pub(super) fn create(path: &Path) -> Option<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let made = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    made.map_err(|error| tracing::warn!("cannot make the log {}: {error}", path.display()))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn written(output: &[u8], secrets: &[&str]) -> (String, Sink) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let redactor = Redactor::new(secrets.iter().map(|secret| (*secret).to_owned()));
        let sink = Sink::file(redactor, create(&path).unwrap());
        let (_ended, end) = watch::channel(false);
        let sink = sink.drain(output, end).await;
        (std::fs::read_to_string(path).unwrap(), sink)
    }

    #[tokio::test]
    async fn a_file_has_the_output_without_secrets() {
        let (text, sink) = written(b"one\nsecret-word two\n  -> three\n\n", &["secret-word"]).await;
        assert_eq!(text, "one\n[redacted] two\n  -> three\n\n");
        assert_eq!(sink.last_line(), "[redacted] two");
    }

    #[tokio::test]
    async fn of_a_flood_the_beginning_and_the_end_are_kept() {
        let flood = b"0123456789abcde\n".repeat(1024 * 1024);
        let (text, _) = written(&flood, &[]).await;
        assert!(text.len() < 11 * 1024 * 1024, "{}", text.len());
        assert!(text.starts_with("0123456789abcde\n"));
        assert!(text.ends_with("0123456789abcde\n"));
        assert!(text.contains("\n[... 6225920 bytes are left out ...]\n"));
    }

    #[tokio::test]
    async fn a_pipe_that_is_held_open_after_the_end_is_left() {
        let (_writer, reader) = tokio::io::duplex(8);
        let (ended, end) = watch::channel(false);
        let sink = Sink::log(Redactor::new([]), "job");
        let drained = tokio::spawn(sink.drain(reader, end));
        ended.send_replace(true);
        let limit = Duration::from_secs(5);
        tokio::time::timeout(limit, drained).await.unwrap().unwrap();
    }
}
