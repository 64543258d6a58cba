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

/** Failures. Their codes have titles and remedies in `ErrorRegistry.ts`, except for those that have a title here. */
export const failure = {
  titles: {
    PTTH_ALREADY_REGISTERED: "Not done",
    PTTH_BAD_REQUEST: "Not done",
    PTTH_NOT_FOUND: "Not found",
  } as { readonly [code: string]: string },
  back: "Back",
  noPage: "The administration has no such page.",
  method: (allowed: string): string => `This address accepts only ${allowed}.`,
  badForm: "The form lacks a field, or has one twice.",
  noServer: (name: string): string => `No server has the name ${quoted(name)}.`,
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
  approved: "Approved. A server that runs connects within seconds.",
}

/** Charts. */
export const charts = {
  empty: "There was no traffic in this time.",
  stored: html`The charts are kept over restarts in the folder of <code>state_dir</code>.`,
  notStored: html`The charts start empty when the relay starts. Set <code>state_dir</code> in its configuration to keep them.`,
}

/** How a server is registered. */
export const settings = {
  elsewhere: "the relay's own configuration file",
  notHere: html`Pages change only files of <code>servers.d</code>. This server is registered in the relay's own configuration file; move its <code>[[servers]]</code> table to a file of <code>servers.d</code> to change it here.`,
  frontendAuth: "by the relay's [frontend_auth]",
  open: "everybody",
  passthrough: "ends at the server, so that the relay reads nothing of it",
  disconnect:
    "Ends its links and the requests on them. A server that runs connects again within seconds.",
  pause: "Its visitors get status 503. It stays connected, so that resuming takes effect at once.",
  resume: "Its visitors get status 503 until then.",
  rename: "Its address changes, and its owner has to start it with the new name.",
  ticket:
    "Shows a command, once, with which the server makes a new key that takes the place of the old one.",
  newKey: "Shown once. While the old key stays valid, the server can be moved to the new one.",
  remove: "The relay refuses its key from then on. It can be approved again.",
}

/** Invitations of servers. */
export const invitation = {
  title: (name: string): string => `Invite ${name}`,
  intro:
    "Or invite a server: with the command on the next page it registers itself, without an approval.",
  run: "Run this on the machine of the server, with what it shares at the end: a port such as 3000, a folder such as ./Pictures, or an address.",
  noPublicUrl: html`The relay has no <code>public_url</code>: put the address there at which the other machine reaches it.`,
  registers: "It registers the server without an approval.",
  replaces:
    "The old key stays valid until the server has run it; then the new one takes its place, and what still runs with the old one has to be started again.",
  once: "The command is shown only here, and works once, until",
}

/** A change of a server. */
export const change = {
  title: {
    rename: (name: string): string => `Rename ${name}`,
    pause: (name: string): string => `Pause ${name}`,
    resume: (name: string): string => `Resume ${name}`,
    remove: (name: string): string => `Remove ${name}`,
    "new key": (name: string): string => `A new key for ${name}`,
    "drop key": (name: string): string => `Remove a key of ${name}`,
  },
  warning: {
    rename:
      "Links that are open now end, and the server cannot connect again before its owner has started it with the new name.",
    pause: "Visitors get status 503 from now on. Running requests continue.",
    resume: "Visitors reach the server again.",
    remove: "Links that are open now end, and the server cannot connect again.",
    "new key":
      "The next page shows the key, once. A server with a key that is no longer listed loses its links.",
    "drop key": "Links that were opened with this key end, and it is refused from now on.",
  },
  button: {
    rename: "Rename",
    pause: "Pause",
    resume: "Resume",
    remove: "Remove",
    "new key": "Write it and show the key",
    "drop key": "Remove the key",
  },
  keyMade: "The new key is in force. Put it into the server's configuration on its own machine:",
  keyOnce: "The key is shown only here: the relay stores its tripcode alone.",
}

/** Lists of requests. */
export const requests = {
  empty: "There is no request yet, or none that matches.",
  assets: (count: number): string =>
    count === 1
      ? "1 request for a picture, style or script is left out."
      : `${count} requests for pictures, styles and scripts are left out.`,
  notRecorded: "The requests of this server are not recorded, so that only their lines are here.",
  allRecorded: "All that is recorded, with heads and bodies",
  onlyNewest: (count: number): string =>
    `Only the newest ${count} are here, so that the page does not become too large. The list has more.`,
  recordedAlways: "The configuration has the requests of this server recorded.",
  recordedUntil: "The requests of this server are recorded until",
  kept: (requests: number, bodySize: string): string =>
    `Of recorded requests each relay keeps the last ${requests} in memory, with heads and the first ${bodySize} of each body. Secrets are shown as ***.`,
}

/** One recorded request. */
export const request = {
  gone: "The relay has no such request any more.",
  noAnswer: (relay: string, reason: string): string =>
    `Relay ${quoted(relay)} did not answer: ${reason}.`,
  noPicture: "The body is no picture.",
  outcomes: {
    running: html`running`,
    whole: html`complete`,
    left: html`incomplete, because the visitor left or the connection broke`,
  } as { readonly [outcome: string]: Html },
  noResponse: "none from the server: the relay told the visitor of the failure",
  notReplayable: {
    yes: "",
    running: "It cannot be sent again before its body has arrived.",
    upgrade: "A request for another protocol, such as a WebSocket, cannot be sent again.",
    cut: "It cannot be sent again as it was: more of its body was sent than is recorded.",
    expired:
      "It cannot be sent again as it was: its secrets were kept for ten minutes and are gone.",
  },
  masked:
    "*** stands for secrets, which are not shown. Put them in, or use Replay, with which the relay sends them itself.",
  bodyFile: "FILE stands for a file with the body, of which the relay has no whole text.",
  editing:
    "Secrets stay on the relay: where *** is left as it is, the relay sends what the visitor sent. It keeps that for ten minutes.",
  notSent: "Not sent:",
  cutBody: "More of the body was sent than is recorded. Write it again, or leave it empty.",
  sentAsItWas: "The body is not a short text. It is sent as it was.",
}

/** Servers that are not registered. */
export const unregistered = {
  compared: "The owner sees the same six words",
  notCompared: "Compare the words with its owner first, and tick that they are the same.",
  intro:
    "These servers have tried to connect and are not registered. Anybody can claim a name: approve a server only if its owner sees the same words, all six, or the same whole tripcode. A forged key can have some of the words, but not all.",
  empty: "No server is waiting. To connect one, run this on its machine:",
  keyChanged: html`To accept this key too, add the tripcode to the server's entry. <code>tripcode</code> may be a list.`,
  ignored: (count: number): string => `Ignored until the relay restarts: ${count}`,
}

/** Certificates by ACME. */
export const certificates = {
  none: html`This relay obtains no certificates itself. Set <code>acme</code> in the configuration if it is to.`,
  nextTry: "Next try:",
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
  explained:
    "What the relay's files, the environment and flags make together, with the source of each value. Secrets are left out.",
  noFile: "The relay has no configuration file.",
  noFolder: "The relay cannot store approvals without a configuration file.",
}

/** The API. */
export const api = {
  intro: (description: string): Html =>
    html`Scripts can get what these pages tell as JSON: <a href="${description}">OpenAPI description</a>. They authenticate with a token. Set <code>admin_token</code> in the relay's configuration to its tripcode; <code>ptth keygen</code> prints both.`,
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
