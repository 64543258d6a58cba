/**
 * Reads what the beginning of a JPEG file tells: its size, and from the Exif
 * block (CIPA DC-008) how it is turned, when and with what it was taken, and
 * the small preview that cameras embed.
 */

/** What is known of a picture; fields that the file lacks are absent. */
export interface ImageFacts {
  readonly width?: number
  readonly height?: number
  /** 1 to 8 as in Exif; 1 is upright. */
  readonly orientation?: number
  /** `2026-01-31 12:00:00`, in the camera's zone. */
  readonly taken?: string
  readonly camera?: string
  /** Such as `1/250 s, f/2.8, ISO 100, 35 mm`. */
  readonly exposure?: string
  /** The embedded preview, a JPEG file. */
  readonly preview?: Uint8Array
}

/** How many bytes at the beginning of a file are enough for all of this. */
export const examined = 256 * 1024

/** The markers of a frame (ITU-T T.81, B.1.1.3), which say how large the picture is. */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)

type Value = number | string

const sizes: Readonly<Record<number, number>> = { 1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 9: 4, 10: 8 }

/** Reads the TIFF structure in an Exif block. Every offset is checked. */
class Directory {
  private readonly view: DataView
  private readonly little: boolean

  constructor(bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.little = this.view.getUint16(0) === 0x4949
  }

  get first(): number {
    return this.u32(4)
  }

  u16(at: number): number {
    return at + 2 <= this.view.byteLength ? this.view.getUint16(at, this.little) : 0
  }

  u32(at: number): number {
    return at + 4 <= this.view.byteLength ? this.view.getUint32(at, this.little) : 0
  }

  /** The address of the directory after the one at `at`; 0 without one. */
  after(at: number): number {
    return this.u32(at + 2 + this.u16(at) * 12)
  }

  value(at: number, tag: number): Value | undefined {
    const count = Math.min(this.u16(at), 256)
    for (let i = 0; i < count; i++) {
      const entry = at + 2 + i * 12
      if (this.u16(entry) === tag) return this.read(entry)
    }
    return undefined
  }

  private read(entry: number): Value | undefined {
    const type = this.u16(entry + 2)
    const count = this.u32(entry + 4)
    const size = (sizes[type] ?? 0) * count
    const at = size <= 4 ? entry + 8 : this.u32(entry + 8)
    if (size === 0 || size > 1024 || at + size > this.view.byteLength) return undefined
    switch (type) {
      case 2:
        return Buffer.from(this.view.buffer, this.view.byteOffset + at, count)
          .toString("utf8")
          .replace(/\0.*$/s, "")
          .trim()
      case 3:
        return this.u16(at)
      case 4:
        return this.u32(at)
      case 5:
        return this.u32(at + 4) === 0 ? undefined : this.u32(at) / this.u32(at + 4)
      default:
        return undefined
    }
  }
}

const numberOf = (value: Value | undefined): number | undefined =>
  typeof value === "number" ? value : undefined
const textOf = (value: Value | undefined): string | undefined =>
  typeof value === "string" && value !== "" ? value.slice(0, 100) : undefined

const exposureOf = (directory: Directory, exif: number): string | undefined => {
  const time = numberOf(directory.value(exif, 0x829a))
  const aperture = numberOf(directory.value(exif, 0x829d))
  const iso = numberOf(directory.value(exif, 0x8827))
  const focal = numberOf(directory.value(exif, 0x920a))
  const parts = [
    time === undefined || time <= 0
      ? ""
      : time < 1
        ? `1/${Math.round(1 / time)} s`
        : `${Number(time.toFixed(1))} s`,
    aperture === undefined ? "" : `f/${Number(aperture.toFixed(1))}`,
    iso === undefined ? "" : `ISO ${iso}`,
    focal === undefined ? "" : `${Number(focal.toFixed(1))} mm`,
  ].filter((part) => part !== "")
  return parts.length === 0 ? undefined : parts.join(", ")
}

const cameraOf = (make: string | undefined, model: string | undefined): string | undefined =>
  make === undefined || model === undefined || model.startsWith(make)
    ? (model ?? make)
    : `${make} ${model}`

const factsOfExif = (block: Uint8Array): ImageFacts => {
  if (block.length < 8) return {}
  const directory = new Directory(block)
  const { first } = directory
  const exif = numberOf(directory.value(first, 0x8769)) ?? 0
  const second = directory.after(first)
  const start = second === 0 ? undefined : numberOf(directory.value(second, 0x0201))
  const length = second === 0 ? undefined : numberOf(directory.value(second, 0x0202))
  const preview =
    start === undefined || length === undefined ? undefined : block.subarray(start, start + length)
  const date = textOf(exif === 0 ? undefined : directory.value(exif, 0x9003))
  const facts = {
    orientation: numberOf(directory.value(first, 0x0112)),
    taken: date?.replace(/^(\d{4}):(\d\d):(\d\d)/, "$1-$2-$3"),
    camera: cameraOf(
      textOf(directory.value(first, 0x010f)),
      textOf(directory.value(first, 0x0110)),
    ),
    exposure: exif === 0 ? undefined : exposureOf(directory, exif),
    preview: preview?.length === length && preview?.[0] === 0xff ? preview : undefined,
  }
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined))
}

/** What a PNG, GIF or WebP file says of its size. */
const sizeOf = (bytes: Uint8Array): ImageFacts => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 30) return {}
  const magic = view.getUint32(0)
  if (magic === 0x89504e47) return { width: view.getUint32(16), height: view.getUint32(20) }
  if (magic === 0x47494638)
    return { width: view.getUint16(6, true), height: view.getUint16(8, true) }
  return {}
}

/** The facts of a picture, from the beginning of its file; none if they cannot be read. */
export const read = (bytes: Uint8Array): ImageFacts => {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return sizeOf(bytes)
  let facts: ImageFacts = {}
  let at = 2
  while (at + 9 < bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1] as number
    if (marker === 0xff) {
      at++
      continue
    }
    const length = ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)
    if (marker === 0xda || length < 2) break
    const segment = bytes.subarray(at + 4, at + 2 + length)
    if (marker === 0xe1 && Buffer.from(segment.subarray(0, 6)).toString("latin1") === "Exif\0\0") {
      facts = { ...factsOfExif(segment.subarray(6)), ...facts }
    }
    if (isFrame(marker) && segment.length >= 5) {
      const view = new DataView(segment.buffer, segment.byteOffset, segment.length)
      return { ...facts, height: view.getUint16(1), width: view.getUint16(3) }
    }
    at += 2 + length
  }
  return facts
}
