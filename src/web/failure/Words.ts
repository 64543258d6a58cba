/**
 * What visitors read on the page of a failure, in plain words: what happened
 * and what they can do. Codes that are not here have the title and the remedy
 * of `ErrorRegistry.ts`.
 */
import type { VisitorErrorCode } from "../../domain/ErrorRegistry.ts"

/** What a visitor reads. */
export interface Words {
  readonly heading: string
  readonly advice: string
}

/** Makes the words for a site, which is a name or `This site`. */
type WordsFor = (site: string) => Words

const itsOwnFault: WordsFor = (site) => ({
  heading: `${site} does not work at the moment`,
  advice: "Something is wrong on its side, not on yours.",
})

const words: Partial<Record<VisitorErrorCode, WordsFor>> = {
  PTTH_AUTH_REQUIRED: () => ({
    heading: "Please sign in",
    advice: "Use the user name and password, or the token, that you got from the owner.",
  }),
  PTTH_NOT_ADMITTED: (site) => ({
    heading: `You are not allowed to use ${inSentence(site)}`,
    advice: "Sign in, or ask the owner for access.",
  }),
  PTTH_UNKNOWN_SERVER: () => ({
    heading: "There is no server of this name here",
    advice: "Check the name in the address, or ask whoever gave you the address.",
  }),
  PTTH_NOT_FOUND: () => ({
    heading: "There is nothing at this address",
    advice: "Check the address. What was here may have been moved or removed.",
  }),
  PTTH_METHOD_NOT_ALLOWED: () => ({
    heading: "This is not possible here",
    advice: "The page that led here asks for something that this site does not do.",
  }),
  PTTH_BODY_TOO_LARGE: () => ({
    heading: "This is too large",
    advice: "Send something smaller.",
  }),
  PTTH_TOO_MANY_REQUESTS: () => ({
    heading: "Too many requests",
    advice: "Wait a moment, and then try again.",
  }),
  PTTH_BAD_ANSWER: itsOwnFault,
  PTTH_LINK_LOST: (site) => ({
    heading: `The connection to ${inSentence(site)} was lost`,
    advice: "If you have just sent something, it may have arrived all the same.",
  }),
  PTTH_ORIGIN_DOWN: (site) => ({
    heading: `${site} is not running at the moment`,
    advice: "Its computer is reachable, but the application on it does not respond.",
  }),
  PTTH_ORIGIN_BROKEN: itsOwnFault,
  PTTH_ORIGIN_TLS: itsOwnFault,
  PTTH_ORIGIN_CUT: itsOwnFault,
  PTTH_SERVER_OFFLINE: (site) => ({
    heading: `${site} is offline`,
    advice: "It is not connected at the moment.",
  }),
  PTTH_SERVER_PAUSED: (site) => ({
    heading: `${site} is paused`,
    advice: "Visitors cannot use it for now.",
  }),
  PTTH_QUEUE_FULL: (site) => ({
    heading: `${site} is busy`,
    advice: "Too many requests are waiting.",
  }),
  PTTH_DRAINING: (site) => ({
    heading: `${site} will be back in a moment`,
    advice: "It is being restarted.",
  }),
  PTTH_NO_ANSWER: (site) => ({
    heading: `${site} does not respond`,
    advice: "It is connected, but takes too long.",
  }),
  PTTH_LOOP: itsOwnFault,
  PTTH_INTERNAL: itsOwnFault,
}

/** What a site without a name is called at the beginning of a sentence. */
const unnamed = "This site"

const inSentence = (site: string): string => (site === unnamed ? "this site" : site)

/** The words for a code; `undefined` if those of the registry are to be used. */
export const wordsOf = (code: VisitorErrorCode, site: string | undefined): Words | undefined =>
  words[code]?.(site ?? unnamed)
