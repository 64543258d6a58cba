/**
 * Where the time of one request went, as a bar and in numbers: waiting for a
 * link, on the way to the server and back, at the server, and sending the rest.
 */
import type { ShownRequest } from "../../../protocol/peer/AdminControl.ts"
import * as Format from "../../../web/Format.ts"
import { type Html, html } from "../../../web/Html.ts"

interface Span {
  readonly kind: "waited" | "tunnel" | "origin" | "body"
  readonly label: string
  readonly millis: number
}

type Times = Pick<ShownRequest, "millis" | "waitMillis" | "tunnelMillis" | "linkMillis">

/** The parts of the time until the request was over, as far as they are known. */
export const spansOf = ({
  linkMillis,
  millis,
  tunnelMillis,
  waitMillis,
}: Times): ReadonlyArray<Span> => {
  const total = millis ?? 0
  const waited = Math.min(waitMillis ?? total, total)
  const answered = tunnelMillis === undefined ? 0 : Math.min(tunnelMillis, total - waited)
  const tunnel = linkMillis === undefined ? answered : Math.min(linkMillis, answered)
  const origin = linkMillis === undefined ? 0 : answered - tunnel
  const spans: ReadonlyArray<Span> = [
    { kind: "waited", label: "waited for a link", millis: waited },
    {
      kind: "tunnel",
      label:
        linkMillis === undefined
          ? "tunnel and server"
          : "tunnel (the shortest round trip of the link)",
      millis: tunnel,
    },
    { kind: "origin", label: "server, until the response's head", millis: origin },
    { kind: "body", label: "rest of the response", millis: Math.max(0, total - waited - answered) },
  ]
  return spans.filter(({ millis }) => millis > 0)
}

/** The bar; nothing while the request runs. */
export const render = (times: Times): Html => {
  const spans = spansOf(times)
  const total = spans.reduce((sum, { millis }) => sum + millis, 0)
  if (total === 0) return html``
  let at = 0
  const bars = spans.map(({ kind, label, millis }) => {
    const [x, width] = [(1000 * at) / total, (1000 * millis) / total]
    at += millis
    return html`<rect class="${kind}" x="${x.toFixed(1)}" y="0" width="${Math.max(2, width).toFixed(1)}" height="20"><title>${label}: ${Format.millis(millis)}</title></rect>`
  })
  return html`<div class="timing"><svg viewBox="0 0 1000 20" preserveAspectRatio="none" aria-hidden="true">${bars}</svg>
<ul class="legend">${spans.map(({ kind, label, millis }) => html`<li><span class="key ${kind}"></span>${label}: <b>${Format.millis(millis)}</b></li>`)}</ul></div>`
}
