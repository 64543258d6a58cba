/**
 * Writes the tables of `docs/path-mode.md`, and `docs/path-mode.json`, from the
 * table of the fields that carry addresses. A test fails if they are out of date.
 */
import { readFileSync, writeFileSync } from "node:fs"
import * as AddressFields from "../src/protocol/address/AddressFields.ts"

const parts = (fields: ReadonlyArray<AddressFields.AddressField>) =>
  fields.map(({ name, part }) => ({ field: name, moved: part }))

const data = {
  responses: parts([...AddressFields.inResponses, AddressFields.setCookie]),
  requests: parts(AddressFields.inRequests),
  requestsWithHostHeader: parts(AddressFields.withHost),
  removedInPathMode: AddressFields.originWide.map((name) => ({ field: name })),
  removedAlways: AddressFields.proxyOrders.map((name) => ({ field: name })),
  notMoved: AddressFields.unmovable,
}

/** The text of `docs/path-mode.json`. */
export const json = (): string => `${JSON.stringify(data, undefined, 2)}\n`

const table = (rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  rows.map((cells) => `| ${cells.join(" | ")} |`).join("\n")

const fieldTable = (fields: ReturnType<typeof parts>): string =>
  table([
    ["Field", "What is moved"],
    ["---", "---"],
    ...fields.map(({ field, moved }) => [`\`${field}\``, moved]),
  ])

const tables = (): string =>
  [
    "In responses:\n",
    fieldTable(data.responses),
    "\nIn requests:\n",
    fieldTable(data.requests),
    "\nIn requests with `host_header`:\n",
    fieldTable(data.requestsWithHostHeader),
    `\nIn path mode the relay removes ${data.removedInPathMode.map(({ field }) => `\`${field}\``).join(", ")},`,
    "which browsers would apply to all servers of the relay.\n",
    `In every mode it removes \`Domain\` of cookies, and ${data.removedAlways.map(({ field }) => `\`${field}\``).join(", ")},`,
    "which are orders to proxies in front of the application.\n",
    "### What cannot be moved\n",
    table([
      ["What", "Then", "Instead"],
      ["---", "---", "---"],
      ...data.notMoved.map(({ effect, remedy, what }) => [what, effect, remedy]),
    ]),
  ].join("\n")

const begin = "<!-- Written by `npm run docs:path-mode` from src/protocol/address; do not edit. -->"
const end = "<!-- End of what is written. -->"

/** The text of `docs/path-mode.md` with its tables up to date. */
export const withTables = (page: string): string =>
  `${page.slice(0, page.indexOf(begin))}${begin}\n\n${tables()}\n\n${page.slice(page.indexOf(end))}`

if (import.meta.main) {
  const docs = new URL("../docs/", import.meta.url)
  const page = new URL("path-mode.md", docs)
  writeFileSync(page, withTables(readFileSync(page, "utf8")))
  writeFileSync(new URL("path-mode.json", docs), json())
}
