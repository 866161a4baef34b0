//! Streams of real shells: lines, contents, silence.

use super::*;

/// A shell script whose standard output is a content: how it ended, the content, and the lines of its standard error.
async fn content_of(script: &str, silence: Duration) -> (Streamed, Vec<u8>, Vec<String>) {
    let mut command = tokio::process::Command::new("sh");
    command.args(["-c", script]).process_group(0);
    let (mut taken, mut lines, mut tail) = (Vec::new(), Vec::new(), Tail::new(1024));
    let mut look = |line: &str| lines.push(line.to_owned());
    let mut content = Content {
        take: &mut |piece| taken.extend_from_slice(piece),
        silence,
    };
    let streamed = Started::new(command, true)
        .unwrap()
        .follow(
            &mut Redactor::new(["s3cret".to_owned()]),
            &mut Interrupts::new().unwrap(),
            Duration::from_secs(10),
            &mut Output::new(&mut tail, &mut look),
            Some(&mut content),
        )
        .await
        .unwrap();
    (streamed, taken, lines)
}

#[tokio::test]
async fn a_content_is_taken_as_it_is_and_apart_from_the_words() {
    // More than a pipe holds, its last piece written at the very end; a secret in it is none.
    let script = "echo the s3cret >&2; head -c 300000 /dev/zero; echo s3cret; echo end >&2";
    let (streamed, content, lines) = content_of(script, Duration::from_mins(1)).await;
    assert!(streamed.status.success());
    assert_eq!(streamed.stopped, None);
    assert_eq!(content.len(), 300_007);
    assert!(content.ends_with(b"\0s3cret\n"));
    assert_eq!(lines, ["the [redacted]", "end"]);
}

#[tokio::test]
async fn a_content_that_stands_still_ends_the_program() {
    let silence = Duration::from_millis(300);
    let (streamed, content, lines) = content_of(
        "echo begun; while :; do echo busy >&2; sleep 0.1; done",
        silence,
    )
    .await;
    assert_eq!(streamed.stopped, Some(Stop::Silence(silence)));
    assert!(!streamed.status.success());
    assert_eq!(content, b"begun\n");
    assert_eq!(lines[0], "busy");
}

#[tokio::test]
async fn a_content_that_goes_on_is_waited_for_however_long_it_takes() {
    let script = "for n in 0 1 2 3 4 5 6 7 8 9; do echo $n; sleep 0.35; done";
    let (streamed, content, _) = content_of(script, Duration::from_secs(3)).await;
    assert_eq!(streamed.stopped, None);
    assert_eq!(content.len(), 20);
}

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
