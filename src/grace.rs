//! How the time of a stop is shared out: jobs release their locks first, then the server drains, then all is killed.
//!
//! The whole is what `docker stop` allows (`STOP_GRACE`); everything here ends a little before it.

use std::time::Duration;

/// The time that a stop may take.
#[derive(Debug, Clone, Copy)]
pub struct Grace(Duration);

impl Grace {
    /// For a stop that is followed by SIGKILL after this time.
    #[must_use]
    pub fn new(total: Duration) -> Self {
        Self(total)
    }

    /// restic's time to release its lock, from the signal on.
    #[must_use]
    pub fn restic(self) -> Duration {
        self.0.mul_f32(0.5)
    }

    /// A job's time to report that it was interrupted.
    #[must_use]
    pub fn report(self) -> Duration {
        self.0.mul_f32(0.1)
    }

    /// The jobs' time as a whole.
    #[must_use]
    pub fn jobs(self) -> Duration {
        self.0.mul_f32(0.65)
    }

    /// The time after which jobs of the scheduler are killed that have not ended by themselves, from the signal on: a little
    /// after the scheduler itself was told to stop.
    #[must_use]
    pub fn stubborn_jobs(self) -> Duration {
        self.0.mul_f32(0.7)
    }

    /// The server's time to finish the requests in flight, after the jobs have gone.
    #[must_use]
    pub fn server(self) -> Duration {
        self.0.mul_f32(0.15)
    }

    /// The time of jobs that came in while the others and the server were ended, from the signal on.
    #[must_use]
    pub fn late_jobs(self) -> Duration {
        self.0.mul_f32(0.85)
    }

    /// The time after which PID 1 kills what is left.
    #[must_use]
    pub fn all(self) -> Duration {
        self.0.mul_f32(0.9)
    }
}

impl Default for Grace {
    /// What `docker stop` allows unless it is told another time.
    fn default() -> Self {
        Self::new(Duration::from_secs(10))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phases_fit_into_the_whole() {
        let grace = Grace::new(Duration::from_secs(10));
        assert!(grace.restic() + grace.report() < grace.jobs());
        assert!(grace.jobs() < grace.stubborn_jobs());
        assert!(grace.stubborn_jobs() + grace.server() <= grace.late_jobs());
        assert!(grace.late_jobs() < grace.all());
    }
}
