/**
 * Why an uploaded file could not be stored.
 */

/** `Changed`: the preconditions do not hold for the file that has the name. `Protected`: that file may not be written. */
export type UploadFailure =
  | {
      readonly _tag:
        | "Exists"
        | "Changed"
        | "Protected"
        | "TooLarge"
        | "Full"
        | "Forbidden"
        | "BadName"
        | "BrokenOff"
    }
  | { readonly _tag: "Failed"; readonly code: string }

/** What an error of the file system means for an upload. */
export const of = (error: unknown): UploadFailure => {
  const code = (error as NodeJS.ErrnoException).code ?? "UNKNOWN"
  switch (code) {
    case "EEXIST":
    case "EISDIR":
    case "ENOTEMPTY":
    case "ENOTDIR":
      return { _tag: "Exists" }
    case "ENOSPC":
    case "EDQUOT":
      return { _tag: "Full" }
    case "EFBIG":
      return { _tag: "TooLarge" }
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return { _tag: "Forbidden" }
    case "ENAMETOOLONG":
    case "EILSEQ":
    case "EINVAL":
    // Of `node:fs` itself, for a name with NUL.
    case "ERR_INVALID_ARG_VALUE":
      return { _tag: "BadName" }
    default:
      return { _tag: "Failed", code }
  }
}
