/**
 * Content codings: parsing Accept-Encoding (RFC 9110 12.5.3) and choosing a
 * coding.
 */
import * as Headers from "../../domain/HeaderList.ts"
import { memoize } from "../../domain/Memoize.ts"

/** A coding; its value is its name in HTTP. */
export type Coding = "br" | "zstd" | "gzip"

/** A coding that a client accepts. */
export interface Accepted {
  readonly coding: Coding
  /** More than 0, up to 1. */
  readonly weight: number
}

/** All codings, the most compact first. */
export const codings: ReadonlyArray<Coding> = ["br", "zstd", "gzip"]

/** The suffixes of the names of precompressed files. */
export const suffixes: Readonly<Record<Coding, string>> = { br: ".br", zstd: ".zst", gzip: ".gz" }

/** The codings that files are compressed with when they are sent. */
export const live: ReadonlySet<Coding> = new Set(["br", "gzip"])

const quality = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/

/**
 * The codings that a client accepts and prefers to the uncompressed bytes, the
 * best first. Without the field or a known coding in it there are none: then the
 * uncompressed bytes are sent, even to a client that refuses them, since they
 * are of more use than an error.
 */
export const accepted = (headers: Headers.HeaderList): ReadonlyArray<Accepted> =>
  acceptedBy(Headers.all(headers, "accept-encoding").join(","))

/** Browsers send few different values. */
const acceptedBy = memoize((value): ReadonlyArray<Accepted> => {
  const field = value.toLowerCase()
  if (field === "") return []
  const weights = new Map<string, number>()
  for (const item of field.split(",")) {
    const [name = "", ...parameters] = item.split(";")
    let weight = 1
    for (const parameter of parameters) {
      const [key = "", value = ""] = parameter.split("=")
      if (key.trim() === "q") weight = quality.test(value.trim()) ? Number(value) : 0
    }
    // RFC 9110 8.4.1.3: the older name of the same coding.
    const coding = name.trim() === "x-gzip" ? "gzip" : name.trim()
    if (coding !== "") weights.set(coding, Math.max(weight, weights.get(coding) ?? 0))
  }
  const identity = weights.get("identity") ?? 0
  return codings
    .map((coding) => ({ coding, weight: weights.get(coding) ?? weights.get("*") ?? 0 }))
    .filter(({ weight }) => weight > 0 && weight >= identity)
    .sort((a, b) => b.weight - a.weight)
})

/** The codings and their weights as a part of a cache key. */
export const key = (list: ReadonlyArray<Accepted>): string =>
  list.map(({ coding, weight }) => `${coding}=${weight}`).join(",")

/**
 * The coding to compress with, if its weight is above that of the precompressed
 * file.
 *
 * @param precompressed the weight of the best precompressed file, 0 if there is none
 */
export const choose = (list: ReadonlyArray<Accepted>, precompressed: number): Coding | undefined =>
  list.find(({ coding, weight }) => weight > precompressed && live.has(coding))?.coding
