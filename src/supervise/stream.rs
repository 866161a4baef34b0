//! One run of a program whose output is shown as it comes and kept, bounded, for a report.
//!
//! Both of its streams are one pipe, so that their order is the program's own; but for a program that writes no text to
//! its standard output: that goes, as it is, to who takes it.

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
    /// Why we ended it, where we did.
    pub stopped: Option<Stop>,
}

/// Why a program is ended by us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// We got this signal.
    Signal(Signal),
    /// Nothing came of its content for so long.
    Silence(Duration),
}

/// What a program writes to its standard output, where that is no text but the content of a file.
pub struct Content<'a> {
    /// Takes it piece by piece; it is never held whole.
    pub take: &'a mut dyn FnMut(&[u8]),
    /// For so long nothing may come.
    pub silence: Duration,
}

/// Runs a program to its end; shows its output as it comes, and gives each line to who looks for facts, secrets replaced.
///
/// A signal is passed on as SIGINT, on which restic releases its lock; what is left after `grace` is killed. A second
/// signal kills at once. Of a program that writes a content only its standard error is shown; its silence ends it too.
pub async fn stream(
    invocation: &Invocation,
    redactor: &mut Redactor,
    interrupts: &mut Interrupts,
    grace: Duration,
    output: &mut Output<'_>,
    content: Option<&mut Content<'_>>,
) -> Result<Streamed> {
    let started = Started::new(invocation.command(true), content.is_some())
        .map_err(|source| invocation.cannot_start(source))?;
    started
        .follow(redactor, interrupts, grace, output, content)
        .await
}

/// A program and what we read of it.
struct Started {
    child: Child,
    text: Reading,
    content: Reading,
}

impl Started {
    fn new(mut command: tokio::process::Command, writes_content: bool) -> std::io::Result<Self> {
        let (text, stderr) = std::io::pipe()?;
        let (content, stdout) = if writes_content {
            let (content, stdout) = std::io::pipe()?;
            (Reading::new(content)?, stdout)
        } else {
            (Reading::ended(), stderr.try_clone()?)
        };
        Ok(Self {
            // Dropped at the end of this, the command closes our copies of the pipes' writing ends.
            child: command.stdout(stdout).stderr(stderr).spawn()?,
            text: Reading::new(text)?,
            content,
        })
    }

    async fn follow(
        mut self,
        redactor: &mut Redactor,
        interrupts: &mut Interrupts,
        grace: Duration,
        output: &mut Output<'_>,
        mut content: Option<&mut Content<'_>>,
    ) -> Result<Streamed> {
        let silence = content.as_ref().map(|content| content.silence);
        let mut take = |piece: &[u8]| {
            if let Some(content) = &mut content {
                (content.take)(piece);
            }
        };
        let mut last_piece = Instant::now();
        let mut ending: Option<Ending> = None;
        let status = loop {
            let kill_at = ending
                .as_ref()
                .map_or_else(far_away, |ending| ending.kill_at);
            let silent_at = silence.map_or_else(far_away, |silence| last_piece + silence);
            tokio::select! {
                biased;
                signal = interrupts.next() => {
                    // The first asks, the second does not.
                    let how = if ending.is_none() { Signal::SIGINT } else { Signal::SIGKILL };
                    signal_group(&self.child, how);
                    ending.get_or_insert(Ending::new(Stop::Signal(signal), grace));
                }
                () = tokio::time::sleep_until(kill_at), if ending.is_some() => {
                    signal_group(&self.child, Signal::SIGKILL);
                    break self.child.wait().await;
                }
                status = self.child.wait() => break status,
                // Last, or a flood of output would put off everything else; and while it ends too,
                // for a program that cannot write cannot clean up.
                piece = self.text.next(), if self.text.is_open() => output.take(&redactor.push(piece)),
                piece = self.content.next(), if self.content.is_open() => {
                    last_piece = Instant::now();
                    take(piece);
                }
                () = tokio::time::sleep_until(silent_at), if silence.is_some() && ending.is_none() => {
                    signal_group(&self.child, Signal::SIGINT);
                    let stop = Stop::Silence(silence.unwrap_or_default());
                    ending = Some(Ending::new(stop, grace));
                }
            }
        };
        let status = status.map_err(|source| Error::System {
            what: "waiting for a program",
            source,
        })?;
        let until = Instant::now() + LAST_WORDS;
        self.content.rest(until, take).await;
        let say = |piece: &[u8]| output.take(&redactor.push(piece));
        self.text.rest(until, say).await;
        output.take(&redactor.finish());
        output.finish_line();
        Ok(Streamed {
            status,
            stopped: ending.map(|ending| ending.stop),
        })
    }
}

/// The reading end of a pipe of a program.
struct Reading {
    /// `None` from its end on.
    pipe: Option<pipe::Receiver>,
    buffer: Vec<u8>,
}

impl Reading {
    fn new(pipe: std::io::PipeReader) -> std::io::Result<Self> {
        Ok(Self {
            pipe: Some(pipe::Receiver::from_owned_fd(pipe.into())?),
            buffer: vec![0; PIPE],
        })
    }

    fn ended() -> Self {
        Self {
            pipe: None,
            buffer: Vec::new(),
        }
    }

    fn is_open(&self) -> bool {
        self.pipe.is_some()
    }

    /// The next piece; an empty one at its end.
    async fn next(&mut self) -> &[u8] {
        let Some(pipe) = &mut self.pipe else {
            return &[];
        };
        let length = pipe.read(&mut self.buffer).await.unwrap_or(0);
        if length == 0 {
            self.pipe = None;
        }
        &self.buffer[..length]
    }

    /// What an ended program has left in it.
    async fn rest(&mut self, until: Instant, mut take: impl FnMut(&[u8])) {
        let mut left = PIPE;
        while left > 0
            && let Ok(piece @ [_, ..]) = timeout_at(until, self.next()).await
        {
            take(piece);
            left = left.saturating_sub(piece.len());
        }
    }
}

/// A run that was asked to end.
struct Ending {
    stop: Stop,
    kill_at: Instant,
}

impl Ending {
    fn new(stop: Stop, grace: Duration) -> Self {
        Self {
            stop,
            kill_at: Instant::now() + grace,
        }
    }
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
mod tests;
