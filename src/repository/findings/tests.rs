//! Each text is one that restic 0.18 printed, at the shortest.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use super::*;

fn read(output: &str) -> Findings {
    let mut findings = Findings::default();
    output.lines().for_each(|line| findings.read(line));
    findings
}

/// How a run with this output and this exit code is judged.
fn judged(output: &str, code: i32) -> Result<()> {
    read(output).judge(&Streamed {
        status: ExitStatus::from_raw(code << 8),
        stopped: None,
    })
}

fn told(output: &str, code: i32) -> String {
    judged(output, code).unwrap_err().to_string()
}

const WHOLE: &str = "no parent snapshot found, will read all files\n\
    \n\
    Files:           5 new,     0 changed,     0 unmodified\n\
    Added to the repository: 484.083 KiB (248.084 KiB stored)\n\
    \n\
    processed 5 files, 390.097 KiB in 0:00\n\
    snapshot 3a5ceb1d saved\n";

#[test]
fn a_whole_backup_is_well_and_summed_up_in_one_line() {
    assert!(judged(WHOLE, 0).is_ok());
    assert_eq!(
        read(WHOLE).summary(),
        [
            "Added to the repository: 484.083 KiB (248.084 KiB stored); processed 5 files, 390.097 KiB in 0:00; \
             snapshot 3a5ceb1d saved"
        ]
    );
}

#[test]
fn its_figures_are_read_from_text_as_far_as_they_are_printed() {
    let figures = Figures {
        snapshot: Some("3a5ceb1d".to_owned()),
        files: Some(5),
        bytes_added: Some(495_700),
        bytes_processed: Some(399_459),
    };
    assert_eq!(read(WHOLE).figures(), &figures);
    assert_eq!(
        *read("Applying Policy: keep 1\n").figures(),
        Figures::default()
    );
    for (size, expected) in [
        ("0 B", Some(0)),
        ("1.5 KiB", Some(1536)),
        ("2.000 MiB (1 B stored)", Some(2 << 20)),
        ("17.250 GiB in 1:00", Some(69 << 28)),
        ("3.000 TiB", Some(3 << 40)),
        ("3 PiB", None),
        ("99999999999999999999 TiB", None),
        ("18446744073709551 TiB", None),
        ("-1 B", None),
        ("B", None),
    ] {
        assert_eq!(bytes(size), expected, "{size}");
    }
}

#[test]
fn unreadable_files_are_named_before_the_figures() {
    let output = format!("error: open /data/a: permission denied\n{WHOLE}");
    assert!(matches!(
        judged(&output, 3),
        Err(Error::Incomplete { count: 1, .. })
    ));
    assert_eq!(told(&output, 3), "1 file could not be read");
    assert_eq!(
        read(&output).summary()[0],
        "open /data/a: permission denied"
    );
}

#[test]
fn a_source_that_does_not_exist_is_incomplete_though_restic_says_0() {
    let output = format!("/data/gone does not exist, skipping\n{WHOLE}");
    assert_eq!(judged(&output, 0).unwrap_err().exit_code(), 3);
    assert_eq!(read(&output).summary()[0], "/data/gone does not exist");
}

#[test]
fn no_file_at_all_is_a_mistake_though_restic_says_0() {
    let output = "processed 0 files, 0 B in 0:00\nsnapshot 3a5ceb1d saved\n";
    assert!(matches!(judged(output, 0), Err(Error::NothingFound)));
}

#[test]
fn of_many_unreadable_files_the_first_are_named_and_the_rest_counted() {
    let many = (0..1000)
        .map(|n| {
            format!(
                "error: open /data/{n}: permission denied
"
            )
        })
        .collect::<Vec<_>>()
        .concat();
    let summary = read(&many).summary();
    assert_eq!(summary.len(), NAMED_FILES + 1);
    assert_eq!(summary[NAMED_FILES], "and 950 more");
    assert_eq!(told(&(many + WHOLE), 3), "1000 files could not be read");
}

#[test]
fn json_says_the_same_as_text() {
    let summary = r#"{"message_type":"summary","files_new":2,"total_files_processed":2,"data_added":3000,"snapshot_id":"3a5ceb1d2222"}"#;
    assert!(judged(summary, 0).is_ok());
    assert_eq!(
        read(summary).summary(),
        ["processed 2 files; snapshot 3a5ceb1d saved; 3000 bytes added to the repository"]
    );
    let figures = Figures {
        snapshot: Some("3a5ceb1d2222".to_owned()),
        files: Some(2),
        bytes_added: Some(3000),
        bytes_processed: None,
    };
    assert_eq!(read(summary).figures(), &figures);
    let error = r#"{"message_type":"error","error":{"message":"open /data/a: permission denied"},"during":"archival","item":"/data/a"}"#;
    let output = format!("{error}\n{summary}\n");
    assert!(matches!(
        judged(&output, 3),
        Err(Error::Incomplete { count: 1, .. })
    ));
    assert_eq!(
        read(&output).summary()[0],
        "open /data/a: permission denied"
    );
    let nothing = summary.replace(
        r#""total_files_processed":2"#,
        r#""total_files_processed":0"#,
    );
    assert!(matches!(judged(&nothing, 0), Err(Error::NothingFound)));
    let fatal =
        r#"{"message_type":"exit_error","code":1,"message":"Fatal: no space left on device"}"#;
    assert_eq!(told(fatal, 1), "no space left on device");
}

#[test]
fn the_holder_of_a_lock_is_named_with_its_age() {
    let shared = "unable to create lock in backend: repository is already locked by PID 15 on my-VM by user (UID 1000, GID 1000)\n\
        lock was created at 2026-01-02 03:04:05 (2.44s ago)\n\
        storage ID 5d10bc58\n";
    assert_eq!(
        told(shared, 11),
        "the repository is locked by PID 15 on my-VM by user (UID 1000, GID 1000) since 2026-01-02 03:04:05 (2.44s ago)"
    );
    let exclusive = shared.replace("locked by", "locked exclusively by");
    assert_eq!(
        told(&exclusive, 11),
        "the repository is locked by PID 15 on my-VM by user (UID 1000, GID 1000), exclusively since 2026-01-02 03:04:05 \
         (2.44s ago)"
    );
    assert_eq!(
        told("", 11),
        "the repository is locked by an unknown process"
    );
}

#[test]
fn a_forget_is_summed_up_by_what_it_kept_and_removed() {
    let output = "Applying Policy: keep 1 latest snapshots\n\
        keep 1 snapshots:\n\
        remove 2 snapshots:\n\
        3a5ceb1d  2026-01-02 03:04:05  my-VM              /data\n\
        [0:00] 100.00%  2 / 2 files deleted\n\
        to delete:             3 blobs / 1.078 KiB\n\
        remaining:             4 blobs / 1.211 KiB\n\
        done\n";
    assert!(judged(output, 0).is_ok());
    assert_eq!(
        read(output).summary(),
        ["keep 1 snapshots; remove 2 snapshots; remaining after prune: 4 blobs / 1.211 KiB"]
    );
}

#[test]
fn every_other_code_of_restic_passes_with_its_last_words() {
    for code in [1, 2, 42, 130] {
        let error = judged("some line\nFatal: it broke\nmore\n", code).unwrap_err();
        assert_eq!(i32::from(error.exit_code()), code);
        assert_eq!(error.to_string(), "it broke");
    }
    assert_eq!(told("the last line\n\n", 1), "the last line");
    assert_eq!(told("", 1), "restic ended with code 1 and said nothing");
    assert_eq!(judged("", 10).unwrap_err().exit_code(), 10);
    assert_eq!(judged("", 12).unwrap_err().exit_code(), 12);
}

#[test]
fn code_3_without_a_backup_is_a_snapshot_that_was_not_removed() {
    assert!(matches!(
        judged("keep 1 snapshots:\n", 3),
        Err(Error::NotRemoved)
    ));
}

#[test]
fn a_signal_that_we_did_not_send_is_told_as_such_and_so_is_why_we_sent_one() {
    let killed = Streamed {
        status: ExitStatus::from_raw(9),
        stopped: None,
    };
    let error = Findings::default().judge(&killed).unwrap_err();
    assert_eq!(error.exit_code(), 137);
    let stopped = Streamed {
        stopped: Some(Stop::Signal(Signal::SIGTERM)),
        ..killed
    };
    let error = Findings::default().judge(&stopped).unwrap_err();
    assert_eq!(error.exit_code(), 130);
    let silent = Streamed {
        stopped: Some(Stop::Silence(Duration::from_mins(30))),
        ..stopped
    };
    let error = Findings::default().judge(&silent).unwrap_err();
    assert_eq!(error.to_string(), "the server gave no answer within 30m");
}

#[test]
fn an_error_with_a_trace_is_told_without_it() {
    let output = "using parent snapshot 831a86e8\n\
        Error loading snapshot 831a86e8: failed to load snapshot 831a86e8: LoadRaw(<snapshot/831a86e8cc>): invalid data returned\n\
        github.com/restic/restic/internal/restic.(*SnapshotFilter).findLatest.func1\n\
        \tgithub.com/restic/restic/internal/restic/snapshot_find.go:56\n\
        runtime.goexit\n\
        \truntime/asm_amd64.s:1700\n";
    assert!(
        told(output, 1).contains("Error loading snapshot 831a86e8: failed to load"),
        "{}",
        told(output, 1)
    );
}

#[test]
fn damaged_parts_are_named_without_their_details() {
    let pack = "f263969a0cae5c63fab738921fe8bb25156d3f7474ffc22b4f8ca4ea4ca22da4";
    let output = format!(
        "check snapshots, trees and blobs\n\
         pack {pack} contains 2 errors: [blob 0327801354bf3a0b: decrypting blob <data/03278013> from f263969a failed: \
         ciphertext verification failed unexpected pack id 7ef164da]\n\
         pack {pack}: does not exist\n\
         ignoring error for /src/big: decrypting blob <data/03278013> from f263969a failed\n\
         restic repair packs {pack}\n\
         Fatal: repository contains errors\n"
    );
    assert_eq!(
        read(&output).summary(),
        [
            format!("pack {pack} contains 2 errors"),
            format!("pack {pack}: does not exist"),
            "ignoring error for /src/big: decrypting blob <data/03278013> from f263969a failed"
                .to_owned(),
        ]
    );
    assert_eq!(told(&output, 1), "repository contains errors");
}

#[test]
fn a_crash_is_told_by_its_first_line_not_by_its_trace() {
    let output = "Load(<data/ceeb18128c>, 0, 0) failed: <data/ceeb18128c> does not exist\n\
        panic: runtime error: invalid memory address or nil pointer dereference\n\
        [signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x893e95]\n\
        \n\
        goroutine 1 [running]:\n\
        main.main()\n\
        \tgithub.com/restic/restic/cmd/restic/main.go:172 +0x267\n";
    assert_eq!(
        told(output, 2),
        "panic: runtime error: invalid memory address or nil pointer dereference"
    );
}

#[test]
fn what_the_storage_does_not_let_go_is_not_removed_though_restic_ends_with_0() {
    let output = "Remove(<snapshot/9008769637>) failed: unexpected HTTP response (403): 403 Forbidden\n\
        unable to remove snapshot/90087696370d427f2476abc10442c881075c0366237f23f0571e2df43ba30730 from the repository\n\
        [0:00] 0.00%  0 / 1 files deleted\n";
    assert!(matches!(judged(output, 0), Err(Error::NotRemoved)));
}
