/**
 * Content negotiation by the Accept field (RFC 9110 12.5.1).
 */

const quality = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/

/**
 * The weight, 0 to 1, that an Accept field gives to a media type by name; 0 if
 * it does not name it. Wildcards do not count, because a client that accepts
 * anything has not asked for this type.
 *
 * @param type lower case
 */
export const weight = (accept: string | undefined, type: string): number => {
  if (accept === undefined) return 0
  let best = 0
  for (const item of accept.toLowerCase().split(",")) {
    const [name = "", ...parameters] = item.split(";")
    if (name.trim() !== type) continue
    let typeWeight = 1
    for (const parameter of parameters) {
      const [key = "", value = ""] = parameter.split("=")
      if (key.trim() === "q") typeWeight = quality.test(value.trim()) ? Number(value) : 0
    }
    best = Math.max(best, typeWeight)
  }
  return best
}
