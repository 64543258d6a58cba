/**
 * The metrics of several relays as one text: each series says whose it is.
 */
import type { ReportedMetric } from "../../protocol/peer/AdminControl.ts"
import type { Labels, Metric } from "../../transport/observe/Metric.ts"
import * as RelayMetrics from "./RelayMetrics.ts"
import type { RelayAnswers, RelayIdentity } from "./Relays.ts"

const labelsOf = ({ id, worker }: RelayIdentity): Labels => ({
  relay: id,
  ...(worker === undefined ? {} : { worker: `${worker}` }),
})

const labelled = (metric: Metric, own: Labels): Metric => {
  if (metric.type === "histogram")
    return {
      ...metric,
      samples: metric.samples.map((sample) => ({
        ...sample,
        labels: { ...own, ...sample.labels },
      })),
    }
  return {
    ...metric,
    samples: metric.samples.map((sample) => ({ ...sample, labels: { ...own, ...sample.labels } })),
  }
}

const joined = (one: Metric, other: Metric): Metric => {
  if (one.type === "histogram")
    return other.type === "histogram"
      ? { ...one, samples: [...one.samples, ...other.samples] }
      : one
  return other.type === "histogram" ? one : { ...one, samples: [...one.samples, ...other.samples] }
}

/** A metric as it came from a relay. */
const metricOf = (metric: ReportedMetric): Metric =>
  metric.type === "histogram"
    ? { ...metric, samples: metric.samples.map(({ labels = {}, ...one }) => ({ ...one, labels })) }
    : { ...metric, samples: metric.samples.map(({ labels = {}, ...one }) => ({ ...one, labels })) }

/**
 * All metrics, each name once.
 *
 * @param version of this package, which a relay by itself does not tell
 */
export const merge = (
  { answers, silent }: RelayAnswers<ReadonlyArray<ReportedMetric>>,
  isAlone: boolean,
  version: string,
): ReadonlyArray<Metric> => {
  const merged = new Map<string, Metric>()
  for (const { relay, value } of answers) {
    for (const reported of value) {
      const metric = isAlone ? metricOf(reported) : labelled(metricOf(reported), labelsOf(relay))
      const before = merged.get(metric.name)
      merged.set(metric.name, before === undefined ? metric : joined(before, metric))
    }
  }
  if (isAlone) return [RelayMetrics.infoOf(version), ...merged.values()]
  const unanswered: Metric = {
    type: "gauge",
    name: "ptth_relay_unanswered",
    help: "Relays whose metrics are missing here, since they did not answer.",
    samples: silent.map(({ id }) => ({ labels: { relay: id }, value: 1 })),
  }
  return [...merged.values(), unanswered]
}
