/**
 * A visitor with cookies who follows redirects, as far as signing in needs it.
 * Every host is taken to be on this machine.
 */
import { once } from "node:events"
import * as http from "node:http"
import * as Effect from "effect/Effect"

/** A response, and the address that it came from. */
export interface Page {
  readonly url: string
  readonly status: number
  readonly text: string
  readonly location: string | undefined
  readonly headers: http.IncomingHttpHeaders
}

/** What is sent beside cookies. */
export interface PageOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
}

const maxRedirects = 20

/** See the file's header. */
export class CookieJar {
  /** By host and name. */
  private readonly cookies = new Map<string, Map<string, string>>()

  /** The cookies of a host. */
  at(host: string): Map<string, string> {
    let jar = this.cookies.get(host)
    if (jar === undefined) {
      jar = new Map()
      this.cookies.set(host, jar)
    }
    return jar
  }

  /** The field `Cookie` of a request to a host; empty without cookies. */
  fieldOf(host: string): string {
    return [...this.at(host)].map((pair) => pair.join("=")).join("; ")
  }

  /** One request, as a browser that opens an address sends it. */
  ask(address: string, options: PageOptions = {}): Effect.Effect<Page> {
    return Effect.promise(() => this.send(address, options))
  }

  /** Opens an address, and follows redirects; stops before one that `isWanted` does not want. */
  open(
    address: string,
    options: PageOptions = {},
    isWanted: (url: string) => boolean = () => true,
  ): Effect.Effect<Page> {
    return Effect.promise(async () => {
      let page = await this.send(address, options)
      for (let i = 0; page.location !== undefined && i < maxRedirects; i++) {
        const next = new URL(page.location, page.url).href
        if (!isWanted(next)) break
        page = await this.send(next, {})
      }
      return page
    })
  }

  private async send(address: string, { headers, method = "GET" }: PageOptions): Promise<Page> {
    const { host, hostname, pathname, port, search } = new URL(address)
    const jar = this.at(hostname)
    const cookies = this.fieldOf(hostname)
    const request = http.request({
      host: "127.0.0.1",
      port,
      path: pathname + search,
      method,
      agent: false,
      headers: {
        Host: host,
        Accept: "text/html",
        ...(cookies === "" ? {} : { Cookie: cookies }),
        ...headers,
      },
    })
    request.end()
    const [response] = (await once(request, "response")) as [http.IncomingMessage]
    const chunks: Array<Buffer> = []
    for await (const chunk of response) chunks.push(chunk as Buffer)
    for (const line of response.headers["set-cookie"] ?? []) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (/max-age=0(?:;|$)|expires=thu, 01 jan 1970/i.test(line)) jar.delete(name)
      else jar.set(name, value)
    }
    return {
      url: address,
      status: response.statusCode ?? 0,
      text: Buffer.concat(chunks).toString("utf8"),
      location: response.headers.location,
      headers: response.headers,
    }
  }
}
