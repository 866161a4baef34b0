//! Writes into the volume at `/home/user` how far a schedule is done, as if days had gone by: `set-scheduled JOB SCHEDULE
//! SECONDS`, the last in seconds since 1970.

#![allow(clippy::expect_used)]

use std::path::Path;

use cloud_backup::history::Scheduled;
use cloud_backup::volume::Volume;
use jiff::Timestamp;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [job, schedule, seconds] = &args[..] else {
        panic!("three arguments")
    };
    let time = Timestamp::from_second(seconds.parse().expect("a number")).expect("a time");
    let record = Scheduled {
        anchor: time,
        done: time,
        attempt: None,
    };
    Volume::open(Path::new("/home/user"))
        .expect("a volume")
        .history()
        .set_scheduled(&[(job, schedule, record)])
        .expect("a history");
}
