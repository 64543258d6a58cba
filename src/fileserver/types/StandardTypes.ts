/**
 * The standard table of media types. It is searched for each extension, because
 * maps of all its types are large and take time to make.
 */
import otherTypes from "mime/types/other.js"
import standardTypes from "mime/types/standard.js"
import { memoize } from "../../domain/Memoize.ts"

/** The media type of an extension in lower case, without the dot; "" if it has none. */
export const mediaTypeOf = memoize((extension): string => {
  for (const types of [standardTypes, otherTypes])
    for (const [type, extensions] of Object.entries<ReadonlyArray<string>>(types))
      if (extensions.includes(extension)) return type
  return ""
})
