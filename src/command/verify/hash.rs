//! The SHA-256 of a content, taken as it goes past: a file of any size is never held whole.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;
use ring::digest::{Context, SHA256};

/// What has gone past so far.
pub(super) struct Hash {
    context: Context,
    length: u64,
}

impl Hash {
    pub(super) fn new() -> Self {
        Self {
            context: Context::new(&SHA256),
            length: 0,
        }
    }

    /// The content of a file.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        // What took the place of a file since must not make us wait.
        let mut file: File = OpenOptions::new()
            .read(true)
            .custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW).bits())
            .open(path)?;
        let mut hash = Self::new();
        let mut buffer = vec![0; 256 * 1024];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(hash),
                Ok(length) => hash.take(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes the next piece.
    pub(super) fn take(&mut self, piece: &[u8]) {
        self.context.update(piece);
        self.length += piece.len() as u64;
    }

    /// Its hexadecimal digits; none where the content has another length than this.
    pub(super) fn of_whole(self, length: u64) -> Option<String> {
        if self.length != length {
            return None;
        }
        let digest = self.context.finish();
        let digits = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
        Some(digits.collect::<Vec<_>>().concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of "abc", by FIPS 180-2.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_content_in_pieces_and_in_a_file_has_the_same_hash() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        std::fs::write(&file, "abc").unwrap();
        assert_eq!(Hash::of(&file).unwrap().of_whole(3).as_deref(), Some(ABC));
        let mut hash = Hash::new();
        for piece in ["a", "", "bc"] {
            hash.take(piece.as_bytes());
        }
        assert_eq!(hash.of_whole(3).as_deref(), Some(ABC));
    }

    #[test]
    fn a_content_of_another_length_is_not_whole() {
        for length in [0, 2, 4] {
            let mut hash = Hash::new();
            hash.take(b"abc");
            assert_eq!(hash.of_whole(length), None);
        }
    }

    #[test]
    fn what_took_the_place_of_a_file_does_not_make_us_wait() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        // Nobody writes: a blocking open would never come back.
        assert!(Hash::of(&fifo).is_ok());
    }
}
