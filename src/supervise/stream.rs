//! One run of a program whose output is shown as it comes and kept, bounded, for a report.
//!
//! Both of its streams are one pipe, so that their order is the program's own.

use std::collections::VecDeque;
use std::io::Write;
use std::process::ExitStatus;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::Child;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, timeout_at};

use super::{Invocation, Redactor, signal_group};
use crate::error::{Error, Result};

/// A longer line is looked at in its first part only.
const LONGEST_LINE: usize = 8 * 1024;
/// After its end a program's pipe may be held open by its children; this long their last words are waited for.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What a pipe holds at most, in bytes (pipe(7)): more than that an ended program has not left in it.
const PIPE: usize = 64 * 1024;

/// The signals that ask this process to end.
#[derive(Debug)]
pub struct Interrupts {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    /// How the scheduler tells a job that its time is over.
    alarm: tokio::signal::unix::Signal,
}

impl Interrupts {
    /// From here on these signals no longer end the process by themselves.
    pub fn new() -> Result<Self> {
        let listen = |kind| {
            signal(kind).map_err(|source| Error::System {
                what: "listening for signals",
                source,
            })
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            alarm: listen(SignalKind::alarm())?,
        })
    }

    /// Does this work, unless a signal comes first.
    pub async fn unless<T>(&mut self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            end = work => end,
            signal = self.next() => Err(Error::Interrupted { signal }),
        }
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::SIGTERM,
            _ = self.interrupt.recv() => Signal::SIGINT,
            _ = self.alarm.recv() => Signal::SIGALRM,
        }
    }
}

/// The end of an output, in bounded memory.
#[derive(Debug)]
pub struct Tail {
    bytes: VecDeque<u8>,
    limit: usize,
    dropped: u64,
}

impl Tail {
    /// Keeps the last `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            bytes: VecDeque::new(),
            limit,
            dropped: 0,
        }
    }

    /// Adds to the end, and drops as much from the beginning as is over the limit.
    pub fn push(&mut self, piece: &[u8]) {
        let piece_kept = &piece[piece.len().saturating_sub(self.limit)..];
        let over = (self.bytes.len() + piece_kept.len()).saturating_sub(self.limit);
        self.bytes.drain(..over);
        self.bytes.extend(piece_kept);
        self.dropped += (over + piece.len() - piece_kept.len()) as u64;
    }

    /// How much was pushed so far, in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.dropped + self.bytes.len() as u64
    }

    /// Takes back what was pushed after [`Self::length`] was this.
    pub fn cut(&mut self, length: u64) {
        let kept = usize::try_from(length.saturating_sub(self.dropped)).unwrap_or(usize::MAX);
        self.bytes.truncate(kept);
    }

    /// What is kept, as text; a character cut at the beginning is left out.
    #[must_use]
    pub fn text(&self) -> String {
        let bytes: Vec<u8> = self.bytes.iter().copied().collect();
        let cut = if self.dropped > 0 {
            bytes
                .iter()
                .take(3)
                .take_while(|byte| **byte & 0xC0 == 0x80)
                .count()
        } else {
            0
        };
        String::from_utf8_lossy(&bytes[cut..]).into_owned()
    }
}

/// How a streamed program ended.
#[derive(Debug)]
pub struct Streamed {
    /// Its exit status.
    pub status: ExitStatus,
    /// The signal that made us end it.
    pub interrupted: Option<Signal>,
}

/// Runs a program to its end; shows its output as it comes, and gives each line to who looks for facts, secrets replaced.
///
/// A signal is passed on as SIGINT, on which restic releases its lock; what is left after `grace` is killed. A second
/// signal kills at once.
pub async fn stream(
    invocation: &Invocation,
    redactor: &mut Redactor,
    interrupts: &mut Interrupts,
    grace: Duration,
    output: &mut Output<'_>,
) -> Result<Streamed> {
    let (reader, mut child) = spawn(invocation)?;
    let mut reader =
        pipe::Receiver::from_owned_fd(reader.into()).map_err(|source| Error::System {
            what: "reading the output of a program",
            source,
        })?;
    let mut buffer = vec![0; PIPE];
    let mut ending: Option<Ending> = None;
    let mut open = true;
    let status = loop {
        let kill_at = ending
            .as_ref()
            .map_or_else(far_away, |ending| ending.kill_at);
        tokio::select! {
            biased;
            signal = interrupts.next() => {
                // The first asks, the second does not.
                let how = if ending.is_none() { Signal::SIGINT } else { Signal::SIGKILL };
                signal_group(&child, how);
                ending.get_or_insert(Ending { signal, kill_at: Instant::now() + grace });
            }
            () = tokio::time::sleep_until(kill_at), if ending.is_some() => {
                signal_group(&child, Signal::SIGKILL);
                break child.wait().await;
            }
            status = child.wait() => break status,
            // Last, or a flood of output would put off everything else; and while it ends too,
            // for a program that cannot write cannot clean up.
            read = reader.read(&mut buffer), if open => match read {
                Ok(0) | Err(_) => open = false,
                Ok(length) => output.take(&redactor.push(&buffer[..length])),
            },
        }
    };
    let status = status.map_err(|source| Error::System {
        what: "waiting for a program",
        source,
    })?;
    let until = Instant::now() + LAST_WORDS;
    let mut left = PIPE;
    while left > 0
        && let Ok(Ok(length @ 1..)) = timeout_at(until, reader.read(&mut buffer)).await
    {
        output.take(&redactor.push(&buffer[..length]));
        left = left.saturating_sub(length);
    }
    output.take(&redactor.finish());
    output.finish_line();
    Ok(Streamed {
        status,
        interrupted: ending.map(|ending| ending.signal),
    })
}

fn spawn(invocation: &Invocation) -> Result<(std::io::PipeReader, Child)> {
    let pipe = || {
        let (reader, writer) = std::io::pipe()?;
        Ok((reader, writer.try_clone()?, writer))
    };
    let (reader, stdout, stderr) = pipe().map_err(|source| Error::System {
        what: "making a pipe",
        source,
    })?;
    // The command is a temporary: dropped here, it closes our copies of the pipe's writing end.
    let child = invocation
        .command(true)
        .stdout(stdout)
        .stderr(stderr)
        .spawn();
    Ok((
        reader,
        child.map_err(|source| invocation.cannot_start(source))?,
    ))
}

/// A run that was asked to end.
struct Ending {
    signal: Signal,
    kill_at: Instant,
}

/// A moment that does not come.
fn far_away() -> Instant {
    Instant::now() + Duration::from_hours(24)
}

/// Where the output goes: to our own standard output at once, to the tail, and line by line to who looks for facts.
pub struct Output<'a> {
    /// `None` where it is for programs: then nobody sees it, and nothing is kept.
    tail: Option<&'a mut Tail>,
    look: &'a mut dyn FnMut(&str),
    line: Vec<u8>,
}

impl<'a> Output<'a> {
    /// Keeps the end in `tail` and shows each complete line to `look`.
    pub fn new(tail: &'a mut Tail, look: &'a mut dyn FnMut(&str)) -> Self {
        Self {
            tail: Some(tail),
            look,
            line: Vec::new(),
        }
    }

    /// Shows each complete line to `look`, and to nobody else.
    pub fn unseen(look: &'a mut dyn FnMut(&str)) -> Self {
        Self {
            tail: None,
            look,
            line: Vec::new(),
        }
    }

    fn take(&mut self, piece: &[u8]) {
        if piece.is_empty() {
            return;
        }
        if let Some(tail) = &mut self.tail {
            // A reader that went away (a scheduler that died) does not end the job.
            let mut stdout = std::io::stdout().lock();
            let _ = stdout.write_all(piece).and_then(|()| stdout.flush());
            tail.push(piece);
        }
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            let room = LONGEST_LINE.saturating_sub(self.line.len());
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            if part.ends_with(b"\n") {
                self.finish_line();
            }
        }
    }

    fn finish_line(&mut self) {
        let line = String::from_utf8_lossy(&self.line);
        // What a carriage return or an erase code overwrote is not what the line says.
        let said = line.trim_end().rsplit(['\r']).next().unwrap_or_default();
        let said = said.strip_prefix("\u{1b}[2K").unwrap_or(said);
        if !said.is_empty() {
            (self.look)(said);
        }
        self.line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::Tail;

    #[test]
    fn the_tail_keeps_the_end_in_bounded_memory() {
        let mut tail = Tail::new(8);
        for _ in 0..1000 {
            tail.push(b"0123456789");
        }
        tail.push(b"ab");
        assert_eq!(tail.text(), "456789ab");
        assert!(tail.bytes.len() == 8);
    }

    #[test]
    fn what_came_after_a_length_is_taken_back() {
        let mut tail = Tail::new(8);
        tail.push(b"0123456789");
        let length = tail.length();
        tail.push(b"ab");
        tail.cut(length);
        assert_eq!(tail.text(), "456789");
        tail.cut(length);
        assert_eq!(tail.text(), "456789");
    }

    #[test]
    fn a_character_cut_by_the_limit_is_left_out() {
        let mut tail = Tail::new(4);
        tail.push("aàèì".as_bytes());
        assert_eq!(tail.text(), "èì");
        let mut tail = Tail::new(3);
        tail.push("aàèì".as_bytes());
        assert_eq!(tail.text(), "ì");
    }
}
