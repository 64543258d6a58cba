/**
 * What all pages of one server have in common: the links between them, and the
 * form of a fact.
 */
import { type Html, html } from "../../../web/Html.ts"

/** A page of a server. */
export type ServerTab = "overview" | "requests" | "settings"

/** The address of a page of a server. */
export const pathOf = (name: string, tab: ServerTab = "overview"): string =>
  `/servers/${encodeURIComponent(name.toWellFormed())}${tab === "overview" ? "" : `/${tab}`}`

const labels: Readonly<Record<ServerTab, string>> = {
  overview: "Overview",
  requests: "Requests",
  settings: "Settings",
}

/** The links between the pages of a server. */
export const tabs = (name: string, current: ServerTab): Html =>
  html`<nav class="tabs" aria-label="Server ${name}"><ul>${Object.entries(labels).map(
    ([tab, label]) =>
      tab === current
        ? html`<li><a href="${pathOf(name, current)}" aria-current="page">${label}</a></li>`
        : html`<li><a href="${pathOf(name, tab as ServerTab)}">${label}</a></li>`,
  )}</ul></nav>`

/** A name and its value, in a list of facts. */
export const fact = (name: string, value: Html): Html =>
  html`<div><dt>${name}</dt><dd>${value}</dd></div>`
