/**
 * Connections between relays: only with the cluster's key, or on the same machine.
 */
import { statSync, writeFileSync } from "node:fs"
import * as net from "node:net"
import * as path from "node:path"
import type { Duplex } from "node:stream"
import * as tls from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as ClusterKey from "../../../src/cluster/ClusterKey.ts"
import { type PeerNetwork, PeerNetworkError } from "../../../src/cluster/peers/PeerNetwork.ts"
import * as PeerSockets from "../../../src/cluster/peers/PeerSockets.ts"
import * as X509 from "../../../src/transport/acme/X509.ts"
import * as ReadBuffer from "../../../src/transport/net/ReadBuffer.ts"
import { listening } from "../../support/LocalServer.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const oldKey = "the-old-key-of-the-cluster-long-enough"
const newKey = "the-new-key-of-the-cluster-long-enough"

const keys = (...lines: ReadonlyArray<string>) => {
  const parsed = Result.getOrThrow(ClusterKey.parse(lines.join("\n")))
  return () => parsed
}

/** What comes of connecting: what the other end sent, or why there is no connection. */
const greet = (network: PeerNetwork, at: string): Effect.Effect<string> =>
  Effect.callback((resume) => {
    network.connect(at, (socket) => {
      if (socket instanceof PeerNetworkError) return resume(Effect.succeed(socket.detail))
      ReadBuffer.receive(socket, (chunk) => resume(Effect.succeed(chunk.toString())))
    })
  })

const firstBytes = (socket: net.Socket): Effect.Effect<string> =>
  Effect.callback((resume) => {
    socket.once("data", (chunk) => resume(Effect.succeed(String(chunk))))
  })

const welcome = ({ socket }: { readonly socket: Duplex }): void => {
  socket.end("welcome")
}

const closed = (socket: net.Socket): Effect.Effect<void> =>
  Effect.callback((resume) => {
    socket.once("close", () => resume(Effect.void))
  })

const anyPort = "tcp:127.0.0.1:0"

describe("between machines", () => {
  it.live("those with the same key are connected", () =>
    Effect.gen(function* () {
      const network = PeerSockets.make(keys(newKey))
      const at = yield* network.listen(anyPort, welcome)
      assert.strictEqual(yield* greet(network, at), "welcome")
    }).pipe(Effect.scoped),
  )

  it.live("both of two keys are accepted while the key is being changed", () =>
    Effect.gen(function* () {
      const changed = PeerSockets.make(keys(newKey, oldKey))
      const at = yield* changed.listen(anyPort, welcome)
      assert.strictEqual(yield* greet(PeerSockets.make(keys(oldKey)), at), "welcome")
      assert.strictEqual(yield* greet(PeerSockets.make(keys(newKey)), at), "welcome")
      assert.strictEqual(yield* greet(PeerSockets.make(keys(oldKey, newKey)), at), "welcome")
    }).pipe(Effect.scoped),
  )

  it.live("a key is changed in three steps, without a moment without connections", () =>
    Effect.gen(function* () {
      const steps = [keys(oldKey), keys(oldKey, newKey), keys(newKey, oldKey), keys(newKey)]
      let [one, other] = [keys(oldKey), keys(oldKey)]
      const network = PeerSockets.make(() => one())
      const from = PeerSockets.make(() => other())
      const at = yield* network.listen(anyPort, welcome)
      const fromAt = yield* from.listen(anyPort, welcome)
      for (const step of steps) {
        one = step
        assert.strictEqual(yield* greet(from, at), "welcome")
        assert.strictEqual(yield* greet(network, fromAt), "welcome")
        other = step
        assert.strictEqual(yield* greet(from, at), "welcome")
        assert.strictEqual(yield* greet(network, fromAt), "welcome")
      }
      assert.notStrictEqual(yield* greet(PeerSockets.make(keys(oldKey)), at), "welcome")
    }).pipe(Effect.scoped),
  )

  it.live("a wrong key, and one that was removed, are refused in the handshake", () =>
    Effect.gen(function* () {
      let accepted = 0
      const at = yield* PeerSockets.make(keys(newKey)).listen(anyPort, () => {
        accepted += 1
      })
      const answer = yield* greet(PeerSockets.make(keys(oldKey)), at)
      assert.strictEqual(answer, "it does not accept the key of this machine's `key_file`")
      assert.strictEqual(accepted, 0)
    }).pipe(Effect.scoped),
  )

  it.live("a connection with a key that was removed cannot be resumed", () =>
    Effect.gen(function* () {
      let current = keys(newKey, oldKey)
      const at = yield* PeerSockets.make(() => current()).listen(anyPort, ({ socket }) => {
        socket.end("welcome")
      })
      const { identity, secret } = PeerSockets.peerKeyOf(keys(oldKey)()[0])
      const options = {
        host: "127.0.0.1",
        port: Number(at.slice(at.lastIndexOf(":") + 1)),
        ciphers: "TLS_AES_128_GCM_SHA256",
        checkServerIdentity: () => undefined,
      }
      let session: Buffer | undefined
      const first = tls.connect({ ...options, pskCallback: () => ({ psk: secret, identity }) })
      first.on("session", (one) => {
        session = one
      })
      first.resume()
      yield* closed(first)
      current = keys(newKey)
      const again = tls.connect({ ...options, ...(session === undefined ? {} : { session }) })
      let received = ""
      again
        .on("error", () => {})
        .on("data", (chunk) => {
          received += String(chunk)
        })
      yield* closed(again)
      assert.strictEqual(received, "")
    }).pipe(Effect.scoped),
  )

  it.live("who knows the name of the key but not the key is refused", () =>
    Effect.gen(function* () {
      let accepted = 0
      const at = yield* PeerSockets.make(keys(newKey)).listen(anyPort, () => {
        accepted += 1
      })
      const { identity } = PeerSockets.peerKeyOf(keys(newKey)()[0])
      const port = Number(at.slice(at.lastIndexOf(":") + 1))
      const socket = tls.connect({
        host: "127.0.0.1",
        port,
        minVersion: "TLSv1.3",
        ciphers: "TLS_AES_128_GCM_SHA256",
        pskCallback: () => ({ psk: Buffer.alloc(32, 1), identity }),
        checkServerIdentity: () => undefined,
      })
      socket.on("error", () => {})
      yield* closed(socket)
      assert.strictEqual(accepted, 0)
    }).pipe(Effect.scoped),
  )

  it.live("who has a trusted certificate instead of the key is not connected to", () =>
    Effect.gen(function* () {
      const { chain, key } = X509.selfSigned({
        names: ["localhost", "127.0.0.1"],
        title: "test",
        from: Date.now() - 60_000,
        until: Date.now() + 3_600_000,
      })
      const trusted = tls.getCACertificates()
      yield* Effect.acquireRelease(
        Effect.sync(() => tls.setDefaultCACertificates([chain])),
        () => Effect.sync(() => tls.setDefaultCACertificates(trusted)),
      )
      let accepted = 0
      const server = tls.createServer({ cert: chain, key: Redacted.value(key) }, (socket) => {
        accepted += 1
        socket.on("error", () => {}).end("welcome")
      })
      const port = yield* listening(server)
      const visitor = tls.connect({ host: "127.0.0.1", port, servername: "localhost" })
      assert.strictEqual(yield* firstBytes(visitor), "welcome")
      const answer = yield* greet(PeerSockets.make(keys(newKey)), `tcp:127.0.0.1:${port}`)
      assert.match(answer, /^it is not the address of a relay for peers \(\S*CERT\S*\)$/)
      assert.strictEqual(accepted, 1)
    }).pipe(Effect.scoped),
  )

  it.live("who speaks no TLS, or TLS without a key, gets nothing", () =>
    Effect.gen(function* () {
      let accepted = 0
      const at = yield* PeerSockets.make(keys(newKey)).listen(anyPort, () => {
        accepted += 1
      })
      const port = Number(at.slice(at.lastIndexOf(":") + 1))
      const plain = net.connect({ host: "127.0.0.1", port })
      plain.on("error", () => {})
      plain.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
      yield* closed(plain)
      const visitor = tls.connect({ host: "127.0.0.1", port, rejectUnauthorized: false })
      visitor.on("error", () => {})
      yield* closed(visitor)
      assert.strictEqual(accepted, 0)
    }).pipe(Effect.scoped),
  )

  it.live("without a key nobody listens and nobody connects", () =>
    Effect.gen(function* () {
      const network = PeerSockets.make()
      const error = yield* Effect.flip(network.listen(anyPort, welcome))
      assert.strictEqual(error.message, "tcp:127.0.0.1:0: there is no `key_file`")
      assert.strictEqual(yield* greet(network, "tcp:127.0.0.1:1"), "there is no `key_file`")
    }).pipe(Effect.scoped),
  )
})

describe("on one machine", () => {
  it.live("a unix socket is enough, which only this user may open; an old one is replaced", () =>
    Effect.gen(function* () {
      const file = path.join(temporaryFolder(), "m1.0.sock")
      writeFileSync(file, "")
      const network = PeerSockets.make()
      const at = yield* network.listen(`unix:${file}`, welcome)
      assert.strictEqual(statSync(file).mode & 0o777, 0o600)
      assert.strictEqual(yield* greet(network, at), "welcome")
      assert.strictEqual(yield* greet(network, `unix:${file}.not`), "ENOENT")
    }).pipe(Effect.scoped),
  )
})

it("what a relay shows of its key does not tell the key", () => {
  const key = PeerSockets.peerKeyOf(keys(newKey)()[0])
  assert.match(key.identity, /^[0-9a-f]{16}$/)
  assert.strictEqual(key.secret.length, 32)
  assert.notInclude(key.secret.toString("latin1"), newKey)
})
