/**
 * The certificates that the relay has by ACME: until when each is valid, and
 * what failed.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { entry } from "../../../domain/ErrorRegistry.ts"
import type { CertificateStatus } from "../../../transport/acme/CertificateKeeper.ts"
import * as Format from "../../../web/Format.ts"
import { type Html, html } from "../../../web/Html.ts"
import { table } from "../../../web/Table.ts"
import type { Overview } from "../core/Administration.ts"
import { type AdminPage, overviewRoute } from "../frame/AdminPage.ts"
import * as Text from "../frame/Text.ts"

const stateOf = ({ failure, validity }: CertificateStatus, now: number): Html => {
  if (validity === undefined)
    return failure === undefined
      ? html`<span class="state away">being obtained</span>`
      : html`<span class="state never">none</span>`
  return validity.until < now
    ? html`<span class="state never">expired</span>`
    : html`<span class="state connected">valid</span>`
}

const failureOf = ({ failure }: CertificateStatus): Html =>
  failure === undefined
    ? html`–`
    : html`${Format.time(failure.at)}: ${failure.detail} (<code>${failure.code}</code>)<br><small>${entry(failure.code).remedy} ${Text.certificates.nextTry} ${Format.time(failure.retryAt)}.</small>`

const columns = ["Hosts", "State", "Valid until", "Renewed at", "Failure"]

/** What the page shows; `now` is in milliseconds since 1970. */
export const render = (statuses: ReadonlyArray<CertificateStatus>, now: number): Html =>
  html`<div id="certificates" data-live>${
    statuses.length === 0
      ? html`<p class="empty">${Text.certificates.none}</p>`
      : table({
          caption: "Certificates by ACME",
          columns,
          rows: statuses.map((status) => ({
            id: `certificate-${status.id}`,
            cells: [
              html`${status.names.join(", ")}`,
              stateOf(status, now),
              status.validity === undefined ? html`–` : Format.time(status.validity.until),
              status.renewAt === undefined ? html`–` : Format.time(status.renewAt),
              failureOf(status),
            ],
          })),
        })
  }</div>`

const menu = {
  path: "/certificates",
  label: "Certificates",
  count: ({ certificates }: Overview) =>
    certificates.filter(({ failure }) => failure !== undefined).length,
  isWanted: ({ certificates }: Overview) => certificates.length > 0,
} as const

/** The page. */
export const page: AdminPage = {
  menu,
  routes: [
    overviewRoute(menu, ({ certificates }) =>
      Effect.map(Clock.currentTimeMillis, (now) => render(certificates, now)),
    ),
  ],
}
