/**
 * The preview that cameras embed in JPEG files, as a JPEG file that is turned
 * like the picture. Used where no picture can be made smaller.
 */
import * as Exif from "../types/Exif.ts"

/** An Exif block that has only the orientation (CIPA DC-008). */
const orientationBlock = (orientation: number): Uint8Array => {
  const block = Buffer.alloc(36)
  block.writeUInt16BE(0xffe1, 0)
  block.writeUInt16BE(34, 2)
  block.write("Exif\0\0", 4, "latin1")
  block.write("II*\0", 10, "latin1")
  block.writeUInt32LE(8, 14)
  block.writeUInt16LE(1, 18)
  block.writeUInt16LE(0x0112, 20)
  block.writeUInt16LE(3, 22)
  block.writeUInt32LE(1, 24)
  block.writeUInt16LE(orientation, 28)
  return block
}

/** The preview in the beginning of a file; `undefined` without one. */
export const of = (bytes: Uint8Array): Uint8Array | undefined => {
  const { orientation = 1, preview } = Exif.read(bytes)
  if (preview === undefined) return undefined
  return Buffer.concat([preview.subarray(0, 2), orientationBlock(orientation), preview.subarray(2)])
}
