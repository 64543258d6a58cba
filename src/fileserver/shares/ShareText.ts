/**
 * The texts of the pages about share links.
 */

/** See the head of this file. */
export const text = {
  title: (name: string): string => `Share ${name}`,
  introduction:
    "Whoever has the link can open this, and nothing else, without signing in, until the link ends.",
  ends: "The link ends in",
  durations: { 3600: "1 hour", 86400: "1 day", 604800: "7 days", 2592000: "30 days" },
  downloads: "Downloads",
  downloadsHint: "any number",
  password: "Password",
  passwordHint: "none",
  make: "Make the link",
  revokeTitle: "All links",
  revokeHint: "Ends every link to this server's files that was ever made here, at once.",
  revoke: "End all links",
  revoked: "All links have ended.",
  made: "The link is ready.",
  endsOn: "It ends on",
  back: "Back",
  copy: "Copy the link",
  address: "Link",
  noticeUntil: "This link ends on",
  asks: "This link has a password.",
  open: "Open",
  wrong: "This is not the password.",
  view: "Show",
} as const
