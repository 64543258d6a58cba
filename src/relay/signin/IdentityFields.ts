/**
 * The header fields in which the relay tells a server who its visitor is. The
 * same fields of visitors never reach a server (`AuthSecrets.ts`).
 */

import { type Header, type HeaderList, isValue } from "../../domain/HeaderList.ts"
import type { Identity } from "../../domain/visitor/AllowList.ts"

/** Text as the bytes of UTF-8, one character each; `undefined` if it cannot stand in a field. */
const asValue = (text: string): string | undefined => {
  const value = Buffer.from(text, "utf8").toString("latin1")
  return text !== "" && text === text.trim() && isValue(value) ? value : undefined
}

/** A group whose name would read as two, or differently, is left out. */
const groupValue = (group: string): string | undefined =>
  group.includes(",") ? undefined : asValue(group)

/** `X-Forwarded-User`, `X-Forwarded-Email` and `X-Forwarded-Groups`, each only if it has a value. */
export const of = ({ email, groups, user }: Identity): HeaderList => {
  const list = groups.flatMap((group) => groupValue(group) ?? []).join(",")
  const fields: ReadonlyArray<readonly [string, string | undefined]> = [
    ["X-Forwarded-User", asValue(user)],
    ["X-Forwarded-Email", email === undefined ? undefined : asValue(email)],
    ["X-Forwarded-Groups", list === "" ? undefined : list],
  ]
  return fields.flatMap(
    ([name, value]): ReadonlyArray<Header> => (value === undefined ? [] : [[name, value]]),
  )
}
