#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <prometheus/metric_family.h>

namespace wq::metrics {

using Labels = std::vector<prometheus::ClientMetric::Label>;

[[nodiscard]] prometheus::MetricFamily counter(std::string name, std::string help);
[[nodiscard]] prometheus::MetricFamily gauge(std::string name, std::string help);

/// The labels and one more.
[[nodiscard]] Labels with(Labels labels, std::string name, std::string value);

/// Adds a value to a family that is a counter or a gauge.
void add(prometheus::MetricFamily& family, Labels labels, double value);

/// The text as the value of a label, which must be UTF-8: what is not becomes U+FFFD.
[[nodiscard]] std::string label_text(std::string_view text);

}  // namespace wq::metrics
