//! Logs and metrics.
//!
//! A log line is readable alone and holds ids, never a secret or a contact. Lines go to standard error; tests give a
//! writer of their own. Metrics are collected once for the whole process, whatever number of providers runs in it.

use std::panic::PanicHookInfo;
use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing::{Dispatch, error};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{Log, LogFormat};

/// What writes log lines as the configuration wants them, to `writer`.
#[must_use]
pub fn logger<W>(log: &Log, writer: W) -> Dispatch
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(&log.level)).with_writer(writer);
    match log.format {
        LogFormat::Text => Dispatch::new(lines.with_ansi(false).finish()),
        LogFormat::Json => {
            Dispatch::new(lines.json().flatten_event(true).with_current_span(true).with_span_list(false).finish())
        }
    }
}

/// Sends the log lines of the process to standard error, and panics with them. Later calls change nothing.
pub fn install(log: &Log) {
    if tracing::dispatcher::set_global_default(logger(log, std::io::stderr)).is_ok() {
        std::panic::set_hook(Box::new(report_panic));
    }
}

/// A panic is a bug. Its message may hold a value, so only a fixed text is repeated.
fn report_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let text = panic
        .payload()
        .downcast_ref::<&'static str>()
        .copied()
        .unwrap_or("the message is withheld");
    error!(panic.place = place, "a bug: {text}");
}

static METRICS: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// The metrics of the process, collected from the first call on; `None` when somebody else collects them.
pub fn metrics() -> Option<&'static PrometheusHandle> {
    let collect = || {
        let times = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
        PrometheusBuilder::new()
            .set_buckets(&times)
            .and_then(PrometheusBuilder::install_recorder)
            .ok()
    };
    METRICS.get_or_init(collect).as_ref()
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let log = Log { format, level: "info".to_owned() };
        tracing::dispatcher::with_default(&logger(&log, move || writer.clone()), || {
            let _span = tracing::info_span!("request", request.id = "r-1").entered();
            tracing::info!(client.id = "c-1", "tokens issued");
            tracing::debug!("not at this level");
        });
        let bytes = captured.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_carries_the_request_it_belongs_to_in_both_forms() {
        let text = logged(LogFormat::Text);
        assert!(
            text.contains("tokens issued") && text.contains("r-1") && text.lines().count() == 1,
            "{text}"
        );
        let json: serde_json::Value = serde_json::from_str(&logged(LogFormat::Json)).unwrap();
        assert_eq!(json["span"]["request.id"], "r-1");
        assert_eq!((&json["client.id"], &json["message"]), (&"c-1".into(), &"tokens issued".into()));
    }

    #[test]
    fn metrics_are_collected_once_however_often_they_are_asked_for() {
        let first = metrics().unwrap();
        metrics::counter!("kabinet_test_total").increment(1);
        assert!(std::ptr::eq(first, metrics().unwrap()));
        assert!(first.render().contains("kabinet_test_total"));
    }
}
