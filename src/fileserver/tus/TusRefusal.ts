/**
 * Why a request of the tus protocol is refused.
 */
import type * as Refusal from "../uploads/Refusal.ts"
import * as TusFields from "./TusFields.ts"

const malformed = (detail: string): Refusal.Refusal => ({ code: "PTTH_BAD_REQUEST", detail })

export const otherVersion: Refusal.Refusal = {
  code: "PTTH_BAD_REQUEST",
  status: 412,
  detail: `Tus-Resumable must be ${TusFields.version}.`,
  headers: [["Tus-Version", TusFields.version]],
}
export const noLength = malformed("Upload-Length must give the length of the file in bytes.")
export const noExtension = malformed(
  "Upload-Defer-Length and Upload-Concat are not supported: send each file whole, with Upload-Length.",
)
export const badMetadata = malformed(
  "Upload-Metadata must consist of keys and Base64, with `filename`, in at most 4096 bytes.",
)
export const badChecksum = malformed(
  "Upload-Checksum must name sha1 or sha256, and the checksum in Base64.",
)
export const wrongType: Refusal.Refusal = {
  code: "PTTH_BAD_REQUEST",
  status: 415,
  detail: `A part of a file must have the type ${TusFields.contentType}.`,
}
export const tooMany: Refusal.Refusal = {
  code: "PTTH_QUEUE_FULL",
  detail: "There are too many unfinished uploads.",
  headers: [["Retry-After", "60"]],
}
export const noUpload: Refusal.Refusal = {
  code: "PTTH_NOT_FOUND",
  detail: "There is no such upload; it may be complete, ended or expired.",
}
export const wrongOffset = (offset: number): Refusal.Refusal => ({
  code: "PTTH_UPLOAD_OFFSET",
  detail: `${offset} bytes have arrived; Upload-Offset must be that number.`,
})
export const tooMuch = (length: number): Refusal.Refusal => ({
  code: "PTTH_UPLOAD_TOO_LARGE",
  detail: `The file was announced with ${length} bytes, and there are more.`,
})
export const wrongChecksum: Refusal.Refusal = {
  code: "PTTH_UPLOAD_CHECKSUM",
  detail: "The bytes do not have the checksum; they were dropped.",
}

/** What arrived stays, so that the upload can go on. */
export const noRoom: Refusal.Refusal = {
  code: "PTTH_DISK_FULL",
  detail:
    "There is no room for the rest of the file. What arrived is kept until the upload expires.",
}
