//! Log lines and metrics of a process.

use std::io::IsTerminal;
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{ParseError, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::config::{Both, LogFormat};

/// Upper bounds of every histogram, in seconds: from a database's answer to a platform's last chance (contract §7).
const BUCKETS: [f64; 12] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Why log lines or metrics cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `RUST_LOG` is no filter.
    #[error("RUST_LOG is malformed")]
    Filter(#[from] ParseError),
    /// This process has log lines already.
    #[error("log lines are set up already")]
    Twice(#[from] TryInitError),
    /// This process has metrics already.
    #[error("metrics cannot be set up")]
    Metrics(#[from] BuildError),
}

/// The metrics of this process.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// The text for `/metrics` (Prometheus exposition format 0.0.4).
    #[must_use]
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Folds what histograms have gathered every few seconds, for as long as the process lives: memory would grow while
    /// nobody asks.
    pub async fn keep_folded(self) {
        let mut ticks = tokio::time::interval(Duration::from_secs(5));
        loop {
            ticks.tick().await;
            self.0.run_upkeep();
        }
    }
}

/// Sets up log lines (standard output) and metrics for the whole process, and says that it starts.
pub fn start(process: &'static str, config: &Both) -> Result<Metrics, TelemetryError> {
    let is_terminal = std::io::stdout().is_terminal();
    lines(config.log_format, &config.rust_log, is_terminal, std::io::stdout)?.try_init()?;
    let metrics = Metrics(recorder()?.install_recorder()?);
    // An alert on a series that is not there yet would never fire.
    metrics::gauge!("landfall_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    metrics::counter!("landfall_wakeups_lost_total").absolute(0);
    tracing::info!(process, version = env!("CARGO_PKG_VERSION"), "{process} starts");
    Ok(metrics)
}

fn recorder() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new().set_buckets(&BUCKETS)
}

/// What writes log lines in one format; colours only where a person looks.
fn lines<W>(
    format: LogFormat,
    filter: &str,
    is_terminal: bool,
    writer: W,
) -> Result<Box<dyn Subscriber + Send + Sync>, ParseError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder().parse(filter)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(is_terminal).with_writer(writer);
    Ok(match format {
        LogFormat::Text => Box::new(lines.finish().with(filter_fn(holds_no_password))),
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true).with_current_span(true).with_span_list(false);
            Box::new(lines.finish().with(filter_fn(holds_no_password)))
        }
    })
}

/// At `debug` the client of NATS writes its password into its lines: these are left out, whatever is asked for.
fn holds_no_password(line: &tracing::Metadata<'_>) -> bool {
    !line.target().starts_with("async_nats") || *line.level() <= tracing::Level::INFO
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What a subscriber of this format and filter writes about two events.
    fn written(format: LogFormat, filter: &str) -> String {
        let text = Arc::new(Mutex::new(Vec::new()));
        let subscriber = lines(format, filter, false, Arc::new(Writer(text.clone()))).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(activation = 7, "activation 7 starts");
            tracing::debug!("detail");
            tracing::info!(target: "async_nats", "connected");
            tracing::debug!(target: "async_nats::connector", "with a password");
        });
        String::from_utf8(text.lock().unwrap().clone()).unwrap()
    }

    struct Writer(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for &Writer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn text_is_for_people_and_obeys_the_filter() {
        let text = written(LogFormat::Text, "info");
        assert!(text.contains("activation 7 starts activation=7") && !text.contains("detail"), "{text}");
        assert!(written(LogFormat::Text, "debug").contains("detail"));
        assert_eq!(written(LogFormat::Text, "warn"), "");
    }

    #[test]
    fn what_the_client_of_nats_says_of_its_password_is_left_out_whatever_is_asked_for() {
        for format in [LogFormat::Text, LogFormat::Json] {
            for filter in ["debug", "trace", "info,async_nats=debug", "info,async_nats::connector=trace"] {
                let text = written(format, filter);
                assert!(text.contains("connected") && !text.contains("password"), "{filter}: {text}");
            }
        }
    }

    #[test]
    fn json_is_one_object_a_line() {
        let text = written(LogFormat::Json, "info,async_nats=off");
        let line: serde_json::Value = serde_json::from_str(text.trim_end()).unwrap();
        assert_eq!((&line["level"], &line["activation"]), (&"INFO".into(), &7.into()));
        assert_eq!(line["message"], "activation 7 starts");
    }

    #[test]
    fn metrics_render_as_prometheus_reads_them() {
        let recorder = recorder().unwrap().build_recorder();
        let metrics = Metrics(recorder.handle());
        metrics::with_local_recorder(&recorder, || {
            metrics::counter!("landfall_commands_total", "step" => "create_workspace").increment(2);
            metrics::histogram!("landfall_step_seconds").record(0.2);
        });
        metrics.0.run_upkeep();
        let text = metrics.render();
        assert!(text.contains("landfall_commands_total{step=\"create_workspace\"} 2"), "{text}");
        assert!(text.contains("landfall_step_seconds_bucket{le=\"0.25\"} 1"), "{text}");
    }
}
