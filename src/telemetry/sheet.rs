//! Writing what was counted as metrics: one family after the other, each with its rows.

use std::fmt;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// The labels of a row.
pub type Labels = Vec<(&'static str, String)>;

/// Durations by length.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// Upper bounds in milliseconds, rising.
    pub bounds_ms: &'static [f64],
    /// One count per bound, not added up, and one more for what is longer.
    pub counts: Vec<u64>,
    /// All durations together.
    pub total: Duration,
}

impl Histogram {
    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// Numbers of any unit by size, counted as they come.
#[derive(Debug, Clone, PartialEq)]
pub struct Tally {
    bounds: &'static [f64],
    counts: Vec<u64>,
    total: f64,
}

impl Tally {
    /// Nothing counted yet; `bounds` rise.
    #[must_use]
    pub fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, counts: vec![0; bounds.len() + 1], total: 0.0 }
    }

    /// Counts a number; what is not finite is none.
    pub fn add(&mut self, value: f64) {
        if value.is_finite() {
            let place = self.bounds.partition_point(|bound| *bound < value);
            if let Some(count) = self.counts.get_mut(place) {
                *count += 1;
                self.total += value;
            }
        }
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// The text of one scrape, as a collector writes it.
#[derive(Debug)]
pub struct Sheet<'a>(DescriptorEncoder<'a>);

impl<'a> From<DescriptorEncoder<'a>> for Sheet<'a> {
    fn from(encoder: DescriptorEncoder<'a>) -> Self {
        Self(encoder)
    }
}

impl Sheet<'_> {
    /// Counts that only rise; `_total` is added to the name.
    ///
    /// # Errors
    /// The text has no room.
    pub fn counters(&mut self, name: &str, help: &str, rows: impl IntoIterator<Item = (Labels, u64)>) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, count) in rows {
            family.encode_family(&labels)?.encode_counter::<NoLabelSet, u64, f64>(&count, None)?;
        }
        Ok(())
    }

    /// One count that only rises, without labels.
    ///
    /// # Errors
    /// The text has no room.
    pub fn counter(&mut self, name: &str, help: &str, count: u64) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        family.encode_counter::<NoLabelSet, u64, f64>(&count, None)
    }

    /// A number of this moment; `None` writes nothing.
    ///
    /// # Errors
    /// The text has no room.
    pub fn gauge(&mut self, name: &str, help: &str, value: impl Into<Option<f64>>) -> fmt::Result {
        let Some(value) = value.into() else { return Ok(()) };
        self.0.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
    }

    /// Numbers of this moment.
    ///
    /// # Errors
    /// The text has no room.
    pub fn gauges(&mut self, name: &str, help: &str, rows: impl IntoIterator<Item = (Labels, f64)>) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in rows {
            family.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    /// Durations; written in seconds.
    ///
    /// # Errors
    /// The text has no room.
    pub fn histograms(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = (Labels, Histogram)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (labels, histogram) in rows {
            let bounds = histogram.bounds_ms.iter().map(|ms| ms / 1000.0).chain([f64::INFINITY]);
            let buckets: Vec<_> = bounds.zip(histogram.counts.iter().copied()).collect();
            let (sum, count) = (histogram.total.as_secs_f64(), histogram.count());
            family.encode_family(&labels)?.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
        }
        Ok(())
    }

    /// Numbers by size, in their own unit.
    ///
    /// # Errors
    /// The text has no room.
    pub fn tallies(&mut self, name: &str, help: &str, rows: impl IntoIterator<Item = (Labels, Tally)>) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (labels, tally) in rows {
            let bounds = tally.bounds.iter().copied().chain([f64::INFINITY]);
            let buckets: Vec<_> = bounds.zip(tally.counts.iter().copied()).collect();
            let mut row = family.encode_family(&labels)?;
            row.encode_histogram::<NoLabelSet>(tally.total, tally.count(), &buckets, None)?;
        }
        Ok(())
    }
}

/// Numbers of this moment: read anew at each scrape.
pub struct Gauges<F>(pub F);

impl<F> fmt::Debug for Gauges<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gauges")
    }
}

impl<F: Fn(&mut Sheet<'_>) -> fmt::Result + Send + Sync + 'static> Collector for Gauges<F> {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        (self.0)(&mut encoder.into())
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::collector::Collector;
    use prometheus_client::encoding::text;
    use prometheus_client::registry::Registry;

    use super::*;

    #[derive(Debug)]
    struct Everything;

    impl Collector for Everything {
        fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
            let mut sheet = Sheet::from(encoder);
            let row = |name: &str| vec![("who", name.to_owned())];
            sheet.counters("asked", "Questions", [(row("a"), 1), (row("b\"\n"), 2)])?;
            sheet.counter("ticks", "Ticks", 7)?;
            sheet.gauge("open", "Events", 2.5)?;
            sheet.gauge("unknown", "Nothing", None)?;
            let counts = vec![1, 0, 2];
            let mut sizes = Tally::new(&[1.0, 10.0]);
            [0.5, 1.0, 7.0, 99.0, f64::NAN].into_iter().for_each(|size| sizes.add(size));
            sheet.tallies("sizes", "Sizes", [(row("a"), sizes)])?;
            let histogram = Histogram { bounds_ms: &[1.0, 250.0], counts, total: Duration::from_millis(1500) };
            sheet.histograms("took_seconds", "Time", [(row("a"), histogram)])
        }
    }

    #[test]
    fn the_text_is_what_prometheus_reads() {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Everything));
        let mut text = String::new();
        text::encode(&mut text, &registry).unwrap();
        let expected = "# HELP asked Questions\n# TYPE asked counter\nasked_total{who=\"a\"} 1\n\
            asked_total{who=\"b\\\"\\n\"} 2\n# HELP ticks Ticks\n# TYPE ticks counter\nticks_total 7\n\
            # HELP open Events\n# TYPE open gauge\nopen 2.5\n\
            # HELP sizes Sizes\n# TYPE sizes histogram\nsizes_sum{who=\"a\"} 107.5\nsizes_count{who=\"a\"} 4\n\
            sizes_bucket{le=\"1.0\",who=\"a\"} 2\nsizes_bucket{le=\"10.0\",who=\"a\"} 3\n\
            sizes_bucket{le=\"+Inf\",who=\"a\"} 4\n\
            # HELP took_seconds Time\n# TYPE took_seconds histogram\ntook_seconds_sum{who=\"a\"} 1.5\n\
            took_seconds_count{who=\"a\"} 3\ntook_seconds_bucket{le=\"0.001\",who=\"a\"} 1\n\
            took_seconds_bucket{le=\"0.25\",who=\"a\"} 1\ntook_seconds_bucket{le=\"+Inf\",who=\"a\"} 3\n# EOF\n";
        assert_eq!(text, expected);
    }
}
