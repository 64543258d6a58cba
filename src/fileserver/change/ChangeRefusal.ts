/**
 * Why a change is refused, with the texts for the visitor.
 */
import { type ByteName, toDisplay } from "../names/ByteName.ts"
import type * as Root from "../root/Root.ts"
import type * as Refusal from "../uploads/Refusal.ts"
import type { UploadFailure } from "../uploads/UploadFailure.ts"

const quoted = (name: ByteName): string => `\u201c${toDisplay(name)}\u201d`

const refused = (detail: string): Refusal.Refusal => ({ code: "PTTH_CHANGE_REFUSED", detail })

export const notAllowed = refused("This folder cannot be changed.")
export const rootFolder = refused("The shared folder itself cannot be changed.")
export const otherSite = refused("The request comes from a page of another site.")
export const intoItself = refused("A folder cannot be moved or copied into itself.")
export const holdsHidden = refused("The folder contains files that are not served.")
export const tooManyEntries = refused("The folder has too many files for one request.")
export const noBin = refused("The bin of the shared folder cannot be written.")
export const binFull: Refusal.Refusal = {
  code: "PTTH_DISK_FULL",
  detail: "The disk is full, so that nothing can be put into the bin. Empty the bin first.",
}
export const notWritable = refused("The folder is not writable for the server.")
export const noParent: Refusal.Refusal = {
  code: "PTTH_NO_PARENT",
  detail: "There is no folder for it; make the folder first.",
}
export const absent: Refusal.Refusal = {
  code: "PTTH_NOT_FOUND",
  detail: "There is no file or folder of this name.",
}
export const changed: Refusal.Refusal = {
  code: "PTTH_CHANGE_CONDITION",
  detail: "It is not in the state that the request requires.",
}
export const exists = (name: ByteName): Refusal.Refusal => ({
  code: "PTTH_CHANGE_CONDITION",
  detail: `${quoted(name)} already exists.`,
})

/** The refusal for a folder that could not be opened. */
export const ofFolder = ({ _tag, detail }: Root.NotOpen): Refusal.Refusal => {
  switch (_tag) {
    case "Absent":
      return noParent
    case "Forbidden":
    case "TooLong":
      return refused(detail)
    case "Busy":
      return { code: "PTTH_INTERNAL", detail, status: 503 }
    case "Broken":
      return { code: "PTTH_INTERNAL", detail }
  }
}

/** The refusal for an error of the file system. */
export const ofFailure = (failure: UploadFailure, name: ByteName): Refusal.Refusal => {
  switch (failure._tag) {
    case "Exists":
    case "Changed":
      return exists(name)
    case "Full":
      return {
        code: "PTTH_DISK_FULL",
        detail: `There is no room for ${name === "" ? "the change" : quoted(name)}.`,
      }
    case "BadName":
      return refused(`The file system does not accept the name ${quoted(name)}.`)
    case "Failed":
      return failure.code === "ENOENT"
        ? absent
        : { code: "PTTH_INTERNAL", detail: `${quoted(name)} cannot be changed (${failure.code}).` }
    default:
      return notWritable
  }
}
