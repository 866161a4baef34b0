use proptest::prelude::*;

use super::*;

fn report(tail: &str) -> Report {
    Report {
        verdict: "Backup of /data failed: 1 file could not be read".to_owned(),
        remedy: Some("Make it readable.".to_owned()),
        summary: vec![
            "/data/secret: permission denied".to_owned(),
            "processed 2 files".to_owned(),
        ],
        tail: tail.to_owned(),
    }
}

#[test]
fn the_verdict_stands_first_and_the_output_last() {
    assert_eq!(
        report("line 1\nline 2\n").body(100_000),
        "Backup of /data failed: 1 file could not be read\nMake it readable.\n/data/secret: permission denied\n\
         processed 2 files\n\nline 1\nline 2\n"
    );
}

#[test]
fn a_success_without_output_is_one_line() {
    let report = Report {
        verdict: "Successful backup of /data".to_owned(),
        ..Report::default()
    };
    assert_eq!(report.body(100_000), "Successful backup of /data\n");
}

#[test]
fn a_long_output_loses_its_beginning_at_a_line() {
    let tail = (0..1000).fold(String::new(), |tail, number| {
        tail + &format!("line {number}\n")
    });
    let body = report(&tail).body(400);
    assert!(body.len() <= 400, "{}", body.len());
    assert!(
        body.contains("bytes or more of output before this]\nline 9"),
        "{body}"
    );
    assert!(body.ends_with("line 999\n"), "{body}");
}

#[test]
fn many_unreadable_files_leave_room_for_the_output() {
    let report = Report {
        summary: vec!["/data/file: permission denied".to_owned(); 1000],
        ..report("the end\n")
    };
    let body = report.body(2000);
    assert!(
        body.contains("more lines]") && body.ends_with("the end\n"),
        "{body}"
    );
}

#[test]
fn what_a_terminal_would_not_show_in_the_end_is_left_out() {
    let tail = "\u{1b}[2Ksignal interrupt received\n[0:05] 43.00%  3 / 7 packs processed\nhalf\rwhole\r\n\u{1b}]0;title\u{7}x\0y\n";
    assert_eq!(clean(tail), "signal interrupt received\nwhole\nxy\n");
    assert_eq!(clean("[0:05] no progress"), "[0:05] no progress");
}

#[test]
fn an_escape_that_never_ends_hides_no_other_line() {
    assert_eq!(
        clean("file \u{1b}]evil\nerror: unread\n\u{1b}["),
        "file\nerror: unread\n"
    );
}

#[test]
fn links_and_other_control_strings_leave_their_text_only() {
    let link = "\u{1b}]8;;http://x/\u{1b}\\link\u{1b}]8;;\u{1b}\\ \u{1b}(Bend\u{1b}P1$q\u{1b}\\.";
    assert_eq!(clean(link), "link end.");
}

#[test]
fn progress_is_left_out_and_what_only_looks_like_it_is_kept() {
    let tail = "[0:00] 100.00%  3 / 3 files deleted\n[1:02:03] 17 packs\n{\"message_type\":\"status\"}\n\
                [10] 20 files\n[0:00] done\n{\"message_type\":\"summary\"}\n";
    assert_eq!(
        clean(tail),
        "[10] 20 files\n[0:00] done\n{\"message_type\":\"summary\"}\n"
    );
}

#[test]
fn a_file_name_cannot_forge_the_verdict() {
    let report = Report {
        verdict: "Backup failed: \u{1b}[2Kname\rSuccessful backup".to_owned(),
        ..Report::default()
    };
    assert_eq!(report.body(1000), "Backup failed: nameSuccessful backup\n");
}

#[test]
fn a_list_in_the_verdict_stands_after_the_remedy() {
    let report = Report {
        verdict: "Backup failed: 2 problems:\n  A is missing\n  B is wrong".to_owned(),
        remedy: Some("Correct them.".to_owned()),
        ..Report::default()
    };
    assert_eq!(
        report.body(100_000),
        "Backup failed: 2 problems:\nCorrect them.\n  A is missing\n  B is wrong\n"
    );
}

#[test]
fn all_problems_of_a_configuration_are_told_where_there_is_room() {
    let problems = "\n  VARIABLE: is wrong".repeat(100);
    let report = Report {
        verdict: format!("Backup failed: 100 problems:{problems}"),
        ..Report::default()
    };
    assert_eq!(report.body(100_000), report.verdict.clone() + "\n");
    let body = report.body(1000);
    assert!(
        body.len() <= 1000 && body.ends_with(" more lines]\n"),
        "{body}"
    );
}

#[test]
fn an_endless_verdict_pushes_nothing_else_out() {
    let report = Report {
        verdict: "€".repeat(100_000),
        ..report("the end\n")
    };
    let body = report.body(1000);
    assert!(body.len() <= 1000);
    assert!(body.contains("€ ...\nMake it readable.\n"), "{body}");
    assert!(body.ends_with("processed 2 files\n\nthe end\n"), "{body}");
}

#[test]
fn the_end_of_a_long_line_is_kept_with_what_follows_it() {
    let tail = "y".repeat(1_000_000) + "\nFatal: the end\n";
    let body = report(&tail).body(10_000);
    assert!(body.len() > 9_900, "{}", body.len());
    assert!(body.ends_with("yyy\nFatal: the end\n"));
}

#[test]
fn an_output_of_one_line_is_cut_on_a_character() {
    let tail = "è€🦀".repeat(120_000);
    for limit in [1_000, 9_998, 9_999, 10_000, 10_001, 100_000] {
        let body = report(&tail).body(limit);
        assert!(body.len() <= limit && body.len() + 8 > limit, "{limit}");
        assert!(body.ends_with("è€🦀\n"), "{limit}");
    }
}

/// Outputs as they come: text, characters of several bytes, escapes, overwritten and broken lines.
fn output() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[ -~è€🦀]{0,40}",
        2 => any::<String>(),
        1 => "\u{1b}[\\[\\](PX^_a-z0-9;?]{0,6}[a-zè€]{0,3}",
        1 => Just("\u{1b}[2K\r".to_owned()),
        1 => Just("[0:00] 100.00%  3 / 3 files deleted\n".to_owned()),
        1 => Just("\0\u{8}\u{85}\u{9b}31m".to_owned()),
        3 => Just("\n".to_owned()),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_output_is_cut_within_the_limit(tail in output(), limit in 200_usize..2000) {
        let body = report(&tail).body(limit);
        prop_assert!(body.len() <= limit);
        prop_assert!(body.starts_with("Backup of /data failed: 1 file could not be read\n"));
        let tail = clean(&tail);
        let end = tail.trim_matches('\n');
        let end = &end[end.ceil_char_boundary(end.len().saturating_sub(20))..];
        prop_assert!(body.ends_with(&format!("{end}\n")), "{:?} ends {:?}", end, body);
    }

    #[test]
    fn any_report_fits_into_any_limit(verdict in any::<String>(), tail in output(), limit in 0_usize..300) {
        let report = Report { verdict, ..report(&tail) };
        prop_assert!(report.body(limit).len() <= limit);
    }

    #[test]
    fn what_is_cleaned_has_no_controls(tail in output()) {
        prop_assert!(clean(&tail).chars().all(|char| !char.is_control() || matches!(char, '\n' | '\t')));
    }
}
