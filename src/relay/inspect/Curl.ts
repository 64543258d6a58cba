/**
 * A request as a curl command that sends it again, for a POSIX shell.
 */
import { all, type HeaderList } from "../../domain/HeaderList.ts"
import { isConnectionField } from "../../protocol/http/ConnectionFields.ts"

/** A request to send. */
export interface CurlRequest {
  readonly method: string
  /** With path and query. */
  readonly url: string
  readonly headers: HeaderList
  /** The text of its body; "" without one, `undefined` if it is not known. */
  readonly body: string | undefined
}

/** Fields that curl sends by itself, and those that a relay adds. */
const omittedFields =
  /^(?:host|content-length|accept-encoding|via|forwarded|x-forwarded-.*|traceparent|tracestate)$/i

/** Text as one word. */
const quoted = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`

/** The arguments of curl, without the program's name. */
export const args = ({ body, headers, method, url }: CurlRequest): ReadonlyArray<string> => {
  const hasBody = body !== ""
  const verb =
    method === "HEAD" ? ["-I"] : method === (hasBody ? "POST" : "GET") ? [] : ["-X", method]
  const fields = headers
    .filter(([name]) => !isConnectionField(name) && !omittedFields.test(name))
    .flatMap(([name, value]) => ["-H", value === "" ? `${name};` : `${name}: ${value}`])
  const untyped =
    hasBody && all(headers, "content-type").length === 0 ? ["-H", "Content-Type:"] : []
  const bodyFlags = hasBody
    ? body === undefined
      ? ["--data-binary", "@FILE"]
      : ["--data-raw", body]
    : []
  const compressed = all(headers, "accept-encoding").length > 0 ? ["--compressed"] : []
  return ["-g", "--path-as-is", ...compressed, ...verb, url, ...fields, ...untyped, ...bodyFlags]
}

/** The command. */
export const command = (sent: CurlRequest): string => ["curl", ...args(sent).map(quoted)].join(" ")
