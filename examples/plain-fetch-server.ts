/**
 * A whole server in plain `fetch` and MessagePack, by the published protocol
 * (docs/protocol.md, classic 1) and nothing of this package.
 *
 *     RELAY_URL=http://127.0.0.1:4000 API_KEY=... node examples/plain-fetch-server.ts
 */
import { decode } from "@msgpack/msgpack"

const { API_KEY = "", RELAY_URL = "", SERVER_NAME = "plain" } = process.env
const relay = `${RELAY_URL}/7ZSFUKGV`
const key = { "X-ApiKey": API_KEY }

/** base64 of the MessagePack `[{ status's number: nil }, { "content-type": bytes }]`; 0 is 200. */
const type = [..."text/plain"].map((letter) => letter.charCodeAt(0))
const name = [..."content-type"].map((letter) => letter.charCodeAt(0))
const head = [0x92, 0x81, 0, 0xc0, 0x81, 0xa0 | name.length, ...name, 0x90 | type.length, ...type]
const magic = { "X-PTTH-2LJYXWC4": Buffer.from(head).toString("base64") }

for (;;) {
  const listened = await fetch(`${relay}/http_listen/${SERVER_NAME}`, { headers: key })
  if (listened.status === 204) continue
  if (listened.status !== 200) throw new Error(`${listened.status} ${await listened.text()}`)
  const requests = decode(await listened.arrayBuffer()) as Array<[string, [unknown, string]]>
  for (const [id, [, uri]] of requests) {
    const body = `you asked for ${uri}\n`
    const answer = { method: "POST", headers: { ...key, ...magic }, body }
    void fetch(`${relay}/http_response/${id}`, answer)
  }
}
