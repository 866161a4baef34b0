//! Which version of a program of the image is installed.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::settings::Settings;
use crate::supervise::{Invocation, find_program};

/// A program tells its version within this time.
const DEADLINE: Duration = Duration::from_secs(10);

/// The first two words of what it says when it is asked: `restic 0.18.0`; `None` where it says nothing.
pub(super) async fn version(settings: &Settings, name: &'static str) -> Option<String> {
    let question = match name {
        "oidc-agent" => "--version",
        _ => "version",
    };
    let invocation = Invocation {
        name,
        program: find_program(name, settings.environment.path()).ok()?,
        args: vec![question.into()],
        env: vec![(
            "HOME".to_owned(),
            settings.home.to_string_lossy().into_owned(),
        )],
        death_signal: Signal::SIGTERM,
    };
    let run = move || {
        let handle = invocation
            .expression()
            .stdout_capture()
            .stderr_null()
            .start()
            .ok()?;
        let Ok(Some(output)) = handle.wait_timeout(DEADLINE) else {
            let _ = handle.kill();
            return None;
        };
        let text = String::from_utf8_lossy(&output.stdout);
        let words: Vec<&str> = text.split_whitespace().take(2).collect();
        (words.len() == 2).then(|| words.join(" "))
    };
    tokio::task::spawn_blocking(run).await.ok().flatten()
}
