/**
 * A request as a command that sends it again, for a POSIX shell.
 */
import { all, type HeaderList } from "../../domain/HeaderList.ts"

/** What is sent. */
export interface Sent {
  readonly method: string
  /** With path and query. */
  readonly url: string
  readonly headers: HeaderList
  /** The text of its body; `undefined` where that is not known, "" where there is none. */
  readonly body: string | undefined
}

/** What curl says by itself, and what a relay adds. */
const left =
  /^(?:host|content-length|transfer-encoding|connection|te|upgrade|accept-encoding|via|forwarded|x-forwarded-.*|traceparent|tracestate|…)$/i

/** Text as one word. */
const quoted = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`

/** The arguments, the program's name not among them. */
export const args = ({ body, headers, method, url }: Sent): ReadonlyArray<string> => {
  const hasBody = body !== ""
  const verb =
    method === "HEAD" ? ["-I"] : method === (hasBody ? "POST" : "GET") ? [] : ["-X", method]
  const fields = headers
    .filter(([name]) => !left.test(name))
    .flatMap(([name, value]) => ["-H", value === "" ? `${name};` : `${name}: ${value}`])
  const untyped =
    hasBody && all(headers, "content-type").length === 0 ? ["-H", "Content-Type:"] : []
  const data = hasBody
    ? body === undefined
      ? ["--data-binary", "@FILE"]
      : ["--data-raw", body]
    : []
  const compressed = all(headers, "accept-encoding").length > 0 ? ["--compressed"] : []
  return ["-g", "--path-as-is", ...compressed, ...verb, url, ...fields, ...untyped, ...data]
}

/** The command. */
export const command = (sent: Sent): string => ["curl", ...args(sent).map(quoted)].join(" ")
