//! A restic for what the real one cannot be made to do: much output, secrets in pieces, signals, hanging.
//!
//! `backup` and `forget` do what `RESTIC_FAKE_SCRIPT` tells, one action a line, and `forget --dry-run --json`, by which the
//! snapshots are counted, what `RESTIC_FAKE_COUNT` tells; every other command succeeds at once, as on a repository that
//! is always there. The actions:
//!
//! - `say TEXT`, `warn TEXT`: a line on standard output, on standard error
//! - `blame VARIABLE`: whether it is set, as a fatal error of restic
//! - `pieces TEXT`: the text byte by byte, each in a write of its own
//! - `flood MB`: so many megabytes of lines with characters of one to four bytes
//! - `sleep MILLISECONDS`
//! - `deaf`: from here on SIGINT and SIGTERM do nothing
//! - `signal NUMBER`: to itself
//! - `exit CODE`

// A test that asks for nonsense is to see it.
#![allow(clippy::expect_used)]

use std::io::{BufWriter, Write, stdout};
use std::process::exit;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::{Signal, raise};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag::register;

/// The repository id that it shows.
const ID: &str = "fa4e000000000000000000000000000000000000000000000000000000000000";

fn main() {
    let mut args = std::env::args().skip(1);
    let command = args.find(|arg| !arg.starts_with('-')).unwrap_or_default();
    match command.as_str() {
        "cat" => println!(r#"{{"version":2,"id":"{ID}"}}"#),
        "forget" if counts(args) => perform("RESTIC_FAKE_COUNT"),
        "backup" | "forget" => perform("RESTIC_FAKE_SCRIPT"),
        _ => (),
    }
}

/// Whether these options make a forget that only counts.
fn counts(options: impl Iterator<Item = String>) -> bool {
    let options: Vec<String> = options.collect();
    ["--dry-run", "--json"]
        .iter()
        .all(|wanted| options.iter().any(|option| option == wanted))
}

fn perform(script: &str) {
    let script = std::env::var(script).unwrap_or_default();
    script.lines().for_each(act);
}

fn act(line: &str) {
    let (action, value) = line.split_once(' ').unwrap_or((line, ""));
    let number = || value.parse().expect("a number");
    match action {
        "say" => println!("{value}"),
        "warn" => eprintln!("{value}"),
        "blame" if std::env::var_os(value).is_some() => eprintln!("Fatal: {value} is set"),
        "blame" => eprintln!("Fatal: {value} is not set"),
        "pieces" => pieces(value),
        "flood" => flood(number()),
        "sleep" => sleep(Duration::from_millis(number())),
        "deaf" => deaf(),
        "signal" => raise(
            Signal::try_from(i32::try_from(number()).expect("a small number")).expect("a signal"),
        )
        .expect("a raised signal"),
        "exit" => exit(i32::try_from(number()).expect("a small number")),
        unknown => panic!("{unknown:?} is no action"),
    }
}

fn deaf() {
    for signal in [SIGINT, SIGTERM] {
        register(signal, Arc::default()).expect("a handler that does nothing");
    }
}

fn pieces(text: &str) {
    for byte in text.bytes().chain([b'\n']) {
        let mut out = stdout().lock();
        out.write_all(&[byte]).expect("a written byte");
        out.flush().expect("a flushed byte");
        sleep(Duration::from_millis(1));
    }
}

fn flood(megabytes: u64) {
    let mut out = BufWriter::with_capacity(64 * 1024, stdout().lock());
    let mut written = 0;
    let mut line = 0_u64;
    while written < megabytes * 1_000_000 {
        // One byte more in each line: a cut at any place meets each of its bytes sooner or later.
        let text = format!("{line} à€𝄞è{}\n", "x".repeat((line % 7) as usize));
        out.write_all(text.as_bytes()).expect("written output");
        written += text.len() as u64;
        line += 1;
    }
}
