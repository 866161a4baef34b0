//! Prints the runs in the history of the volume at `/home/user`, one JSON object a line: what readers of it see.

#![allow(clippy::expect_used)]

use std::path::Path;

use cloud_backup::history::State;
use cloud_backup::volume::Volume;
use jiff::Timestamp;
use serde_json::json;

fn main() {
    let volume = Volume::open(Path::new("/home/user")).expect("a volume");
    let runs = volume.history().since(Timestamp::MIN).expect("a history");
    for run in runs {
        let beginning = &run.beginning;
        let mut line = json!({
            "id": beginning.id.to_string(),
            "command": beginning.command,
            "args": beginning.args,
            "started_by": beginning.started_by,
            "dry_run": beginning.dry_run,
            "started": beginning.started,
        });
        line["state"] = match &run.state {
            State::Running => "running",
            State::BrokenOff => "broken off",
            State::Ended(_) => "ended",
        }
        .into();
        if let Some(end) = run.end() {
            line["end"] = json!({
                "at": end.at,
                "exit_code": end.exit_code,
                "verdict": end.verdict,
                "skipped": end.skipped,
                "snapshot": end.figures.snapshot,
                "files": end.figures.files,
                "bytes_added": end.figures.bytes_added,
                "bytes_processed": end.figures.bytes_processed,
            });
        }
        println!("{line}");
    }
}
