/**
 * Every sentence that the administrator's pages show, by page. Labels, column
 * names and buttons stand in the pages themselves.
 */
import { type Html, html } from "../../../web/Html.ts"

/** Around every page. */
export const frame = {
  configError: html`The configuration file has an error. The previous configuration stays in force. <a href="/config">Show the error</a>`,
  silent: "This page lacks the data of these relays:",
}

/** Failures. Their codes have titles and remedies in `ErrorRegistry.ts`. */
export const failure = {
  noPage: "The administration has no such page.",
  method: (allowed: string): string => `This address accepts only ${allowed}.`,
  badForm: "The form lacks a field, or has one twice.",
  noServer: (name: string): string => `No server has the name ${quoted(name)}.`,
  notInspected: (name: string): string =>
    `No server with the name ${quoted(name)} is inspected. Set \`inspect = true\` for it in the configuration.`,
  noStranger: "No server with this name and key is waiting.",
}

/** A name from an address: control characters are escaped. */
const quoted = (name: string): string => JSON.stringify(name)

/** The list of servers. */
export const servers = {
  empty: html`No server is registered yet. <a href="/unregistered">Approve</a> one that has tried to connect.`,
}

/** One server. */
export const server = {
  noRequests: "No request has ended yet.",
}

/** The last requests of an inspected server. */
export const inspector = {
  intro: (requests: number, bodySize: string, isOfEachRelay: boolean): Html =>
    html`The last ${requests} requests ${isOfEachRelay ? "of each relay " : ""}as the server receives them, and its responses, newest first, with the first ${bodySize} of each body. Known secrets are shown as <code>***</code>. The relay keeps this in memory only.`,
  empty: "The server has had no requests yet.",
}

/** Servers that are not registered. */
export const unregistered = {
  intro:
    "These servers have tried to connect and are not registered. Anybody can claim a name: approve a server only if its owner sees the same words, all six, or the same whole tripcode. A forged key can have some of the words, but not all.",
  empty: "No server is waiting. To connect one, run this on its machine:",
  keyChanged: html`To accept this key too, add the tripcode to the server's entry. <code>tripcode</code> may be a list.`,
  ignored: (count: number): string => `Ignored until the relay restarts: ${count}`,
}

/** The relays. */
export const relays = {
  alone: html`This relay is the only one. <code>workers</code> or <code>[cluster]</code> in the configuration makes several relays serve as one.`,
  noEngine: html`There is no engine. Each machine has its own approvals, audit log and usage of limits. Set <code>engine</code> in <code>[cluster]</code> to share them.`,
  engineAway: (since: Html): Html =>
    html`The engine has not answered since ${since}. Servers and visitors are not affected. Approvals, the audit log and the usage of limits are shared again once it answers.`,
  differs:
    "Some relays have a different configuration than this one. A relay responds with status 404 for a server that its configuration lacks.",
  apart: "gets no requests of other relays: no common protocol version",
}

/** An act on several relays that did not reach all of them. */
export const acts = {
  title: "Partly done",
  missed: "This was done, except here:",
  next: "Continue",
}

/** The audit log. */
export const audit = {
  empty: "The log has no such event.",
  onlyHere: "Without an engine the log has the events of this machine only.",
}

/** The configuration. */
export const config = {
  good: "The configuration files are in force.",
  bad: (since: Html): Html =>
    html`The configuration files have had an error since ${since}. The previous configuration stays in force.`,
  badAt: (relay: string): string => `The configuration files of relay ${relay} have an error:`,
  differs: (relay: string): string => `Relay ${relay} has a different configuration.`,
  reload: html`The relay rereads its files when they change, on SIGHUP and every minute. <code>ptth check FILE</code> checks a file beforehand.`,
  noFile: "The relay has no configuration file.",
  noFolder: "The relay cannot store approvals without a configuration file.",
}

/** The API. */
export const api = {
  intro: (description: string): Html =>
    html`Scripts can get everything on these pages as JSON: <a href="${description}">OpenAPI description</a>. They authenticate with a token. Set <code>admin_token</code> in the relay's configuration to its tripcode; <code>ptth keygen</code> prints both.`,
}

/** Debugging. */
export const debug = {
  newKey:
    "Put the key into the configuration of a server or script, and the tripcode into the relay's. The key is shown only here: the relay neither stores nor logs it.",
  download: "Sends bytes until you stop it, to measure the connection from the relay to you.",
  upload: "Counts and discards what is sent. Scripts authenticate with a token:",
}

/** Logging in. */
export const login = {
  enter: "This link logs you in to the administration of this relay. It works once.",
  needed:
    "You are not logged in. Open the login link that the relay printed when it started, or have it print a new one:",
  badLink: "This login link is invalid, expired or already used.",
  tooSoon: "A login link was printed a moment ago. Use that one.",
  printed:
    "The relay has printed a new login link to its output, which is its terminal or the journal of its service.",
}
