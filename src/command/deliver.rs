//! The end of a scheduled run, told on the screen and to its check.

use tokio::time::timeout;

use crate::grace::Grace;
use crate::log::say;
use crate::report::{Delivery, Report, Reporter};
use crate::supervise::Interrupts;

/// Tells the result here and to the check; without an exit code it is a note that changes no state.
///
/// A signal leaves the check's server only the report's share of the stop's time.
pub(super) async fn deliver(
    reporter: Reporter,
    report: &Report,
    code: Option<u8>,
    interrupts: &mut Interrupts,
    grace: Grace,
) {
    say(format_args!("cloud-backup: {}", report.verdict));
    if report.tail.is_empty() {
        report.summary.iter().for_each(say);
    }
    if let Some(remedy) = &report.remedy {
        say(format_args!("  -> {remedy}"));
    }
    let sending = async {
        match code {
            Some(code) => reporter.finish(code, report).await,
            None => reporter.log(report).await,
        }
    };
    tokio::pin!(sending);
    let delivery = tokio::select! {
        delivery = &mut sending => delivery,
        _ = interrupts.next() => {
            timeout(grace.report(), sending).await.unwrap_or(Delivery::BrokenOff)
        }
    };
    if let Some(trouble) = delivery.trouble() {
        say(format_args!("cloud-backup: {trouble}"));
    }
}
