/// Metrics in Prometheus' text format, version 0.0.4.
package struct MetricsText {
    package private(set) var lines = ""

    package init() {}

    /// Adds a metric with its samples, each with its labels as `name="value"`, or none.
    package mutating func add(
        _ name: String,
        _ type: String,
        _ help: String,
        _ samples: () -> [(labels: String, value: Int)]
    ) {
        lines += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
        for sample in samples() {
            lines += sample.labels.isEmpty ? "\(name) \(sample.value)\n" : "\(name){\(sample.labels)} \(sample.value)\n"
        }
    }
}
