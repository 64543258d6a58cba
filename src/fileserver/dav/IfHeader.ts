/**
 * The If field of WebDAV (RFC 4918 10.4): lists of conditions, of which one has
 * to hold as a whole. Tokens in it count as submitted, whatever holds.
 */

/** One condition. */
export type Condition =
  | { readonly _tag: "Token"; readonly token: string; readonly not: boolean }
  | { readonly _tag: "Tag"; readonly tag: string; readonly not: boolean }

/** Conditions that have to hold together. */
export interface ConditionList {
  /** The address of the resource; `undefined` for that of the request. */
  readonly resource: string | undefined
  readonly conditions: ReadonlyArray<Condition>
}

/** The most conditions. */
const maxConditions = 100
const lexeme = /\s*(?:<([^<>]*)>|(\()|(\))|\[((?:W\/)?"[^"\]]*")\]|(not)(?![A-Za-z]))\s*/iy

/** Parses the field; `undefined` if it is malformed. */
export const parse = (value: string): ReadonlyArray<ConditionList> | undefined => {
  const lists: Array<ConditionList> = []
  let resource: string | undefined
  let conditions: Array<Condition> | undefined
  let not = false
  let count = 0
  lexeme.lastIndex = 0
  for (let at = 0; at < value.length; at = lexeme.lastIndex) {
    lexeme.lastIndex = at
    const match = lexeme.exec(value)
    if (match === null) return undefined
    const [, address, opens, closes, tag] = match
    if (conditions === undefined) {
      if (address !== undefined) resource = address
      else if (opens !== undefined) conditions = []
      else return undefined
    } else if (closes !== undefined) {
      if (conditions.length === 0 || not) return undefined
      lists.push({ resource, conditions })
      conditions = undefined
    } else if (opens !== undefined || ++count > maxConditions) return undefined
    else if (address !== undefined) conditions.push({ _tag: "Token", token: address, not })
    else if (tag !== undefined) conditions.push({ _tag: "Tag", tag, not })
    else if (not) return undefined
    const isNot = match[5] !== undefined
    if (isNot && conditions === undefined) return undefined
    not = isNot
  }
  return conditions === undefined && lists.length > 0 ? lists : undefined
}

/** All lock tokens of the field. */
export const tokensIn = (lists: ReadonlyArray<ConditionList>): ReadonlySet<string> =>
  new Set(
    lists.flatMap(({ conditions }) =>
      conditions.flatMap((condition) => (condition._tag === "Token" ? [condition.token] : [])),
    ),
  )

/** The state of a resource: its lock tokens and its entity tag. */
export interface State {
  readonly tokens: ReadonlySet<string>
  /** As in the ETag field; `undefined` if there is no such resource. */
  readonly tag: string | undefined
}

const opaque = (tag: string): string => tag.replace(/^W\//, "")

const holds = (condition: Condition, { tag, tokens }: State): boolean => {
  const isTrue =
    condition._tag === "Token"
      ? tokens.has(condition.token)
      : tag !== undefined && opaque(tag) === opaque(condition.tag)
  return isTrue !== condition.not
}

/** Whether the field holds. */
export const evaluate = async (
  lists: ReadonlyArray<ConditionList>,
  stateOf: (resource: string | undefined) => Promise<State>,
): Promise<boolean> => {
  for (const { conditions, resource } of lists) {
    const state = await stateOf(resource)
    if (conditions.every((condition) => holds(condition, state))) return true
  }
  return false
}
