/**
 * Texts of the pages that show failures, besides the titles and remedies of
 * `ErrorRegistry.ts`.
 */

/** Before what only the owner of the relay or server can do. */
export const forOwner = "For the owner:"

/** A remedy in the words for the owner. */
export const asOwner = (remedy: string): string =>
  remedy
    .replace(/^Ask the server's owner to (.)/, (_, letter: string) => letter.toUpperCase())
    .replace(/, or ask the server's owner to /, ", or ")

/** The page on which people sign in. */
export const signIn = {
  title: (site: string): string => `Sign in to ${site}`,
  user: "User name",
  password: "Password",
  remember: "Stay signed in",
  button: "Sign in",
  wrong: "The user name or the password is wrong.",
} as const

/** The pages of failures. */
export const failure = {
  retries: "This page tries again by itself.",
  tryNow: "Try again now",
  ways: "Where to go",
  home: "Start page",
  signOut: "Sign out",
  homeOf: (site: string) => `Start page of ${site}`,
  lastSeen: "It was last connected",
  owner: "For the owner",
  inLog: "The log of the server says more.",
  copy: "Copy",
} as const

/**
 * The detail of a failure as a sentence. In logs a detail follows a code and a
 * colon, so that many are clauses without a capital and a full stop.
 */
export const sentence = (detail: string): string => {
  const text = detail.replace(/^\p{Ll}/u, (letter) => letter.toUpperCase())
  return /[\p{L}\p{N})\]"'`]$/u.test(text) ? `${text}.` : text
}
