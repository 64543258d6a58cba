/**
 * A classic server of bare sockets, which says what it is told to.
 */
import { assert } from "@effect/vitest"
import { encode } from "@msgpack/msgpack"
import type { HeaderList } from "../../src/domain/HeaderList.ts"
import { keyOf } from "./Harness.ts"
import { type Address, RawHttp, type RawResponse } from "./RawHttp.ts"

/** The start of an answer of classic 2 with these bytes as its head, valid or not. */
export const framed = (packed: Uint8Array): Buffer => {
  const size = Buffer.alloc(4)
  size.writeUInt32BE(packed.length)
  return Buffer.concat([size, packed])
}

/** An answer of classic 2, written by an encoder that is not ours. */
export const answerOf = (status: number, fields: HeaderList, body = ""): Buffer => {
  const packed = encode([
    status,
    fields.map(([name, value]) => [name, Buffer.from(value, "latin1")]),
  ])
  return Buffer.concat([framed(packed), Buffer.from(body)])
}

/** See the file's header. */
export class ClassicPeer {
  readonly fields: HeaderList
  private readonly relay: Address
  private readonly name: string

  constructor(
    relay: Address,
    name: string,
    {
      dialect = 2,
      instance = "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    }: { readonly dialect?: 1 | 2; readonly instance?: string } = {},
  ) {
    this.relay = relay
    this.name = name
    this.fields = [
      ["Host", "relay.test"],
      ["X-ApiKey", keyOf(name)],
      ...(dialect === 1
        ? []
        : ([
            ["X-PTTH-Version", "2"],
            ["X-PTTH-Instance", instance],
          ] as const)),
    ]
  }

  /** The bytes of one listen. */
  listenBytes(): Buffer {
    const lines = this.fields.map(([name, value]) => `${name}: ${value}\r\n`).join("")
    return Buffer.from(`GET /7ZSFUKGV/http_listen/${this.name} HTTP/1.1\r\n${lines}\r\n`, "latin1")
  }

  /** Listens until it is handed a request; gives the id of the first one. */
  async listen(): Promise<string> {
    const connection = await RawHttp.connect(this.relay)
    for (;;) {
      await connection.write(this.listenBytes())
      const answer = await connection.readResponse()
      if (answer.status === 204) continue
      assert.strictEqual(answer.status, 200)
      const id = /[0-9A-HJKMNP-TV-Z]{26}/.exec(answer.body.toString("latin1"))?.[0]
      if (id === undefined) continue
      connection.socket.destroy()
      return id
    }
  }

  /** Answers a request with these bytes. */
  async respond(id: string, bytes: Uint8Array, more: HeaderList = []): Promise<RawHttp> {
    const connection = await RawHttp.connect(this.relay)
    await connection.send(
      `POST /7ZSFUKGV/http_response/${id} HTTP/1.1`,
      [...this.fields, ["Content-Length", `${bytes.length}`], ...more],
      bytes,
    )
    return connection
  }

  /** Fetches the body of a request. */
  async fetch(id: string): Promise<RawResponse> {
    const connection = await RawHttp.connect(this.relay)
    await connection.send(`GET /7ZSFUKGV/http_request/${id} HTTP/1.1`, this.fields)
    return connection.readResponse()
  }
}
