//! PID 1 of a container: a small parent that starts this program once more and does only what an init must.
//!
//! It reaps orphans, forwards signals, and on a stop ends the jobs, of `docker exec` and of our scheduler, before the command
//! itself. It is a process of its own because `waitpid(-1)` would take children away from tokio and duct.

use std::cell::RefCell;
use std::collections::HashSet;
use std::ffi::OsString;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpid, tcsetpgrp};
use signal_hook::consts::{SIGALRM, SIGCHLD, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::iterator::Signals;

use crate::error::{Error, Result};
use crate::grace::Grace;
use crate::supervise::signal_exit_code;

/// How often the processes are looked at while a stop waits for them.
const POLL: Duration = Duration::from_millis(50);

/// Whether this process is the container's first one.
#[must_use]
pub fn is_needed() -> bool {
    getpid() == Pid::from_raw(1)
}

/// Runs the command line as a child and gives its exit code.
pub fn run(args: &[OsString], grace: Grace) -> Result<u8> {
    let system = |what| move |source| Error::System { what, source };
    let forwarded = [
        SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH,
    ];
    let mut signals = Signals::new(forwarded.iter().chain(&[SIGCHLD]))
        .map_err(system("listening for signals"))?;
    let main = spawn(args)?;
    for signal in signals.forever() {
        match Signal::try_from(signal).map_err(|errno| system("reading a signal")(errno.into()))? {
            Signal::SIGCHLD => {
                if let Some(code) = reap(main).code {
                    let stop = Stop::new(main, Signal::SIGTERM, grace);
                    return Ok(stop.after_the_end(code, &mut signals));
                }
            }
            stop @ (Signal::SIGTERM | Signal::SIGINT) => {
                return Ok(Stop::new(main, stop, grace).run(&mut signals));
            }
            // The child may be gone: then SIGCHLD is on its way.
            other => drop(kill(main, other)),
        }
    }
    Ok(0)
}

fn spawn(args: &[OsString]) -> Result<Pid> {
    let (name, rest) = args
        .split_first()
        .map_or((OsString::from("cloud-backup"), &[][..]), |(name, rest)| {
            (name.clone(), rest)
        });
    let child = Command::new("/proc/self/exe")
        .arg0(name)
        .args(rest)
        .process_group(0)
        .spawn()
        .map_err(|source| Error::CannotStart {
            program: "cloud-backup".to_owned(),
            source,
        })?;
    // waitpid(-1) reaps it: the handle is not needed.
    let main = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
    // On a terminal Ctrl-C belongs to the command, which has a group of its own; without a terminal this fails.
    let _ = tcsetpgrp(std::io::stdin().as_fd(), main);
    Ok(main)
}

/// What a look at the ended children found.
struct Reaped {
    /// The exit code of the main one, when it was among them.
    code: Option<u8>,
    /// Whether no child is left.
    all: bool,
}

/// Reaps every child that has ended.
fn reap(main: Pid) -> Reaped {
    let mut code = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, status)) if pid == main => {
                code = Some(u8::try_from(status).unwrap_or(u8::MAX));
            }
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == main => {
                code = Some(signal_exit_code(signal));
            }
            Ok(WaitStatus::StillAlive) => return Reaped { code, all: false },
            Ok(_) | Err(Errno::EINTR) => (),
            // ECHILD; waitpid(2) knows no other error here.
            Err(_) => return Reaped { code, all: true },
        }
    }
}

/// A stop on the way: the jobs first, then the main command, then everything.
struct Stop {
    main: Pid,
    signal: Signal,
    grace: Grace,
    begun: Instant,
    code: Option<u8>,
    /// The jobs that were interrupted, each with the program that it ran.
    asked: HashSet<(Pid, String)>,
}

impl Stop {
    fn new(main: Pid, signal: Signal, grace: Grace) -> Self {
        Self {
            main,
            signal,
            grace,
            begun: Instant::now(),
            code: None,
            asked: HashSet::new(),
        }
    }

    /// The main command has ended by itself, and its jobs are left.
    fn after_the_end(mut self, code: u8, signals: &mut Signals) -> u8 {
        self.code = Some(code);
        self.end_jobs(signals, self.grace.jobs(), true);
        end_the_rest(self.main, self.begun + self.grace.all());
        code
    }

    fn run(mut self, signals: &mut Signals) -> u8 {
        let hurried = self.end_jobs(signals, self.grace.jobs(), false);
        if !hurried && self.code.is_none() {
            let _ = kill(self.main, self.signal);
            self.wait_for_main(signals);
            self.end_jobs(signals, self.grace.late_jobs(), true);
        }
        let last = end_the_rest(self.main, self.begun + self.grace.all());
        self.code = self.code.or(last);
        let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
        let until = Instant::now() + POLL * 4;
        while self.code.is_none() && Instant::now() < until {
            self.code = reap(self.main).code;
            std::thread::sleep(POLL / 10);
        }
        self.code.unwrap_or(signal_exit_code(Signal::SIGKILL))
    }

    /// Interrupts the jobs, also those that only come in now, until none is left or this long after the begin; `true` as
    /// with [`Self::wait`].
    ///
    /// One that comes late may take up the login of the server that has just ended: its agent must not be killed in the
    /// middle of a refresh.
    fn end_jobs(&mut self, signals: &mut Signals, until: Duration, main_was_told: bool) -> bool {
        let main = self.main;
        let asked = RefCell::new(std::mem::take(&mut self.asked));
        let hurried = self.wait(signals, until, || {
            let jobs = jobs(main);
            for job in &jobs {
                let (pid, signal) = match job {
                    Job::Brought(pid) => (*pid, Signal::SIGINT),
                    // Once it was told to stop, the scheduler ends them itself: a second signal would kill.
                    Job::Scheduled(_) if main_was_told => continue,
                    Job::Scheduled(pid) => (*pid, Signal::SIGTERM),
                };
                // What Docker starts a job with is deaf to it, and becomes the job under the same number.
                if asked.borrow_mut().insert((pid, program(pid))) {
                    // A job leads a session of its own; restic below it has its own group.
                    let _ = killpg(pid, signal).or_else(|_| kill(pid, signal));
                }
            }
            jobs.is_empty()
        });
        self.asked = asked.into_inner();
        hurried
    }

    fn wait_for_main(&mut self, signals: &mut Signals) {
        let all = self.grace.all();
        let mut killed = false;
        while self.code.is_none() && self.begun.elapsed() < all {
            if self.wait(signals, all, || true) {
                return;
            }
            // The scheduler, which knows of the stop by now, would wait for them for longer than there is time.
            if !killed && self.begun.elapsed() >= self.grace.stubborn_jobs() {
                killed = true;
                kill_scheduled(self.main);
            }
            std::thread::sleep(POLL / 5);
        }
    }

    /// Waits for `done` until this long after the begin; `true` when a second signal asked for a quick end.
    fn wait(&mut self, signals: &mut Signals, until: Duration, done: impl Fn() -> bool) -> bool {
        loop {
            self.code = reap(self.main).code.or(self.code);
            if signals
                .pending()
                .any(|signal| signal == SIGTERM || signal == SIGINT)
            {
                return true;
            }
            if done() || self.begun.elapsed() >= until {
                return false;
            }
            std::thread::sleep(POLL);
        }
    }
}

/// A job's first process.
enum Job {
    /// Of `docker exec`: its parent is outside of this PID namespace, so it shows as 0.
    Brought(Pid),
    /// Of our scheduler: of the main command's children only these lead a session of their own.
    Scheduled(Pid),
}

fn jobs(main: Pid) -> Vec<Job> {
    let Ok(folders) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    folders
        .filter_map(|folder| folder.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| *pid != 1 && *pid != main.as_raw())
        .filter_map(|pid| {
            let Relations { parent, session } = relations(pid)?;
            if parent == 0 {
                Some(Job::Brought(Pid::from_raw(pid)))
            } else if parent == main.as_raw() && session == pid {
                Some(Job::Scheduled(Pid::from_raw(pid)))
            } else {
                None
            }
        })
        .collect()
}

/// Kills the jobs of our scheduler that have not ended by what they were told.
fn kill_scheduled(main: Pid) {
    for job in jobs(main) {
        if let Job::Scheduled(pid) = job {
            let _ = killpg(pid, Signal::SIGKILL);
        }
    }
}

/// The name of the program that the process runs now (proc_pid_comm(5)).
fn program(pid: Pid) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default()
}

/// To whom a process belongs.
struct Relations {
    parent: i32,
    session: i32,
}

/// The fourth and the sixth field of `/proc/PID/stat` (proc_pid_stat(5)), counted behind the name, which may hold
/// anything.
fn relations(pid: i32) -> Option<Relations> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(1);
    Some(Relations {
        parent: fields.next()?.parse().ok()?,
        session: fields.nth(1)?.parse().ok()?,
    })
}

/// Ends what is left: orphans, jobs of a server that ended by itself, after a second signal the main command too.
///
/// Gives the exit code of the main command where it ended only now.
fn end_the_rest(main: Pid, until: Instant) -> Option<u8> {
    let mut code = None;
    if kill(Pid::from_raw(-1), Signal::SIGTERM).is_err() {
        return code;
    }
    while Instant::now() < until {
        let reaped = reap(main);
        code = code.or(reaped.code);
        if reaped.all && jobs(main).is_empty() {
            break;
        }
        std::thread::sleep(POLL / 5);
    }
    code
}
