/**
 * Whether and where a command sends telemetry: its configuration's
 * `otlp_endpoint`, else the environment variables that OpenTelemetry has
 * defined for every program.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type Samples, sampler } from "../../transport/observe/Telemetry.ts"
import { version } from "../shared/Version.ts"

type Environment = { readonly [name: string]: string | undefined }

/** `a=b,c=d`, percent-encoded (OpenTelemetry, OTLP exporter). */
const fields = (text: string): Record<string, string> =>
  Object.fromEntries(
    text.split(",").flatMap((pair) => {
      const [name = "", ...value] = pair.split("=")
      return name.trim() === "" ? [] : [[name.trim(), unescaped(value.join("=").trim())]]
    }),
  )

const unescaped = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const samplesOf = (env: Environment): Samples =>
  sampler(env.OTEL_TRACES_SAMPLER, Number(env.OTEL_TRACES_SAMPLER_ARG ?? "1"))

/** Sends what is done below it, if that is wanted; else nothing is even loaded. */
export const layer = (
  configured: string | undefined,
  serviceName: string,
  env: Environment = process.env,
): Layer.Layer<never> => {
  const endpoint = configured ?? env.OTEL_EXPORTER_OTLP_ENDPOINT ?? ""
  if (endpoint === "" || env.OTEL_SDK_DISABLED === "true") return Layer.empty
  const interval = Number(env.OTEL_METRIC_EXPORT_INTERVAL)
  return Layer.unwrap(
    Effect.map(
      Effect.promise(() => import("../../transport/observe/Otlp.ts")),
      (Otlp) =>
        Otlp.layer({
          endpoint,
          headers: fields(env.OTEL_EXPORTER_OTLP_HEADERS ?? ""),
          protobuf: env.OTEL_EXPORTER_OTLP_PROTOCOL === "http/protobuf",
          serviceName: env.OTEL_SERVICE_NAME ?? serviceName,
          version,
          samples: samplesOf(env),
          ...(interval > 0 ? { metricsMillis: interval } : {}),
        }),
    ),
  )
}
