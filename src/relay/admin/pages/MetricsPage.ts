/**
 * The metrics of all relays for Prometheus.
 */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Schema from "effect/Schema"
import * as Prometheus from "../../../transport/observe/Prometheus.ts"
import { Administration } from "../core/Administration.ts"
import type { AdminPage } from "../frame/AdminPage.ts"

/** `of=machine`: only those of this machine, for who scrapes each of them. */
const query = HttpServerRequest.schemaSearchParams(
  Schema.Struct({ of: Schema.optionalKey(Schema.String) }),
).pipe(Effect.orElseSucceed((): { readonly of?: string } => ({})))

/** The page. */
export const page: AdminPage = {
  routes: [
    HttpRouter.route(
      "GET",
      "/metrics",
      Effect.gen(function* () {
        const administration = yield* Administration
        const { of } = yield* query
        const metrics = yield* administration.metrics(of === "machine")
        return HttpServerResponse.text(Prometheus.render(metrics), {
          contentType: Prometheus.contentType,
        })
      }),
    ),
  ],
}
