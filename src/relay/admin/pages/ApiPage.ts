/**
 * Documentation of the API, generated from its schema.
 */
import * as HttpRouter from "effect/http/HttpRouter"
import * as OpenApi from "effect/http-api/OpenApi"
import { type Html, html } from "../../../web/Html.ts"
import { table } from "../../../web/Table.ts"
import { AdminApi, apiPath } from "../core/AdminApi.ts"
import { Caller } from "../core/Caller.ts"
import { type AdminPage, respondFramed } from "../frame/AdminPage.ts"
import * as Text from "../frame/Text.ts"

interface Operation {
  readonly summary?: string
  readonly requestBody?: object
  readonly parameters: ReadonlyArray<{ readonly name: string; readonly in: string }>
  readonly responses: object
}

const example = (
  origin: string,
  method: string,
  path: string,
  { requestBody }: Operation,
): string => {
  const data =
    requestBody === undefined
      ? ""
      : ` \\\n  -H 'Content-Type: application/json' -d '{"name": "attic", "tripcode": "…"}'`
  const verb = method === "get" ? "" : ` -X ${method.toUpperCase()}`
  return `curl${verb} -H "Authorization: Bearer $TOKEN"${data} \\\n  ${origin}${path}`
}

/**
 * What the page shows.
 *
 * @param origin the address of the administrator's side, for the examples
 */
export const render = (origin: string): Html => {
  const operations = Object.entries(OpenApi.fromApi(AdminApi).paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(
      ([method, operation]) => [method, path, operation as Operation] as const,
    ),
  )
  return html`<p>${Text.api.intro(`${apiPath}/openapi.json`)}</p>
${table({
  caption: "Endpoints",
  columns: ["Request", "Description", "Parameters", "Statuses"],
  rows: operations.map(([method, path, operation]) => ({
    id: `${method}${path.replaceAll(/[^a-z0-9]/g, "-")}`,
    cells: [
      html`<code>${method.toUpperCase()} ${path}</code>`,
      html`${operation.summary ?? ""}`,
      html`${operation.parameters.map(({ name }) => name).join(", ") || (operation.requestBody === undefined ? "–" : "name and tripcode, as JSON")}`,
      html`${Object.keys(operation.responses).join(", ")}`,
    ],
  })),
})}
<h2>Examples</h2>
${operations
  .slice(0, 1)
  .concat(operations.filter(([method]) => method === "post").slice(0, 1))
  .map(
    ([method, path, operation]) =>
      html`<pre tabindex="0">${example(origin, method, path, operation)}</pre>`,
  )}`
}

const menu = { path: "/api", label: "API" } as const

/** The page. */
export const page: AdminPage = {
  menu,
  routes: [
    HttpRouter.route("GET", menu.path, () =>
      Caller.use(({ origin }) =>
        respondFramed({ title: "API", current: menu.path, main: render(origin) }),
      ),
    ),
  ],
}
