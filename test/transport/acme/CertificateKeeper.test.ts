/**
 * Certificates are obtained, kept and renewed; what fails takes none away.
 */
import { createHash, X509Certificate } from "node:crypto"
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { TestClock } from "effect/testing"
import { AcmeClient, type AcmeOptions } from "../../../src/transport/acme/AcmeClient.ts"
import { retryAfterOf } from "../../../src/transport/acme/AcmeError.ts"
import * as AcmeStore from "../../../src/transport/acme/AcmeStore.ts"
import {
  CertificateKeeper,
  type CertificatePlan,
  type KeeperOptions,
} from "../../../src/transport/acme/CertificateKeeper.ts"
import * as Challenger from "../../../src/transport/acme/Challenger.ts"
import { ChallengeTable } from "../../../src/transport/acme/ChallengeTable.ts"
import type { TxtRecord } from "../../../src/transport/acme/DnsHook.ts"
import * as X509 from "../../../src/transport/acme/X509.ts"
import * as Certificate from "../../../src/transport/net/Certificate.ts"
import * as FakeAuthority from "../../support/FakeAuthority.ts"
import * as Harness from "../../support/Harness.ts"
import * as PutClock from "../../support/PutClock.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const day = 24 * 3_600_000
const start = Date.UTC(2026, 0, 1)

/** Moves the clock to the moment of the next attempt, and not further: what runs then has time limits of its own. */
const toNextAttempt = (keeper: CertificateKeeper) =>
  Effect.suspend(() => {
    const [status] = keeper.statuses()
    return TestClock.setTime(status?.failure?.retryAt ?? status?.renewAt ?? 0)
  })

/** Lets what is under way come to its next pause. */
const quiet = Harness.turns(300)

const planOf = (host: string): CertificatePlan => ({ id: host, names: [host] })
const plan = planOf("relay.example")

/** An authority whose clock is the test's, and a folder. */
const world = Effect.gen(function* () {
  yield* TestClock.setTime(start)
  const clock = yield* Clock.Clock
  const authority = yield* FakeAuthority.start
  authority.now = () => clock.currentTimeMillisUnsafe()
  const folder = temporaryFolder()
  const table = new ChallengeTable()
  authority.check = async ({ host, keyAuthorization, kind, token }) => {
    const isAnswered =
      kind === "http-01"
        ? table.token(token) === keyAuthorization
        : table.certificate(host) !== undefined
    return isAnswered ? undefined : `${host} does not answer`
  }
  return { authority, folder, table }
})

type World = Effect.Success<typeof world>

/** A keeper of that world that runs. */
const keeperIn = Effect.fnUntraced(function* (
  { authority, folder, table }: World,
  {
    alone = Effect.asSome,
    dns,
    ...options
  }: Partial<AcmeOptions> & {
    readonly dns?: Challenger.DnsRecords
    readonly alone?: KeeperOptions["alone"]
  } = {},
) {
  const attempts: Array<string> = []
  const client = new AcmeClient({
    directory: `${authority.base}/directory`,
    ca: undefined,
    contact: "me@example.com",
    external: undefined,
    ...options,
  })
  yield* Effect.addFinalizer(() => Effect.sync(() => client.close()))
  const keeper = new CertificateKeeper({
    client,
    store: AcmeStore.inFolder(folder),
    challenger: Challenger.make({
      table,
      hasPlainPort: true,
      dns,
      isInZone: () => dns !== undefined,
      spread: () => Effect.void,
    }),
    alone,
    onCertificate: () => {},
    onAttempt: (_plan, failure) => attempts.push(failure?.code ?? "ok"),
  })
  yield* Effect.forkScoped(keeper.run)
  const attempted = (count: number) =>
    Harness.until(`${count} attempts are over`, () => attempts.length >= count)
  return { keeper, attempts, attempted }
})

describe("certificates by ACME", () => {
  it.effect("are obtained once, and kept so that only their owner can read them", () =>
    Effect.gen(function* () {
      const here = yield* world
      const { attempted, keeper } = yield* keeperIn(here)
      yield* keeper.want(plan)
      yield* attempted(1)
      const certificate = keeper.get(plan.id)
      assert.isDefined(certificate)
      assert.isUndefined(Certificate.faultOf(certificate))
      assert.isTrue(Certificate.isFor(certificate, "relay.example"))
      assert.isFalse(Certificate.isFor(certificate, "other.example"))
      assert.deepStrictEqual(here.authority.contact, ["mailto:me@example.com"])
      for (const name of readdirSync(here.folder))
        assert.strictEqual(statSync(join(here.folder, name)).mode & 0o777, 0o600, name)
      const again = yield* keeperIn(here)
      yield* again.keeper.want(plan)
      assert.strictEqual(again.keeper.get(plan.id)?.chain, certificate.chain)
      assert.strictEqual(here.authority.orders.length, 1)
      yield* again.keeper.want(planOf("shop.example"))
      yield* again.attempted(1)
      assert.strictEqual(here.authority.accounts, 1)
    }).pipe(Effect.scoped),
  )

  it.effect("are obtained although most nonces are refused", () =>
    Effect.gen(function* () {
      const here = yield* world
      const { attempted, attempts, keeper } = yield* keeperIn(here)
      here.authority.badNonces = 8
      yield* keeper.want(plan)
      yield* attempted(1)
      assert.deepStrictEqual(attempts, ["ok"])
    }).pipe(Effect.scoped),
  )

  it.effect("are waited for as long as the authority says, in seconds or until a date", () =>
    Effect.gen(function* () {
      const here = yield* world
      const { attempts, keeper } = yield* keeperIn(here)
      here.authority.processing = { times: 1, retryAfter: "7" }
      here.authority.refusals.push({
        path: "/new-order",
        status: 503,
        type: "serverInternal",
        retryAfter: new Date(start + 20_000).toUTCString(),
      })
      yield* keeper.want(plan)
      yield* Harness.until("it was put off", () => here.authority.refusals.length === 0)
      yield* quiet
      yield* TestClock.adjust("19 seconds")
      yield* quiet
      assert.strictEqual(here.authority.orders.length, 0)
      yield* TestClock.adjust("1 second")
      yield* Harness.until("it is ordered", () => here.authority.orders.length === 1)
      yield* Harness.advanceUntil("there is one", () => attempts.length === 1, "1 second")
      assert.deepStrictEqual(attempts, ["ok"])
    }).pipe(Effect.scoped),
  )

  it.effect("that fail are tried again after longer and longer pauses, over restarts too", () =>
    Effect.gen(function* () {
      const here = yield* world
      here.authority.check = async () => "connection refused"
      const first = yield* keeperIn(here).pipe(
        Effect.tap(({ attempted, keeper }) => Effect.andThen(keeper.want(plan), attempted(1))),
        Effect.scoped,
      )
      const [status] = first.keeper.statuses()
      assert.strictEqual(status?.failure?.code, "PTTH_ACME_CHALLENGE")
      assert.include(status?.failure?.detail, "connection refused")
      const next = yield* keeperIn(here)
      yield* next.keeper.want(plan)
      yield* quiet
      assert.strictEqual(here.authority.orders.length, 1)
      yield* TestClock.adjust("59 seconds")
      yield* quiet
      assert.strictEqual(here.authority.orders.length, 1)
      yield* toNextAttempt(next.keeper)
      yield* next.attempted(1)
      assert.strictEqual(next.keeper.statuses()[0]?.failure?.attempts, 2)
      yield* TestClock.adjust("4 minutes")
      yield* quiet
      assert.strictEqual(here.authority.orders.length, 2)
      here.authority.check = async () => undefined
      yield* toNextAttempt(next.keeper)
      yield* next.attempted(2)
      assert.deepStrictEqual(next.attempts, ["PTTH_ACME_CHALLENGE", "ok"])
      assert.isUndefined(next.keeper.statuses()[0]?.failure)
    }).pipe(Effect.scoped),
  )

  it.effect("are tried again 15 minutes after a failure if the operator asks or starts anew", () =>
    Effect.gen(function* () {
      const here = yield* world
      here.authority.check = async () => "connection refused"
      const { attempted, keeper } = yield* keeperIn(here)
      yield* keeper.want(plan)
      yield* attempted(1)
      for (const count of [2, 3, 4]) {
        yield* toNextAttempt(keeper)
        yield* attempted(count)
      }
      const failureOf = (one: CertificateKeeper) => one.statuses()[0]?.failure
      const before = failureOf(keeper)
      assert.isAtLeast(before?.retryAt ?? 0, (before?.at ?? 0) + 2 * 3_600_000)
      const soon = (before?.at ?? 0) + 15 * 60_000
      const other = yield* keeperIn(here, { alone: () => Effect.succeedNone })
      yield* other.keeper.want(plan)
      assert.strictEqual(failureOf(other.keeper)?.retryAt, soon)
      assert.strictEqual(failureOf(keeper)?.retryAt, before?.retryAt)
      yield* keeper.tryAgain
      assert.strictEqual(failureOf(keeper)?.retryAt, soon)
      yield* TestClock.setTime(soon - 1)
      yield* quiet
      assert.strictEqual(here.authority.orders.length, 4)
      here.authority.check = async () => undefined
      yield* TestClock.setTime(soon)
      yield* attempted(5)
      assert.isUndefined(failureOf(keeper))
    }).pipe(Effect.scoped),
  )

  it.effect("are ordered again only when the authority's limit is over, other hosts too", () =>
    Effect.gen(function* () {
      const here = yield* world
      const { attempted, attempts, keeper } = yield* keeperIn(here)
      here.authority.refusals.push({
        path: "/new-order",
        status: 429,
        type: "rateLimited",
        retryAfter: "7200",
      })
      yield* keeper.want(plan)
      yield* attempted(1)
      assert.deepStrictEqual(attempts, ["PTTH_ACME_LIMIT"])
      yield* keeper.want(planOf("shop.example"))
      yield* quiet
      assert.strictEqual(here.authority.orders.length, 0)
      yield* TestClock.adjust("5 minutes")
      yield* attempted(2)
      assert.deepStrictEqual(
        here.authority.orders.map(({ names }) => names[0]),
        ["shop.example"],
      )
      yield* TestClock.adjust("100 minutes")
      yield* keeper.tryAgain
      yield* quiet
      assert.strictEqual(here.authority.orders.length, 1)
      yield* toNextAttempt(keeper)
      yield* attempted(3)
      assert.strictEqual(here.authority.orders.length, 2)
    }).pipe(Effect.scoped),
  )

  it.effect("are renewed after two thirds of their time; the old one stays while that fails", () =>
    Effect.gen(function* () {
      const here = yield* world
      const { attempted, attempts, keeper } = yield* keeperIn(here)
      yield* keeper.want(plan)
      yield* attempted(1)
      const first = keeper.get(plan.id)
      here.authority.check = async () => "no route to host"
      yield* TestClock.adjust("59 days")
      yield* quiet
      assert.strictEqual(attempts.length, 1)
      yield* toNextAttempt(keeper)
      yield* attempted(2)
      assert.strictEqual(keeper.get(plan.id)?.chain, first?.chain)
      assert.strictEqual(keeper.statuses()[0]?.failure?.code, "PTTH_ACME_CHALLENGE")
      here.authority.check = async () => undefined
      yield* toNextAttempt(keeper)
      yield* attempted(3)
      assert.notStrictEqual(keeper.get(plan.id)?.chain, first?.chain)
    }).pipe(Effect.scoped),
  )

  it.effect("are renewed when the authority suggests, and say which one they replace", () =>
    Effect.gen(function* () {
      const here = yield* world
      here.authority.window = { from: start + 60 * day, until: start + 61 * day }
      const { attempted, keeper } = yield* keeperIn(here)
      yield* keeper.want(plan)
      yield* attempted(1)
      const chain = keeper.get(plan.id)?.chain ?? ""
      yield* Harness.until("it has asked", () => {
        const [status] = keeper.statuses()
        return (
          (status?.renewAt ?? 0) >= start + 60 * day && (status?.renewAt ?? 0) < start + 61 * day
        )
      })
      // An incident: the authority is about to revoke.
      here.authority.window = { from: start, until: start + 1000 }
      yield* TestClock.adjust("1 hour")
      yield* attempted(2)
      assert.strictEqual(here.authority.orders[1]?.replaces, X509.renewalId(chain))
      assert.notStrictEqual(keeper.get(plan.id)?.chain, chain)
    }).pipe(Effect.scoped),
  )

  it.effect("are not ordered where they cannot be kept", () =>
    Effect.gen(function* () {
      const here = yield* world
      const file = join(here.folder, "file")
      writeFileSync(file, "")
      const { attempted, attempts, keeper } = yield* keeperIn({
        ...here,
        folder: join(file, "below"),
      })
      yield* keeper.want(plan)
      yield* attempted(1)
      assert.deepStrictEqual(attempts, ["PTTH_STATE_UNUSABLE"])
      assert.strictEqual(here.authority.orders.length, 0)
      rmSync(file)
      yield* keeper.storeIsBack
      yield* attempted(2)
      assert.deepStrictEqual(attempts, ["PTTH_STATE_UNUSABLE", "ok"])
    }).pipe(Effect.scoped),
  )

  it.effect("are used even if the place to keep them is lost while they are obtained", () =>
    Effect.gen(function* () {
      const here = yield* world
      const { attempted, attempts, keeper } = yield* keeperIn(here)
      here.authority.check = async () => {
        rmSync(here.folder, { recursive: true })
        writeFileSync(here.folder, "")
        return undefined
      }
      yield* keeper.want(plan)
      yield* attempted(1)
      assert.deepStrictEqual(attempts, ["PTTH_STATE_UNUSABLE"])
      assert.isDefined(keeper.get(plan.id))
    }).pipe(Effect.scoped),
  )

  it.effect("go on with a new account where the authority has lost the old one", () =>
    Effect.gen(function* () {
      const here = yield* world
      const { attempted, attempts, keeper } = yield* keeperIn(here)
      yield* keeper.want(plan)
      yield* attempted(1)
      here.authority.refusals.push({ path: "/new-order", status: 400, type: "accountDoesNotExist" })
      yield* keeper.want(planOf("shop.example"))
      yield* attempted(2)
      yield* TestClock.setTime(
        keeper.statuses().find(({ id }) => id === "shop.example")?.failure?.retryAt ?? 0,
      )
      yield* attempted(3)
      assert.deepStrictEqual(attempts, ["ok", "PTTH_ACME_REFUSED", "ok"])
      assert.isString(JSON.parse(readFileSync(join(here.folder, "account.json"), "utf8")).url)
    }).pipe(Effect.scoped),
  )

  it.effect("sign up with a key of the authority where it asks for one", () =>
    Effect.gen(function* () {
      const here = yield* world
      const external = { id: "kid-1", secret: Buffer.from("0123456789abcdef0123456789abcdef") }
      here.authority.external = external
      const without = yield* keeperIn(here)
      yield* without.keeper.want(plan)
      yield* without.attempted(1)
      assert.include(without.keeper.statuses()[0]?.failure?.detail, "acme_eab_key_id")
      const { attempted, attempts, keeper } = yield* keeperIn(here, { external })
      yield* keeper.want(planOf("shop.example"))
      yield* attempted(1)
      assert.deepStrictEqual(attempts, ["ok"])
    }).pipe(Effect.scoped),
  )

  it.effect("hold for all hosts of a domain where records can be set in the DNS", () =>
    Effect.gen(function* () {
      const here = yield* world
      const records = new Set<string>()
      const text = ({ name, value }: TxtRecord): string => `${name} ${value}`
      const dns: Challenger.DnsRecords = {
        add: (record) => Effect.sync(() => void records.add(text(record))),
        remove: (record) => Effect.sync(() => void records.delete(text(record))),
      }
      here.authority.check = async ({ host, keyAuthorization, kind }) => {
        const value = createHash("sha256").update(keyAuthorization).digest("base64url")
        return kind === "dns-01" && records.has(`_acme-challenge.${host} ${value}`)
          ? undefined
          : "there is no such record"
      }
      const { attempted, attempts, keeper } = yield* keeperIn(here, { dns })
      yield* keeper.want({ id: "_.example.com", names: ["example.com", "*.example.com"] })
      yield* attempted(1)
      assert.deepStrictEqual(attempts, ["ok"])
      assert.strictEqual(records.size, 0)
      const certificate = keeper.get("_.example.com")
      assert.isDefined(certificate)
      assert.isTrue(Certificate.isFor(certificate, "shop.example.com"))
    }).pipe(Effect.scoped),
  )

  it.effect("wait while another process obtains one", () =>
    Effect.gen(function* () {
      const here = yield* world
      let isBusy = true
      const { keeper } = yield* keeperIn(here, {
        alone: (effect) => (isBusy ? Effect.succeedNone : Effect.asSome(effect)),
      })
      yield* keeper.want(plan)
      let isOver = false
      keeper.wait(plan.id, start, () => {
        isOver = true
      })
      yield* TestClock.adjust("10 seconds")
      yield* quiet
      assert.strictEqual(here.authority.orders.length, 0)
      assert.isFalse(isOver)
      isBusy = false
      yield* TestClock.adjust("6 seconds")
      yield* Harness.until("there is one", () => keeper.get(plan.id) !== undefined)
      yield* Harness.until("who waits is told", () => isOver)
    }).pipe(Effect.scoped),
  )

  it.effect("that another process has obtained meanwhile are given to whoever waits", () =>
    Effect.gen(function* () {
      const here = yield* world
      const busy = yield* keeperIn(here, { alone: () => Effect.succeedNone })
      yield* busy.keeper.want(plan)
      let isOver = false
      busy.keeper.wait(plan.id, start, () => {
        isOver = true
      })
      const other = yield* keeperIn(here)
      yield* other.keeper.want(plan)
      yield* other.attempted(1)
      assert.isFalse(isOver)
      yield* busy.keeper.changedElsewhere(plan.id)
      assert.isTrue(isOver)
      assert.strictEqual(busy.keeper.get(plan.id)?.chain, other.keeper.get(plan.id)?.chain)
    }).pipe(Effect.scoped),
  )

  it.effect("that were lost from their folder are kept again", () =>
    Effect.gen(function* () {
      const here = yield* world
      const { attempted, keeper } = yield* keeperIn(here)
      yield* keeper.want(plan)
      yield* attempted(1)
      const file = join(here.folder, "relay.example.pem")
      const text = readFileSync(file, "utf8")
      rmSync(file)
      yield* quiet
      yield* TestClock.adjust("7 hours")
      yield* Harness.until("it is there again", () => existsSync(file))
      yield* quiet
      assert.strictEqual(readFileSync(file, "utf8"), text)
      assert.strictEqual(here.authority.orders.length, 1)
    }).pipe(Effect.scoped),
  )

  it.effect("are not ordered again and again where the clock is weeks ahead", () =>
    Effect.gen(function* () {
      const here = yield* world
      here.authority.now = () => start
      yield* TestClock.setTime(start + 70 * day)
      const { attempted, attempts, keeper } = yield* keeperIn(here)
      yield* keeper.want(plan)
      yield* attempted(1)
      assert.isDefined(keeper.get(plan.id))
      assert.strictEqual(keeper.statuses()[0]?.failure?.code, "PTTH_ACME_CLOCK")
      yield* TestClock.adjust("11 hours")
      yield* quiet
      assert.strictEqual(here.authority.orders.length, 1)
      const again = yield* keeperIn(here)
      yield* again.keeper.want(plan)
      yield* quiet
      assert.strictEqual(here.authority.orders.length, 1)
      assert.deepStrictEqual(attempts, ["PTTH_ACME_CLOCK"])
    }).pipe(Effect.scoped),
  )

  it.effect("are not ordered again and again where the authority always wants that", () =>
    Effect.gen(function* () {
      const here = yield* world
      here.authority.window = { from: start - 2 * day, until: start - day }
      const { attempted, keeper } = yield* keeperIn(here)
      yield* keeper.want(plan)
      yield* attempted(3)
      yield* quiet
      yield* TestClock.adjust("6 days")
      yield* quiet
      assert.strictEqual(here.authority.orders.length, 3)
      yield* TestClock.adjust("25 hours")
      // Three in any seven days, as before.
      yield* attempted(6)
      yield* quiet
      yield* TestClock.adjust("6 days")
      yield* quiet
      assert.strictEqual(here.authority.orders.length, 6)
    }).pipe(Effect.scoped),
  )

  it.effect("are ordered at once where an attempt failed before the clock was put back", () =>
    Effect.gen(function* () {
      const here = yield* world
      here.authority.check = async () => "connection refused"
      yield* TestClock.setTime(start + 400 * day)
      yield* keeperIn(here).pipe(
        Effect.tap(({ attempted, keeper }) => Effect.andThen(keeper.want(plan), attempted(1))),
        Effect.scoped,
      )
      here.authority.check = async () => undefined
      yield* TestClock.setTime(start)
      const { attempted, attempts, keeper } = yield* keeperIn(here)
      yield* keeper.want(plan)
      yield* attempted(1)
      assert.deepStrictEqual(attempts, ["ok"])
    }).pipe(Effect.scoped),
  )

  it.effect("that have expired while the machine was suspended are renewed within a minute", () =>
    Effect.gen(function* () {
      const here = yield* world
      const { clock, put } = yield* PutClock.make
      here.authority.now = () => clock.currentTimeMillisUnsafe()
      const { attempted, attempts, keeper } = yield* Effect.provideService(
        keeperIn(here),
        Clock.Clock,
        clock,
      )
      yield* keeper.want(plan)
      yield* attempted(1)
      yield* quiet
      put(100 * day)
      yield* TestClock.adjust("1 minute")
      yield* attempted(2)
      assert.deepStrictEqual(attempts, ["ok", "ok"])
    }).pipe(Effect.scoped),
  )

  it.effect("that are overdue wait no less, and are tried only now and then", () =>
    Effect.gen(function* () {
      const here = yield* world
      yield* keeperIn(here).pipe(
        Effect.tap(({ attempted, keeper }) => Effect.andThen(keeper.want(plan), attempted(1))),
        Effect.scoped,
      )
      yield* TestClock.setTime(start + 85 * day)
      let tries = 0
      const { keeper } = yield* keeperIn(here, {
        alone: () =>
          Effect.sync(() => {
            tries += 1
            return Option.none()
          }),
      })
      yield* keeper.want(plan)
      yield* quiet
      assert.strictEqual(tries, 1)
      yield* TestClock.adjust("5 seconds")
      yield* Harness.until("it is tried again", () => tries > 1)
      yield* quiet
      assert.strictEqual(tries, 2)
    }).pipe(Effect.scoped),
  )
})

describe("Retry-After", () => {
  it("has seconds or a date", () => {
    assert.strictEqual(retryAfterOf("120", start), 120_000)
    assert.strictEqual(retryAfterOf(new Date(start + 5_000).toUTCString(), start), 5_000)
    assert.strictEqual(retryAfterOf(new Date(start - 5_000).toUTCString(), start), 0)
    assert.isUndefined(retryAfterOf("soon", start))
    assert.isUndefined(retryAfterOf(undefined, start))
  })
})

describe("the certificate for a challenge", () => {
  it("has the host and what the authority looks for", () => {
    const certificate = X509.challengeCertificate("relay.example", "token.thumbprint", start)
    assert.isUndefined(Certificate.faultOf(certificate))
    const { raw, subjectAltName } = new X509Certificate(certificate.chain)
    assert.strictEqual(subjectAltName, "DNS:relay.example")
    const hash = createHash("sha256").update("token.thumbprint").digest("hex")
    assert.include(
      raw.toString("hex"),
      // The extension, critical, with an octet string in an octet string (RFC 8737 3).
      `06082b0601050507011f0101ff04220420${hash}`,
    )
  })
})
