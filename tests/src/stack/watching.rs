//! What the processes of a test say of themselves: logs, metrics, their stream.

use landfall_shared::topology::Topology;

use super::Stack;
use crate::patience::until;

impl Stack {
    /// Everything the processes have logged.
    pub fn logs(&self) -> String {
        let names = ["landfall-api.log", "landfall-workers.log"];
        names.iter().map(|name| std::fs::read_to_string(self.log.join(name)).unwrap_or_default()).collect()
    }

    /// A JetStream context over the test's NATS.
    pub async fn jetstream(&self) -> async_nats::jetstream::Context {
        async_nats::jetstream::new(async_nats::connect(&self.nats_url).await.unwrap())
    }

    /// Waits until the workers pull the wake-ups of a step: stream and consumers stand, and whatever that made due again is.
    pub async fn receives(&self, step: &str) {
        let jetstream = self.jetstream().await;
        until("the workers receive", || async {
            let stream = jetstream.get_stream(self.stream()).await.ok()?;
            let consumer = stream.consumer_info(Topology::new(&self.prefix).consumer(step)).await.ok()?;
            (consumer.num_waiting > 0).then_some(())
        })
        .await;
    }

    /// The name of the stream of wake-ups.
    pub fn stream(&self) -> String {
        format!("{}LANDFALL_COMMANDS", self.prefix)
    }

    /// The sum of a metric of the workers over all its labels; 0 while there is none.
    pub async fn metric(&self, name: &str) -> f64 {
        let text = reqwest::get(self.workers_url.join("metrics").unwrap()).await.unwrap().text().await.unwrap();
        let values = text.lines().filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let family = series.split('{').next()?;
            (family == name).then(|| value.parse::<f64>().ok()).flatten()
        });
        values.sum()
    }

    /// Waits until a series of the workers has a value.
    pub async fn metric_is(&self, series: &str, value: f64) {
        until(&format!("{series} is {value}"), || async {
            let text = reqwest::get(self.workers_url.join("metrics").unwrap()).await.ok()?.text().await.ok()?;
            let now = text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse::<f64>().ok())?;
            ((now - value).abs() < f64::EPSILON).then_some(())
        })
        .await;
    }
}
