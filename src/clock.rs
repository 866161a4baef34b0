//! Sleeps until a time of the wall clock, and wakes when that clock is set.
//!
//! A timer of the kernel (timerfd_create(2)) on the real-time clock: no waking up to look, no delay after a suspended
//! machine, and with `TFD_TIMER_CANCEL_ON_SET` a clock that jumps ends the sleep.

use std::io;
use std::os::fd::AsFd;

use jiff::Timestamp;
use nix::errno::Errno;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

/// What there is no later time than: a timer must be set for the jumps of the clock to be heard of. In seconds since
/// 1970, the year 2200.
const NEVER: i64 = 7_258_118_400;

/// The wall clock.
#[derive(Debug)]
pub struct Clock {
    timer: TimerFd,
    /// The same timer to read from. It is no pipe, but it is read like one: tokio has nothing closer that needs no
    /// unsafe block.
    expirations: pipe::Receiver,
}

impl Clock {
    /// Makes the timer.
    pub fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_REALTIME, flags)?;
        let same = timer.as_fd().try_clone_to_owned()?;
        Ok(Self {
            timer,
            expirations: pipe::Receiver::from_owned_fd_unchecked(same)?,
        })
    }

    /// Waits until it is this time, or until the clock was set, whichever comes first.
    pub async fn sleep_until(&mut self, time: Option<Timestamp>) -> io::Result<()> {
        let (seconds, nanoseconds) = time.map_or((NEVER, 0), |time| {
            // A time of 0 would stop the timer.
            let time = time.max(Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(1));
            (time.as_second(), time.subsec_nanosecond())
        });
        let at = TimeSpec::new(seconds, nanoseconds.into());
        let flags =
            TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET;
        self.timer.set(Expiration::OneShot(at), flags)?;
        match self.expirations.read_u64().await {
            Err(error) if error.raw_os_error() != Some(Errno::ECANCELED as i32) => Err(error),
            // How often it expired; or a jump of the clock.
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[tokio::test]
    async fn it_wakes_at_its_time_and_never_before() {
        let mut clock = Clock::new().unwrap();
        for milliseconds in [0, 30, 5] {
            let time = Timestamp::now() + SignedDuration::from_millis(milliseconds);
            clock.sleep_until(Some(time)).await.unwrap();
            let late = Timestamp::now().duration_since(time);
            assert!(!late.is_negative(), "{late:?}");
            assert!(late < SignedDuration::from_millis(500), "{late:?}");
        }
    }

    #[tokio::test]
    async fn a_time_that_is_over_is_now_and_none_never_comes() {
        let mut clock = Clock::new().unwrap();
        clock.sleep_until(Some(Timestamp::MIN)).await.unwrap();
        let never = clock.sleep_until(None);
        let short = std::time::Duration::from_millis(50);
        assert!(tokio::time::timeout(short, never).await.is_err());
    }
}
