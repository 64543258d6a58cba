/**
 * Sends a command's telemetry to `otlp_endpoint` of its configuration, or as
 * the environment variables of OpenTelemetry say.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type Samples, sampler } from "../../transport/observe/Telemetry.ts"
import { version } from "../shared/Version.ts"

type Environment = { readonly [name: string]: string | undefined }

/** `a=b,c=d`, percent-encoded (OpenTelemetry, OTLP exporter). */
const parseHeaders = (text: string): Record<string, string> =>
  Object.fromEntries(
    text.split(",").flatMap((pair) => {
      const [name = "", ...value] = pair.split("=")
      return name.trim() === "" ? [] : [[name.trim(), percentDecoded(value.join("=").trim())]]
    }),
  )

const percentDecoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const samplesOf = (env: Environment): Samples =>
  sampler(env.OTEL_TRACES_SAMPLER, Number(env.OTEL_TRACES_SAMPLER_ARG ?? "1"))

/**
 * Sends the telemetry of what runs with this layer; without an endpoint, the exporter is not loaded.
 *
 * @param instance which of several processes of the service it is
 */
export const layer = (
  configured: string | undefined,
  serviceName: string,
  instance?: string,
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
          headers: parseHeaders(env.OTEL_EXPORTER_OTLP_HEADERS ?? ""),
          protobuf: env.OTEL_EXPORTER_OTLP_PROTOCOL === "http/protobuf",
          serviceName: env.OTEL_SERVICE_NAME ?? serviceName,
          version,
          instance,
          samples: samplesOf(env),
          ...(interval > 0 ? { metricsMillis: interval } : {}),
        }),
    ),
  )
}
