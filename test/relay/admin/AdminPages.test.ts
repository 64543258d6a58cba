/**
 * The administrator's pages as strings: no text from outside becomes markup.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import {
  empty as defaults,
  plainServer,
  type RegisteredServer,
} from "../../../src/domain/config/RelayConfig.ts"
import type { PasswordHash } from "../../../src/domain/PasswordHash.ts"
import type { ServerName } from "../../../src/domain/ServerName.ts"
import type { Tripcode } from "../../../src/domain/Tripcode.ts"
import type { ShownRequest } from "../../../src/protocol/peer/AdminControl.ts"
import type { StrangerView } from "../../../src/relay/admin/core/Administration.ts"
import type { ListedView } from "../../../src/relay/admin/core/Requests.ts"
import type { PlannedChange } from "../../../src/relay/admin/core/ServerChanges.ts"
import { frame } from "../../../src/relay/admin/frame/AdminFrame.ts"
import * as AuditPage from "../../../src/relay/admin/pages/AuditPage.ts"
import * as CertificatesPage from "../../../src/relay/admin/pages/CertificatesPage.ts"
import * as ChangePage from "../../../src/relay/admin/pages/ChangePage.ts"
import * as ConfigPage from "../../../src/relay/admin/pages/ConfigPage.ts"
import * as DebugPage from "../../../src/relay/admin/pages/DebugPage.ts"
import * as InvitationPage from "../../../src/relay/admin/pages/InvitationPage.ts"
import * as LoginPage from "../../../src/relay/admin/pages/LoginPage.ts"
import * as OverviewPage from "../../../src/relay/admin/pages/OverviewPage.ts"
import * as RelaysPage from "../../../src/relay/admin/pages/RelaysPage.ts"
import * as ServerPage from "../../../src/relay/admin/pages/ServerPage.ts"
import * as ServerSettingsPage from "../../../src/relay/admin/pages/ServerSettingsPage.ts"
import * as UnregisteredPage from "../../../src/relay/admin/pages/UnregisteredPage.ts"
import * as RequestPage from "../../../src/relay/admin/requests/RequestPage.ts"
import * as RequestsPage from "../../../src/relay/admin/requests/RequestsPage.ts"
import { Ring, spans } from "../../../src/relay/history/Series.ts"
import type { RelayView } from "../../../src/relay/status/RelayView.ts"
import { serverTable } from "../../../src/relay/status/ServerTable.ts"
import type { ServerView } from "../../../src/relay/status/ServerView.ts"
import { type Html, html, toText } from "../../../src/web/Html.ts"

const hostile = Schema.Array(
  Schema.Union([
    Schema.Literals(['"', "'", "<", ">", "&", "=", " ", "\n", "-->", "</td>", "<script>", "]]>"]),
    Schema.String,
  ]),
).check(Schema.isMaxLength(8))

const serverOf = (text: string): ServerView => ({
  name: text as ServerName,
  displayName: `${text} `,
  state: "connected",
  isPaused: true,
  isInspected: true,
  inspectedUntil: 0,
  transports: [text, "stream"],
  reason: text,
  programs: [text],
  connections: 1,
  lastSeen: 0,
  waiting: 1,
  tripcodes: [text as Tripcode],
  traffic: {
    requests: 1,
    inFlight: 1,
    bytesIn: 1,
    bytesOut: 1,
    statuses: [1, 0, 1, 0, 0, 0],
    latency: { p50: 1, p90: 2, p99: 3 },
    errors: new Map([[text, 1]]),
    linksOpened: 1,
  },
  relays: [
    {
      relay: { id: text, machine: text, worker: 0 },
      connections: 1,
      waiting: 1,
      inFlight: 1,
      requests: 1,
      bytesIn: 1,
      bytesOut: 1,
    },
  ],
})

const relayOf = (text: string): RelayView => ({
  id: text,
  machine: text,
  worker: 0,
  address: text,
  program: text,
  since: 0,
  roundTrip: 1,
  state: "up",
  links: 1,
  differs: true,
  isApart: true,
  engine: { state: "away", since: 0, reason: text },
  problem: text,
})

const shownOf = (text: string): ShownRequest => {
  const headers = [
    ["Content-Type", text],
    [text, text],
  ] as const
  const body = {
    form: "text" as const,
    bytes: Buffer.from(text.replace(/[\x00-\x1f]/g, "")),
    length: 100_000,
    recorded: 10,
    encoding: text,
    isPart: true,
  }
  return {
    number: 1,
    at: 0,
    address: text,
    method: text,
    target: text,
    headers,
    body,
    response: { status: 200, headers },
    responseBody: { ...body, form: "image" },
    outcome: text,
    millis: 3,
    waitMillis: 1,
    tunnelMillis: 1,
    linkMillis: 0.5,
    transport: text,
    hop: text,
    replayOf: 1,
    replayable: "yes",
  }
}

const idOf = (text: string) => ({ relay: text, name: text, number: 1 })

const listedOf = (text: string): ListedView => ({
  relay: text,
  server: text,
  number: 1,
  at: 0,
  method: text,
  path: text,
  status: 200,
  code: text,
  millis: 20,
  waitMillis: 15,
  tunnelMillis: 1,
  transport: text,
  hop: text,
  bytesIn: 1,
  bytesOut: 1,
  whole: true,
  replayOf: 1,
})

const filterOf = (text: string) => ({ server: text, path: text, assets: false, most: 1 })

const registeredOf = (text: string): RegisteredServer => ({
  ...plainServer,
  name: text as ServerName,
  tripcodes: [text as Tripcode, text as Tripcode],
  auth: {
    users: [{ user: text, password: text as PasswordHash }],
    tokens: [text as Tripcode],
    userHeader: text,
    allow: [text],
  },
})

const plannedOf = (text: string): PlannedChange => ({
  id: text,
  name: text,
  request: { act: "rename", to: text },
  path: text,
  newPath: `${text}.toml`,
  diff: [{ kind: "added", text }],
})

const strangerOf = (text: string): StrangerView => ({
  name: text as ServerName,
  tripcode: text as Tripcode,
  words: text,
  reason: "unknown name",
  address: text,
  firstSeen: 0,
  lastSeen: 0,
  ignored: false,
})

/** Every page, with `text` wherever a text comes from outside. */
const pagesWith = (text: string): ReadonlyArray<Html> => [
  serverTable([serverOf(text)], () => text),
  ServerPage.render({
    view: serverOf(text),
    links: [
      {
        address: text,
        since: 0,
        transport: text,
        program: text,
        tripcode: text,
        relay: text,
      },
    ],
    requests: { rows: [listedOf(text)], assets: 1, silent: [] },
    openAt: text,
    isNew: true,
    span: "hour",
    slots: new Ring(spans.hour).read(0),
  }),
  OverviewPage.render([serverOf(text)], "hour", new Ring(spans.hour).read(0), true),
  ServerSettingsPage.render({ server: registeredOf(text), relay: defaults, path: text }),
  ServerSettingsPage.render({ server: registeredOf(text), relay: defaults, path: undefined }),
  ChangePage.renderPlan(plannedOf(text)),
  ChangePage.renderKey(
    {
      name: text,
      request: { act: "new key", keeps: true },
      key: text,
      silent: [{ id: text, reason: text }],
    },
    text,
  ),
  InvitationPage.render(
    { name: text as ServerName, ticket: text, expiresAt: 0 },
    "https://relay.example",
    true,
    false,
  ),
  RequestsPage.render({ rows: [listedOf(text)], assets: 1, silent: [] }, filterOf(text), [text]),
  RequestsPage.renderServer(
    serverOf(text),
    { rows: [listedOf(text)], assets: 1, silent: [] },
    filterOf(text),
  ),
  RequestPage.render(idOf(text), shownOf(text)),
  RequestPage.renderEdit(idOf(text), shownOf(text), text),
  RelaysPage.render([relayOf(text)], { state: "away", since: 0, reason: text }, false),
  DebugPage.render(text, { key: text, tripcode: text as Tripcode }),
  UnregisteredPage.render(
    [
      strangerOf(text),
      { ...strangerOf(text), reason: "wrong key" },
      { ...strangerOf(text), ignored: true },
    ],
    text,
  ),
  UnregisteredPage.render([], text),
  AuditPage.render(
    [
      { at: 0, event: { _tag: "AdminLoggedIn", by: text, address: text } },
      { at: 0, event: { _tag: "ConfigRefused", problem: text } },
      {
        at: 0,
        event: {
          _tag: "ServerConnected",
          name: text as ServerName,
          transport: text,
          reason: text,
          address: text,
        },
      },
    ],
    { name: text },
    true,
    new Set([text]),
  ),
  CertificatesPage.render(
    [
      {
        id: text,
        names: [text],
        validity: { from: 0, until: 1 },
        renewAt: 1,
        failure: { code: "PTTH_ACME_LIMIT", detail: text, at: 0, attempts: 1, retryAt: 1 },
      },
    ],
    0,
  ),
  ConfigPage.render(
    { path: text, serversFolder: text, since: 0, problem: { at: 0, message: text } },
    [relayOf(text)],
    text,
  ),
  LoginPage.renderLink(text),
  LoginPage.renderNeeded(text),
  frame({
    title: text,
    menu: [{ path: text, label: text, count: 1 }],
    current: "/",
    hasConfigError: true,
    silent: [{ id: text, reason: text }],
    canLogOut: true,
    live: true,
    main: html``,
  }),
]

/** The tags of a page with the names of their attributes. */
const skeleton = (page: Html): string =>
  (toText(page).match(/<[^>]*>/g) ?? []).join("").replaceAll(/"[^"]*"/g, '""')

describe("the administrator's pages", () => {
  const expected = pagesWith("x").map(skeleton)

  it.prop("have the same markup whatever comes from outside", [hostile], ([parts]) => {
    const text = `x${parts.join("")}`
    assert.deepStrictEqual(pagesWith(text).map(skeleton), expected)
  })

  it("escape a name that contains markup", () => {
    for (const page of pagesWith("<img src=x onerror=alert(1)>"))
      assert.notInclude(toText(page), "<img src=x")
  })
})

describe("the export of the audit log", () => {
  it.prop(
    "has one line of JSON for each event, whatever comes from outside",
    [hostile],
    ([parts]) => {
      const by = parts.join("")
      const entry = { at: 0, event: { _tag: "AdminLoggedIn", by, address: "::1" } } as const
      const lines = AuditPage.toNdjson([entry, entry]).split("\n")
      assert.strictEqual(lines.length, 3)
      assert.strictEqual(lines[2], "")
      assert.deepStrictEqual(JSON.parse(lines[0] ?? ""), {
        at: "1970-01-01T00:00:00.000Z",
        kind: "AdminLoggedIn",
        by,
        address: "::1",
      })
    },
  )
})
