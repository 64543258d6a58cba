/**
 * Why an upload is refused, with the texts for the visitor.
 */
import { statusOf as errorStatusOf, type VisitorErrorCode } from "../../domain/ErrorRegistry.ts"
import type * as Headers from "../../domain/HeaderList.ts"
import { type ByteName, toDisplay } from "../names/ByteName.ts"
import type * as TargetPath from "../names/TargetPath.ts"
import type * as Root from "../root/Root.ts"
import type { UploadFailure } from "./UploadFailure.ts"

/** A refused upload. */
export interface Refusal {
  readonly code: VisitorErrorCode
  readonly detail: string
  /** Unless it is that of the code. */
  readonly status?: number
  readonly headers?: Headers.HeaderList
}

/** The status of a refusal. */
export const statusOf = ({ code, status }: Refusal): number => status ?? errorStatusOf(code)

/** In quotation marks, so that no sentence begins with a name in capitals. */
const quoted = (name: ByteName): string => `\u201c${toDisplay(name)}\u201d`

/** Refusals of whole requests. */
export const wrongTarget = (isForm: boolean, allow: string): Refusal => ({
  code: "PTTH_METHOD_NOT_ALLOWED",
  status: 405,
  detail: isForm ? "A form can only be sent to a folder." : "Only a file can be uploaded here.",
  headers: [["Allow", allow]],
})
export const invalidTarget = (detail: string): Refusal => ({ code: "PTTH_BAD_REQUEST", detail })
export const ofTarget = ({ detail, status }: TargetPath.Refusal): Refusal =>
  status === 400 ? invalidTarget(detail) : { code: "PTTH_UPLOAD_REFUSED", detail }
export const otherSite: Refusal = {
  code: "PTTH_UPLOAD_REFUSED",
  detail: "The upload comes from a page of another site.",
}
export const partial: Refusal = {
  code: "PTTH_BAD_REQUEST",
  detail: "A file can only be uploaded as a whole, without Content-Range.",
}
export const encoded: Refusal = {
  code: "PTTH_BAD_REQUEST",
  status: 415,
  detail: "Files must be sent without a Content-Encoding.",
}
export const folderNotAllowed: Refusal = {
  code: "PTTH_UPLOAD_REFUSED",
  detail: "Files cannot be uploaded to this folder.",
}
export const noName: Refusal = {
  code: "PTTH_UPLOAD_REFUSED",
  detail: "The address names a folder, not a file.",
}
export const notForm: Refusal = {
  code: "PTTH_BAD_REQUEST",
  status: 415,
  detail: "A form with files must have the type multipart/form-data.",
}
export const brokenForm = (stored: ReadonlyArray<ByteName>): Refusal => ({
  code: "PTTH_BAD_REQUEST",
  detail: `The form is invalid or incomplete. ${storedText(stored)}`,
})

export const longForm = (maxParts: number, stored: ReadonlyArray<ByteName>): Refusal => ({
  code: "PTTH_UPLOAD_TOO_LARGE",
  detail: `A form may have ${maxParts} files and fields; send the others in further forms. ${storedText(stored)}`,
})

const storedText = (names: ReadonlyArray<ByteName>): string =>
  names.length === 0 ? "No file was stored." : `Stored: ${names.map(quoted).join(", ")}.`

/**
 * The refusal of a form in which some files were refused, with the status of
 * the first one.
 */
export const ofForm = (
  refusals: ReadonlyArray<Refusal>,
  stored: ReadonlyArray<ByteName>,
): Refusal | undefined => {
  const [first, second] = refusals
  if (first === undefined) return undefined
  if (second === undefined && stored.length === 0) return first
  const details = refusals.map(({ detail }) => detail).join(" ")
  return { ...first, detail: `${details} ${storedText(stored)}` }
}

/**
 * A name that no uploaded file may have.
 *
 * @param problem the reason, as the end of a sentence
 */
export const badName = (name: ByteName, problem: string): Refusal => ({
  code: "PTTH_UPLOAD_REFUSED",
  detail: `${quoted(name)} cannot be uploaded: ${problem}.`,
})

/** A file that a client of WebDAV has locked. */
export const locked = (name: ByteName): Refusal => ({
  code: "PTTH_LOCKED",
  detail: `${quoted(name)} is locked by another client.`,
})

/** A name that is not served. */
export const notServed = (name: ByteName): Refusal => ({
  code: "PTTH_UPLOAD_REFUSED",
  detail: `Files named ${quoted(name)} cannot be uploaded.`,
})

/** The refusal for a folder that could not be opened. */
export const ofFolder = ({ _tag, detail }: Root.NotOpen): Refusal => {
  switch (_tag) {
    case "Absent":
      return { code: "PTTH_NOT_FOUND", detail: "There is no folder to upload the file to." }
    case "Forbidden":
    case "TooLong":
      return { code: "PTTH_UPLOAD_REFUSED", detail }
    case "Busy":
      return { code: "PTTH_INTERNAL", detail, status: 503 }
    case "Broken":
      return { code: "PTTH_INTERNAL", detail }
  }
}

/**
 * The refusal for a file that could not be stored.
 *
 * @param maxBytes the limit for a file, if there is one
 */
export const ofFile = (
  failure: UploadFailure,
  fileName: ByteName,
  maxBytes: number | undefined,
): Refusal => {
  const name = quoted(fileName)
  switch (failure._tag) {
    case "Exists":
      return { code: "PTTH_UPLOAD_EXISTS", detail: `${name} already exists.` }
    case "Changed":
      return {
        code: "PTTH_UPLOAD_CONDITION",
        detail: `${name} is not in the state that the request requires.`,
      }
    case "TooLarge":
      return {
        code: "PTTH_UPLOAD_TOO_LARGE",
        detail:
          maxBytes === undefined
            ? `${name} is too large for the file system.`
            : `${name} is larger than ${maxBytes} bytes.`,
      }
    case "Full":
      return {
        code: "PTTH_DISK_FULL",
        detail: `There is no room for ${name}; nothing of it was stored.`,
      }
    case "Forbidden":
      return {
        code: "PTTH_UPLOAD_REFUSED",
        detail: `${name} cannot be stored: this folder is not writable.`,
      }
    case "Protected":
      return { code: "PTTH_UPLOAD_REFUSED", detail: `${name} is write-protected.` }
    case "BadName":
      return badName(fileName, "the file system does not accept the name")
    case "BrokenOff":
      return {
        code: "PTTH_BAD_REQUEST",
        detail: `The upload of ${name} broke off; nothing of it was stored.`,
      }
    case "Failed":
      return { code: "PTTH_INTERNAL", detail: `${name} cannot be written (${failure.code}).` }
  }
}
