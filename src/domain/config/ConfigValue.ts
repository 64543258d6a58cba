/**
 * The kinds of values that configuration keys take: each with the schema that
 * decodes it, the text with which an error says what was expected, and the form
 * it has in environment variables and flags.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as IpInterface from "effect/net/IpInterface"
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import { TomlDate } from "smol-toml"
import { isName } from "../HeaderList.ts"
import * as ListenAddress from "../ListenAddress.ts"
import { isPasswordHash } from "../PasswordHash.ts"
import * as ServerHost from "../ServerHost.ts"
import { isServerName } from "../ServerName.ts"
import { isTripcode, type Tripcode as TripcodeText } from "../Tripcode.ts"

/** How the text of an environment variable or flag becomes a value: as text, a number, a boolean, or a list separated by commas. */
export type ScalarKind = "text" | "number" | "boolean" | "list"

/** What a key can be set to. */
export interface ConfigValue<A> {
  readonly schema: Schema.Decoder<A>
  /** Completes "expected …" in errors. */
  readonly expected: string
  /** The form in environment variables and flags; a `table` can only be given in a file. */
  readonly kind: ScalarKind | "table"
}

/** A value that is one text or number, or a list of texts. */
export const scalar = <A>(
  kind: ScalarKind,
  schema: Schema.Decoder<A>,
  expected: string,
): ConfigValue<A> => ({ kind, schema, expected })

/** A schema that decodes by a function; `undefined` means that the input is invalid. */
export const parsed = <From extends Schema.Top, A>(
  from: From,
  parse: (input: From["Type"]) => A | undefined,
) =>
  from.pipe(
    Schema.decodeTo(
      Schema.declare<A>((_u): _u is A => true),
      {
        decode: SchemaGetter.transformEffect<A, From["Type"]>((input) => {
          const value = parse(input)
          return value === undefined
            ? Effect.fail(new SchemaIssue.InvalidValue())
            : Effect.succeed(value)
        }),
        encode: SchemaGetter.forbiddenEncoding,
      },
    ),
  )

/** As {@link parsed}, with a function that also says why an input is invalid: the whole detail of the error. */
export const explained = <From extends Schema.Top, A>(
  from: From,
  parse: (input: From["Type"]) => Result.Result<A, string>,
) =>
  from.pipe(
    Schema.decodeTo(
      Schema.declare<A>((_u): _u is A => true),
      {
        decode: SchemaGetter.transformEffect<A, From["Type"]>((input) =>
          Effect.fromResult(
            Result.mapError(parse(input), (message) => new SchemaIssue.InvalidValue({ message })),
          ),
        ),
        encode: SchemaGetter.forbiddenEncoding,
      },
    ),
  )

/** A text that passes a type guard. */
const guarded = <A extends string>(is: (text: string) => text is A) =>
  parsed(Schema.String, (text) => (is(text) ? text : undefined))

const NonEmpty = Schema.String.check(Schema.isMinLength(1))

/** `true` or `false`. */
export const boolean = scalar("boolean", Schema.Boolean, "true or false")

/** A text of at least one character. */
export const text = (expected: string): ConfigValue<string> => scalar("text", NonEmpty, expected)

/** A text that matches a pattern. */
export const matching = (pattern: RegExp, expected: string): ConfigValue<string> =>
  scalar("text", Schema.String.check(Schema.isPattern(pattern)), expected)

/** A mail address, not an address that begins with `mailto:`. */
export const mailAddress = matching(/^(?!mailto:)[^\s@,<>]+@[^\s@,<>]+$/i, "a mail address")

/** One of a few words. */
export const oneOf = <const Word extends string>(words: ReadonlyArray<Word>): ConfigValue<Word> => {
  const quoted = words.map((word) => `"${word}"`)
  const expected = `${quoted.slice(0, -1).join(", ")} or ${quoted.at(-1)}`
  return scalar("text", Schema.Literals(words), expected)
}

/** A list of texts of at least one character each. */
export const texts = (expected: string): ConfigValue<ReadonlyArray<string>> =>
  scalar("list", Schema.Array(NonEmpty), expected)

/** A list of texts that match a pattern. */
export const listOf = (pattern: RegExp, expected: string): ConfigValue<ReadonlyArray<string>> =>
  scalar("list", Schema.Array(Schema.String.check(Schema.isPattern(pattern))), expected)

/** An integer in a range, limits included. */
export const integer = (
  minimum: number,
  maximum: number,
  expected = `a number from ${minimum} to ${maximum}`,
): ConfigValue<number> =>
  scalar("number", Schema.Int.check(Schema.isBetween({ minimum, maximum })), expected)

/** An integer in a range, or `"auto"`. */
export const countOrAuto = (minimum: number, maximum: number): ConfigValue<number | "auto"> =>
  scalar(
    "text",
    parsed(Schema.Union([Schema.Number, Schema.String]), (input): number | "auto" | undefined => {
      if (input === "auto") return input
      const count = typeof input === "string" && !/^\d+$/.test(input) ? Number.NaN : Number(input)
      return Number.isInteger(count) && count >= minimum && count <= maximum ? count : undefined
    }),
    `a number from ${minimum} to ${maximum}, or "auto"`,
  )

/** A number of bytes. */
export const bytes = (minimum: number): ConfigValue<number> =>
  integer(minimum, Number.MAX_SAFE_INTEGER, "a number of bytes")

/** A rate per second. */
export const rate: ConfigValue<number> = scalar(
  "number",
  Schema.Finite.check(Schema.isBetween({ minimum: 0.01, maximum: 1_000_000 })),
  "a number from 0.01 to 1000000",
)

/** A limit as `limit` takes it, or 0, which decodes to `undefined`: no limit. */
export const orUnlimited = ({
  expected,
  kind,
  schema,
}: ConfigValue<number>): ConfigValue<number | undefined> => ({
  kind,
  schema: Schema.Union([
    Schema.Literal(0).pipe(
      Schema.decodeTo(Schema.Undefined, {
        decode: SchemaGetter.transform(() => undefined),
        encode: SchemaGetter.forbiddenEncoding,
      }),
    ),
    schema,
  ]),
  expected: `${expected}, or 0 for no limit`,
})

const units: ReadonlyArray<readonly [pattern: RegExp, millis: number]> = [
  [/^(?:ms|millis|milliseconds?)$/, 1],
  [/^(?:|s|sec|secs|seconds?)$/, 1000],
  [/^(?:m|min|mins|minutes?)$/, 60_000],
  [/^(?:h|hours?)$/, 3_600_000],
]

const maxDurationMillis = 7 * 24 * 3_600_000

const NumberOrText = Schema.Union([Schema.Number, Schema.String])
const expectedDuration = 'seconds as a number, or a text such as "30 s" or "5 min"'

/** @param least in milliseconds */
const parseDuration =
  (least: number) =>
  (input: number | string): Result.Result<Duration.Duration, string> => {
    const [, count, name = ""] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/.exec(String(input).trim()) ?? []
    const unit = units.find(([pattern]) => pattern.test(name))
    const millis = count === undefined || unit === undefined ? undefined : Number(count) * unit[1]
    if (millis === undefined || millis < least) return Result.fail(`expected ${expectedDuration}`)
    return millis <= maxDurationMillis
      ? Result.succeed(Duration.millis(millis))
      : Result.fail(`expected ${expectedDuration}, up to 7 days`)
  }

/** Seconds as a number, or a text with its unit, at most 7 days; zero is allowed. */
export const durationOrZero = scalar(
  "text",
  explained(NumberOrText, parseDuration(0)),
  expectedDuration,
)

/** As {@link durationOrZero}, but more than zero. */
export const duration = scalar(
  "text",
  explained(NumberOrText, parseDuration(Number.MIN_VALUE)),
  expectedDuration,
)

/** An `http:` or `https:` URL without user, query and fragment. */
export const parseHttpUrl = (input: string): URL | undefined => {
  if (!/^https?:\/\//i.test(input) || !URL.canParse(input)) return undefined
  const url = new URL(input)
  return url.username === "" && url.password === "" && url.search === "" && url.hash === ""
    ? url
    : undefined
}

/** An HTTP address with or without a path; slashes at its end are removed. */
export const httpUrl = (example: string): ConfigValue<string> =>
  scalar(
    "text",
    parsed(Schema.String, (input) => parseHttpUrl(input)?.href.replace(/\/+$/, "")),
    `an address such as "${example}"`,
  )

/** As {@link httpUrl}, but plain http only where nobody can listen: on this machine. */
export const httpsUrl = (example: string): ConfigValue<string> =>
  scalar(
    "text",
    parsed(Schema.String, (input) => {
      const url = parseHttpUrl(input)
      return url !== undefined && ListenAddress.isConfidential(url.href)
        ? url.href.replace(/\/+$/, "")
        : undefined
    }),
    `an https address such as "${example}"`,
  )

/** An HTTP origin: scheme, host and port. */
export const origin = (example: string): ConfigValue<string> =>
  scalar(
    "text",
    parsed(Schema.String, (input) => {
      const url = parseHttpUrl(input)
      return url?.href.replace(/\/$/, "") === url?.origin ? url?.origin : undefined
    }),
    `an address without a path, such as "${example}"`,
  )

/** An address to listen on. */
export const listenAddress = scalar(
  "text",
  parsed(Schema.String, ListenAddress.parse),
  ListenAddress.expected,
)

/** An address to listen on, or `false`; environment variables and flags also take `off` and `no`. */
export const listenAddressOrFalse = scalar(
  "text",
  parsed(Schema.Union([Schema.Boolean, Schema.String]), (input) =>
    input === false || (typeof input === "string" && /^(?:false|off|no)$/i.test(input))
      ? false
      : input === true
        ? undefined
        : ListenAddress.parse(input),
  ),
  `false, or ${ListenAddress.expected}`,
)

const expectedHosts = 'a list of hosts, such as ["files.example.org"]'

/** Host names; decodes to those of the DNS. */
export const hosts = scalar(
  "list",
  Schema.Array(
    explained(Schema.String, (text) => {
      const host = ServerHost.parseHost(text)
      return host === undefined
        ? Result.fail(
            `expected ${expectedHosts}, but ${JSON.stringify(text)} is no name of a host: leave out scheme, port and path; addresses and \`*\` are none`,
          )
        : Result.succeed(host)
    }),
  ),
  expectedHosts,
)

/** A host, perhaps with a port, as the Host field has it; names beyond ASCII decode to those of the DNS. */
export const hostField = scalar(
  "text",
  parsed(Schema.String, (text) => {
    if (ServerHost.hostOf(text) !== undefined) return text
    const port = ServerHost.portOf(text)
    const host = ServerHost.parseHost(text.slice(0, text.length - port.length))
    return host === undefined ? undefined : host + port
  }),
  'a host such as "app.example.com"',
)

/** RFC 6797 6.1, in the order in which it is usually written. */
const hstsField = /^max-age=\d{1,10}(?:; ?includeSubDomains)?(?:; ?preload)?$/i

/** The field `Strict-Transport-Security`, or `false`; `true` is one year. */
export const hsts = scalar(
  "text",
  parsed(Schema.Union([Schema.Boolean, Schema.String]), (input): string | false | undefined => {
    if (input === false || /^(?:false|off|no)$/i.test(`${input}`)) return false
    if (input === true || /^(?:true|on|yes)$/i.test(input)) return "max-age=31536000"
    return hstsField.test(input) ? input : undefined
  }),
  'true, false, or a text such as "max-age=31536000; includeSubDomains"',
)

/** `HOST:PORT`. */
const parsePeer = (input: string): ListenAddress.ListenAddress | undefined => {
  const address = ListenAddress.parse(input)
  return address?.fd === undefined ? address : undefined
}

const expectedPeer = '"HOST:PORT", such as "10.0.0.2:4002" or "[fd00::2]:4002"'

/** The address of a relay for other relays. */
export const peerAddress = scalar("text", parsed(Schema.String, parsePeer), expectedPeer)

const expectedReachable = '"HOST:PORT" of one machine, such as "10.0.0.2:4002" or "[fd00::2]:4002"'

/** An address to which others connect: of one host, and with a port. */
const parseReachable = (input: string): ListenAddress.ListenAddress | undefined => {
  const address = parsePeer(input)
  return address === undefined || address.port === 0 || ListenAddress.isEverywhere(address.host)
    ? undefined
    : address
}

/** The address at which other relays reach one. */
export const reachableAddress = scalar(
  "text",
  parsed(Schema.String, parseReachable),
  expectedReachable,
)

/** Addresses of relays for other relays. */
export const peerAddresses = scalar(
  "list",
  Schema.Array(parsed(Schema.String, parseReachable)),
  `a list of addresses ${expectedReachable}`,
)

/** Whether user and password of a URL can be decoded. */
const hasCredentials = ({ password, username }: URL): boolean => {
  try {
    decodeURIComponent(username + password)
    return true
  } catch {
    return false
  }
}

const parseRedis = (input: string): string | undefined => {
  if (!/^rediss?:\/\/\S+$/.test(input) || !URL.canParse(input)) return undefined
  const url = new URL(input)
  const isWhole = url.hostname !== "" && url.port !== "0" && url.search === "" && url.hash === ""
  return isWhole && /^(?:\/\d{0,6})?$/.test(url.pathname) && hasCredentials(url) ? input : undefined
}

const parseDnsEngine = (input: string): string | undefined => {
  const address = parseReachable(input.slice("dns:".length))
  return address === undefined || address.host.includes(":") ? undefined : input
}

/** The engine of a cluster: `redis://…`, `rediss://…` or `dns:NAME:PORT`. */
export const engine = scalar(
  "text",
  parsed(Schema.String, (input) =>
    input.startsWith("dns:") ? parseDnsEngine(input) : parseRedis(input),
  ),
  'an address such as "redis://ptth:PASSWORD@10.0.0.5:6379", "rediss://10.0.0.5:6380/1" (TLS, database 1) or "dns:relays.internal:4002"; in a password write @ : / # % as %40, %3A and so on',
)

const Network = parsed(Schema.String, (input) => {
  const parsedInterface = input.includes("/")
    ? IpInterface.fromString(input)
    : Result.flatMap(NetAddress.ipFromString(input), (address) =>
        IpInterface.make(address, NetAddress.width(address)),
      )
  return Result.getOrUndefined(Result.map(parsedInterface, IpNetwork.fromInterface))
})

/** A list of networks or single IP addresses. */
export const networks = scalar(
  "list",
  Schema.Array(Network),
  'a list of networks, such as ["10.0.0.0/8", "::1/128"]',
)

/** The name of a user, which Basic credentials can hold (RFC 7617 2). */
export const userName = matching(/^[^\x00-\x1f\x7f:]+$/, "a name without a colon")

/** The name of a server. */
export const serverName = scalar(
  "text",
  guarded(isServerName),
  "1 to 63 of the characters A-Z a-z 0-9 - _",
)

/** The name of a header field; decodes to lower case. */
export const fieldName = (
  example: string,
  isAllowed: (name: string) => boolean = () => true,
): ConfigValue<string> =>
  scalar(
    "text",
    parsed(Schema.String, (input) => {
      const name = input.toLowerCase()
      return isName(name) && isAllowed(name) ? name : undefined
    }),
    `the name of a header field, such as "${example}"`,
  )

const Tripcode = guarded(isTripcode)
const expectedTripcode = "the 44 characters that `ptth hash-api-key` prints"

/** The tripcode of a key. */
export const tripcode = scalar("text", Tripcode, expectedTripcode)

/** The tripcodes of one or several keys. */
export const tripcodes = scalar(
  "list",
  parsed(
    Schema.Union([Schema.String, Schema.Array(Schema.String)]),
    (input): readonly [TripcodeText, ...ReadonlyArray<TripcodeText>] | undefined => {
      const list = typeof input === "string" ? [input] : input
      const [first, ...rest] = list.filter(isTripcode)
      return first === undefined || rest.length + 1 < list.length ? undefined : [first, ...rest]
    },
  ),
  `${expectedTripcode}, or a list of them`,
)

/** A list of tripcodes of tokens. */
export const tokenTripcodes = scalar(
  "list",
  Schema.Array(Tripcode),
  "a list of tripcodes of tokens, as `ptth hash-api-key` prints them",
)

/** The hash of a password. */
export const passwordHash = scalar(
  "text",
  guarded(isPasswordHash),
  "what `ptth hash-password` prints",
)

// RFC 3339 5.6.
const timePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i

/** A time with its zone, as TOML or as text; decodes to milliseconds since 1970. */
export const time = scalar(
  "text",
  parsed(Schema.Unknown, (input) => {
    if (input instanceof TomlDate) {
      return input.isDateTime() && !input.isLocal() ? input.getTime() : undefined
    }
    if (typeof input !== "string" || !timePattern.test(input)) return undefined
    const millis = Date.parse(input)
    return Number.isNaN(millis) ? undefined : millis
  }),
  'a time with its zone, such as "2026-01-31T12:00:00Z"',
)
