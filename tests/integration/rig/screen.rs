//! Plays the user in front of the screen of `config` and `reauth`: reads it while it is written, and approves.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::harness::Ended;

/// Longer than any login that ends, and short of the end of the test.
const DEADLINE: Duration = Duration::from_secs(90);

/// Where the user is told to go, and with what.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    pub uri: String,
    pub code: String,
}

impl Request {
    /// What the screen asks for, once both lines are there as a whole: the address alone on a line, and the only word of
    /// the first line with any after "enter this code:".
    pub fn on(screen: &str) -> Option<Self> {
        let (whole, _) = screen.rsplit_once('\n')?;
        let mut lines = whole.lines().map(str::trim);
        let uri = lines.find(|line| line.starts_with("https://") && !line.contains(' '))?;
        lines.find(|line| line.ends_with("enter this code:"))?;
        let code = lines.find(|line| !line.is_empty())?;
        (!code.contains(' ')).then(|| Self {
            uri: uri.to_owned(),
            code: code.to_owned(),
        })
    }
}

/// Runs a command that logs in, calls `approve` as soon as the standard output shows what to do, and gives the end.
#[track_caller]
pub fn attend(mut command: Command, approve: impl FnOnce(Request)) -> Ended {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a command that can be started");
    let stdout = Stream::of(child.stdout.take().expect("a pipe"));
    let stderr = Stream::of(child.stderr.take().expect("a pipe"));
    let mut approve = Some(approve);
    let until = Instant::now() + DEADLINE;
    let status = loop {
        if let Some(status) = child.try_wait().expect("the state of a child") {
            break status;
        }
        if approve.is_some()
            && let Some(request) = Request::on(&stdout.so_far())
            && let Some(approve) = approve.take()
        {
            approve(request);
        }
        if Instant::now() > until {
            give_up(&mut child, &stdout, &stderr);
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    ended(&command, status, stdout, stderr)
}

#[track_caller]
fn give_up(child: &mut Child, stdout: &Stream, stderr: &Stream) -> ! {
    let _ = child.kill();
    let _ = child.wait();
    panic!(
        "the login has not ended after {DEADLINE:?}\n--- stdout\n{}--- stderr\n{}",
        stdout.so_far(),
        stderr.so_far()
    );
}

fn ended(command: &Command, status: ExitStatus, stdout: Stream, stderr: Stream) -> Ended {
    Ended {
        command: format!("{command:?}"),
        code: status.code().unwrap_or(-1),
        stdout: stdout.whole(),
        stderr: stderr.whole(),
    }
}

/// What comes out of a child, to be read while it still comes.
struct Stream {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Stream {
    fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&bytes);
        let reader = std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = pipe.read(&mut chunk) {
                kept.lock().expect("a lock").extend(&chunk[..length]);
            }
        });
        Self { bytes, reader }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().expect("a lock")).into_owned()
    }

    fn whole(self) -> String {
        self.reader.join().expect("a reader");
        String::from_utf8_lossy(&self.bytes.lock().expect("a lock")).into_owned()
    }
}
