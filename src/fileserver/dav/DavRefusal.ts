/**
 * Why a request of WebDAV is refused, and the preconditions of RFC 4918 16
 * that programs understand.
 */
import { type ByteName, toDisplay } from "../names/ByteName.ts"
import type * as Root from "../root/Root.ts"
import type * as Refusal from "../uploads/Refusal.ts"
import { maxProperties } from "./Propfind.ts"

const malformed = (detail: string, status?: number): Refusal.Refusal => ({
  code: "PTTH_BAD_REQUEST",
  detail,
  ...(status === undefined ? {} : { status }),
})

export const badIf = malformed("The If field is malformed.")
export const badDepth = malformed("This Depth is not possible with this method.")
export const badOverwrite = malformed("Overwrite must be T or F.")
export const badBody = malformed("The body is not the XML that this method needs.")
export const largeBody = malformed("The body is too large, or broke off.", 413)
export const tooManyProperties = malformed(
  `The body asks for more than ${maxProperties} properties by name: ask for all, or for fewer at a time.`,
)
export const noDestination = malformed("There is no Destination field.")
export const noToken = malformed("Lock-Token must be a token between < and >.")
export const bodyOfCollection = malformed("A folder is made without a body.", 415)
export const elsewhere: Refusal.Refusal = {
  code: "PTTH_OTHER_SERVER",
  detail: "The Destination field names another server.",
}
export const taken: Refusal.Refusal = {
  code: "PTTH_METHOD_NOT_ALLOWED",
  detail: "There already is a file or folder of this name.",
}
export const infinite: Refusal.Refusal = {
  code: "PTTH_CHANGE_REFUSED",
  detail: "There are too many files for one answer: ask folder by folder, with Depth 1.",
}
export const noLock: Refusal.Refusal = {
  code: "PTTH_CHANGE_CONDITION",
  detail: "The If field names no lock of this resource that could be refreshed.",
}
export const noSuchLock: Refusal.Refusal = {
  code: "PTTH_CHANGE_CONDITION",
  status: 409,
  detail: "The resource has no such lock.",
}
export const tooManyLocks: Refusal.Refusal = {
  code: "PTTH_QUEUE_FULL",
  detail: "There are too many locks, here or in all.",
}
export const crowded: Refusal.Refusal = {
  code: "PTTH_QUEUE_FULL",
  detail: "Too many folders are being read at the moment.",
  headers: [["Retry-After", "5"]],
}
export const conflict = (name: ByteName): Refusal.Refusal => ({
  code: "PTTH_LOCKED",
  detail: `\u201c${toDisplay(name)}\u201d has a lock already.`,
})

/** The refusal for a file or folder that could not be opened for reading. */
export const ofOpening = ({ _tag, detail }: Root.NotOpen): Refusal.Refusal => {
  switch (_tag) {
    case "Absent":
    case "TooLong":
      return { code: "PTTH_NOT_FOUND", detail }
    case "Forbidden":
      return { code: "PTTH_NOT_READABLE", detail }
    case "Busy":
      return { code: "PTTH_INTERNAL", detail, status: 503 }
    case "Broken":
      return { code: "PTTH_INTERNAL", detail }
  }
}

/** The precondition that was not met, for programs. */
export const conditionOf = (refusal: Refusal.Refusal, method: string): string | undefined => {
  if (refusal === infinite) return "propfind-finite-depth"
  if (refusal === noSuchLock) return "lock-token-matches-request-uri"
  if (refusal.code !== "PTTH_LOCKED") return undefined
  return method === "LOCK" ? "no-conflicting-lock" : "lock-token-submitted"
}
