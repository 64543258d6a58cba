/**
 * Metrics as values, which Prometheus.ts and Otlp.ts write out.
 */

/** Names and values that tell the series of one metric apart. */
export type Labels = Readonly<Record<string, string>>

/** One number. */
export interface Sample {
  readonly labels?: Labels
  readonly value: number
}

/** The buckets of a histogram. */
export interface Distribution {
  readonly labels?: Labels
  /** Observations in each bucket, not cumulative; one more than there are bounds. */
  readonly counts: ReadonlyArray<number>
  readonly sum: number
}

/** All series of one name. */
export type Metric =
  | {
      readonly type: "counter" | "gauge"
      readonly name: string
      /** One sentence. */
      readonly help: string
      readonly samples: ReadonlyArray<Sample>
    }
  | {
      readonly type: "histogram"
      readonly name: string
      readonly help: string
      /** Upper bounds of the buckets, ascending, without infinity. */
      readonly bounds: ReadonlyArray<number>
      readonly samples: ReadonlyArray<Distribution>
    }
