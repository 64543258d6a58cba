/**
 * The relay's metrics for Prometheus.
 */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Prometheus from "../../../transport/observe/Prometheus.ts"
import { Administration } from "../core/Administration.ts"
import type { AdminPage } from "./AdminPage.ts"

/** The page. */
export const page: AdminPage = {
  routes: [
    HttpRouter.route(
      "GET",
      "/metrics",
      Effect.map(Administration, ({ metrics }) =>
        HttpServerResponse.text(Prometheus.render(metrics()), {
          contentType: Prometheus.contentType,
        }),
      ),
    ),
  ],
}
