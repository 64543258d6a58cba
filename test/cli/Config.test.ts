/**
 * How the commands find their configuration, and what they refuse to run with.
 */
import { once } from "node:events"
import { chmodSync, mkdirSync, realpathSync, writeFileSync } from "node:fs"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import * as Redacted from "effect/Redacted"
import * as X509 from "../../src/transport/acme/X509.ts"
import { type Ended, inFolder, run } from "./Command.ts"
import { callCommand } from "./callCommand.ts"

const key = "PlaypenCausalPlatformCommodeImproveCatalyze"
const tripcode = "A9rPwZyY89Ag4TJjMoyYA2NeGOm99Je6rq1s0rg8PfY="

const write = (folder: string, name: string, text: string, mode = 0o600): string => {
  const path = join(folder, name)
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}

const portOf = (server: http.Server): number => (server.address() as AddressInfo).port

/** One line on stderr, nothing on stdout, no stack, and the code of usage and configuration errors. */
const refused = ({ code, stderr, stdout }: Ended): string => {
  assert.strictEqual(stdout, "")
  assert.match(stderr, /^PTTH_[A-Z_]+: [^\n]+\n$/)
  assert.notMatch(stderr, /\n\s+at /)
  assert.strictEqual(code, 2)
  return stderr.trimEnd()
}

it("a missing --config-path is one line on stderr", async () => {
  for (const command of ["relay", "server"]) {
    assert.strictEqual(
      refused(await callCommand([command, "--config-path", "nowhere.toml"])),
      "PTTH_CONFIG_MISSING: nowhere.toml: there is no such file. Check the path given by --config-path.",
    )
  }
})

it("check of a missing file does not speak of flags that it does not have", async () => {
  assert.strictEqual(
    refused(await callCommand(["check", "nowhere.toml"])),
    "PTTH_CONFIG_MISSING: nowhere.toml: there is no such file. Check the path.",
  )
})

it("a folder in place of a configuration is one line on stderr", () =>
  inFolder(async (cwd) => {
    for (const args of [
      ["relay", "--config-path", cwd],
      ["check", cwd],
    ])
      assert.strictEqual(
        refused(await callCommand(args, { cwd })),
        `PTTH_CONFIG_UNREADABLE: ${cwd}: it is a folder. Name the file in it.`,
      )
  }))

it("invalid TOML is one line on stderr with its position", () =>
  inFolder(async (cwd) => {
    write(cwd, "ptth_relay.toml", "port = 0\n[[servers]\n")
    assert.strictEqual(
      refused(await run(["relay"], { cwd })),
      "PTTH_CONFIG_SYNTAX: ./ptth_relay.toml:2:11: the header [[servers] lacks its second closing bracket. Write [[servers]].",
    )
  }))

it("the configuration is looked for here, then in ./config", () =>
  inFolder(async (cwd) => {
    mkdirSync(join(cwd, "config"))
    write(cwd, "config/ptth_relay.toml", "first = 1\n")
    assert.include(refused(await callCommand(["relay"], { cwd })), "./config/ptth_relay.toml:1")
    write(cwd, "ptth_relay.toml", "second = 1\n")
    assert.include(refused(await callCommand(["relay"], { cwd })), "./ptth_relay.toml:1")
  }))

it("an environment variable with an invalid value is named", async () => {
  const line = refused(await callCommand(["relay"], { env: { PTTH_RELAY_LISTEN: "nowhere" } }))
  assert.match(line, /^PTTH_CONFIG_INVALID: PTTH_RELAY_LISTEN: expected "HOST:PORT"/)
})

it.skipIf(process.platform === "win32")(
  "a server's configuration that other users can read is rejected, with the remedy",
  () =>
    inFolder(async (cwd) => {
      for (const mode of [0o640, 0o602]) {
        write(cwd, "ptth_server.toml", `api_key = "${key}"\n`, mode)
        const line = refused(await callCommand(["server"], { cwd }))
        assert.match(line, /^PTTH_CONFIG_EXPOSED: \.\/ptth_server\.toml: .*chmod 600/)
        assert.notInclude(line, key)
      }
    }),
)

it("a server without name, key and relay reports all three, and the places it searched", () =>
  inFolder(async (cwd) => {
    const { code, stderr } = await callCommand(["server"], { cwd })
    assert.strictEqual(code, 2)
    const lines = stderr.trimEnd().split("\n")
    assert.lengthOf(lines, 3)
    for (const [i, name] of ["name", "api_key", "relay_url"].entries()) {
      const start = "PTTH_CONFIG_INCOMPLETE: no ./ptth_server.toml or ./config/ptth_server.toml: "
      assert.isTrue(lines[i]?.startsWith(`${start}\`${name}\` is missing.`), lines[i])
    }
  }))

const serverEnv = {
  PTTH_SERVER_NAME: "attic",
  PTTH_SERVER_API_KEY: key,
  PTTH_SERVER_RELAY_URL: "http://127.0.0.1:1",
}

it("a weak key is rejected", () =>
  inFolder(async (cwd) => {
    write(cwd, "ptth_server.toml", 'api_key = "password123456"\nname = "a"\n')
    const line = refused(
      await callCommand(["server", "--relay-url", "http://127.0.0.1:1"], { cwd }),
    )
    assert.match(
      line,
      /^PTTH_KEY_WEAK: \.\/ptth_server\.toml: Won't run because the key is too weak/,
    )
    assert.include(line, "ptth keygen")
    assert.notInclude(line, "password123456")
    const fromEnv = refused(
      await callCommand(["server"], {
        cwd,
        env: { ...serverEnv, PTTH_SERVER_API_KEY: "hunter2hunter2" },
      }),
    )
    assert.match(fromEnv, /^PTTH_KEY_WEAK: /)
  }))

it("a plain http relay on another machine is rejected without --insecure", () =>
  inFolder(async (cwd) => {
    const env = { ...serverEnv, PTTH_SERVER_RELAY_URL: "http://relay.invalid" }
    const line = refused(await callCommand(["server"], { cwd, env }))
    assert.match(line, /^PTTH_INSECURE_RELAY: http:\/\/relay\.invalid: .*--insecure/)
    const allowed = await callCommand(["server", "--insecure", "--file-server-root", "missing"], {
      cwd,
      env,
    })
    assert.match(refused(allowed), /^PTTH_ROOT_NOT_FOLDER: /)
  }))

it("a path that does not exist is rejected by every command that serves one", () =>
  inFolder(async (cwd) => {
    for (const args of [
      ["server", "--file-server-root", "missing"],
      ["fileserver", "missing"],
      ["fileserver", "--file-server-root", "missing"],
      ["dev", "missing"],
    ]) {
      const line = refused(await callCommand(args, { cwd, env: serverEnv }))
      assert.match(line, /^PTTH_ROOT_NOT_FOLDER: /)
    }
  }))

it("dev listens on this machine only", async () => {
  const line = refused(await callCommand(["dev", "--listen", "0.0.0.0:0"]))
  assert.match(line, /^PTTH_USAGE: --listen: 0\.0\.0\.0 is not this machine only/)
})

it("check prints OK for valid configurations and detects their kind", () =>
  inFolder(async (cwd) => {
    const relay = write(
      cwd,
      "a.toml",
      `[[servers]]\nname = "attic"\ntripcode = "${tripcode}"\n`,
      0o644,
    )
    const server = write(cwd, "b.toml", `name = "attic"\napi_key = "${key}"\n`)
    const first = await run(["check", relay])
    assert.strictEqual(first.stdout, `OK: ${relay} is a relay's configuration with 1 server\n`)
    assert.strictEqual(first.code, 0)
    const second = await callCommand(["check", server])
    assert.strictEqual(
      second.stdout,
      `OK: ${server} is a server's configuration; relay_url must come from flags or the environment\n`,
    )
    assert.strictEqual(second.code, 0)
    const lines = `relay_url = "http://relay.example.com"\nto = 3000\nfile_server_root = "."\n`
    const far = write(cwd, "d.toml", `name = "attic"\napi_key = "${key}"\n${lines}`)
    const third = await callCommand(["check", far])
    assert.match(third.stdout, /^OK: .*; `ptth server` needs --insecure for it/)
    assert.match(third.stdout, /; file_server_root is not used, since `to` is served instead\n$/)
    const named = write(cwd, "my_relay.toml", "")
    assert.strictEqual((await callCommand(["check", named])).code, 0)
    const unclear = write(cwd, "c.toml", "")
    assert.match(refused(await callCommand(["check", unclear])), /--kind relay or --kind server/)
    assert.strictEqual((await callCommand(["check", "--kind", "server", unclear])).code, 0)
  }))

it("check lists problems in the order of their lines", () =>
  inFolder(async (cwd) => {
    const lines = [
      'listen = "nowhere"',
      "lissten = 3",
      'wait_for_server = "soon"',
      "[[servers]]",
      'name = "a b"',
      `tripcode = "${tripcode}"`,
      "[[servers]]",
      'name = "ok"',
      'tripcode = "short"',
      "colour = 1",
    ]
    const file = write(cwd, "ptth_relay.toml", `${lines.join("\n")}\n`)
    const { code, stderr } = await callCommand(["check", file])
    assert.strictEqual(code, 2)
    const numbers = [...stderr.matchAll(/ptth_relay\.toml:(\d+)/g)].map(([, line]) => Number(line))
    assert.deepStrictEqual(numbers, [1, 2, 3, 5, 9, 10])
  }))

it("check tells of a folder that is not there, beside a misspelt key and a mode", () =>
  inFolder(async (cwd) => {
    const lines = [
      'name = "attic"',
      `api_key = "${key}"`,
      'relay_ulr = "https://relay.example.com"',
      'file_server_root = "nowhere"',
      'ca = "none.pem"',
      "[[services]]",
      'name = "other"',
      'file_server_root = "also-nowhere"',
    ]
    const file = write(cwd, "ptth_server.toml", `${lines.join("\n")}\n`, 0o644)
    const { code, stderr } = await callCommand(["check", file], { cwd })
    assert.strictEqual(code, 2)
    const shown = stderr.trimEnd().split("\n")
    assert.deepStrictEqual(
      shown.map((line) => /^(PTTH_\w+): \S*ptth_server\.toml:?(\d*)/.exec(line)?.slice(1)),
      [
        ["PTTH_CONFIG_EXPOSED", ""],
        ["PTTH_CONFIG_UNKNOWN_KEY", "3"],
        ["PTTH_CONFIG_INVALID", "5"],
        ["PTTH_ROOT_NOT_FOLDER", "4"],
        ["PTTH_ROOT_NOT_FOLDER", "8"],
      ],
      stderr,
    )
    const [, nowhere = ""] = stderr.match(/`file_server_root`: (\S+): it does not exist/) ?? []
    assert.strictEqual(nowhere, join(realpathSync(cwd), "nowhere"))
    mkdirSync(join(cwd, "nowhere"))
    const to = write(cwd, "to.toml", 'to = 3000\nfile_server_root = "nothing"\n')
    assert.strictEqual((await callCommand(["check", "--kind", "server", to], { cwd })).code, 0)
  }))

it("check says nothing that is wrong only because a misspelt key is missing", () =>
  inFolder(async (cwd) => {
    const text = 'auth_usr = "me"\nauth_password = "x"\nusers_file = "none.toml"\n'
    const file = write(cwd, "ptth_server.toml", text)
    const { stderr } = await callCommand(["check", file], { cwd })
    assert.notInclude(stderr, "has no `auth_user`")
  }))

it("check of a relay goes on after a misspelt key, and looks at servers.d", () =>
  inFolder(async (cwd) => {
    mkdirSync(join(cwd, "servers.d"))
    write(join(cwd, "servers.d"), "a.toml", "colour = 1\n")
    const text = 'lissten = 1\ntls_cert = "none.pem"\ntls_key = "none.key"\n'
    const file = write(cwd, "ptth_relay.toml", text)
    const { code, stderr } = await callCommand(["check", file], { cwd })
    assert.strictEqual(code, 2)
    assert.match(stderr, /UNKNOWN_KEY: \S*ptth_relay\.toml:1/)
    assert.match(stderr, /UNKNOWN_KEY: \S*servers\.d\/a\.toml:1/)
    assert.match(stderr, /PTTH_CONFIG_INVALID: \S*ptth_relay\.toml:2: .*none\.pem/)
    assert.lengthOf(stderr.trimEnd().split("\n"), 3, stderr)
  }))

it("certificates to trust that are none are rejected, also by check", () =>
  inFolder(async (cwd) => {
    for (const [text, why] of [
      ["-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "contains no certificate"],
      ["not PEM", "contains no PEM"],
      [
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "has a certificate that cannot be read, number 1",
      ],
    ] as const) {
      const ca = write(cwd, "ca.pem", text)
      const server = refused(await callCommand(["server", "--ca", ca], { cwd, env: serverEnv }))
      assert.include(server, `PTTH_CONFIG_INVALID: --ca: ${ca} ${why}`)
      const byVariable = { ...serverEnv, SSL_CERT_FILE: ca }
      assert.include(
        refused(await callCommand(["server"], { cwd, env: byVariable })),
        `PTTH_CONFIG_INVALID: SSL_CERT_FILE: ${ca} ${why}`,
      )
      const file = write(cwd, "server.toml", `name = "attic"\nca = "${ca}"\n`)
      assert.include(
        refused(await callCommand(["check", file], { cwd })),
        `PTTH_CONFIG_INVALID: ${file}:2: \`ca\`: ${ca} ${why}`,
      )
    }
  }))

it("check reads the files that a server's configuration names, those of its services too", () =>
  inFolder(async (cwd) => {
    const start = `name = "attic"\n`
    const origin = `path = "/api"\nto = "https://localhost:1"\nto_ca = "nowhere"\n`
    const acme = 'acme = "me@example.com"\n'
    for (const [text, line] of [
      [`${acme}acme_ca = "nowhere"\n`, 3],
      [`${acme}acme_eab_key_id = "a"\nacme_eab_key_file = "nowhere"\n`, 4],
      ['to = "https://localhost:1"\nto_ca = "nowhere"\n', 3],
      [`to = 1\n[[routes]]\n${origin}`, 6],
      ['users_file = "nowhere"\n', undefined],
      ['[[services]]\nname = "b"\nto = 1\ntls_cert = "nowhere"\ntls_key = "nowhere"\n', 5],
      [`[[services]]\nname = "b"\nto = 1\n[[services.routes]]\n${origin}`, 8],
    ] as const) {
      const file = write(cwd, "server.toml", start + text)
      const problem = refused(await callCommand(["check", file], { cwd }))
      assert.include(problem, "nowhere", text)
      if (line !== undefined) assert.include(problem, `${file}:${line}: `, text)
    }
  }))

it("check refuses what certificates by ACME cannot work with, and says what does nothing", () =>
  inFolder(async (cwd) => {
    const start = 'domain = "relay.example.com"\nacme = "me@example.com"\n'
    const idle = write(cwd, "text", "", 0o600)
    for (const [hook, why] of [
      ["./nowhere", "does not exist"],
      [idle, "is not a program that can be run"],
      [cwd, "is not a program that can be run"],
    ] as const) {
      const file = write(cwd, "ptth_relay.toml", `${start}acme_dns_hook = "${hook}"\n`)
      assert.include(
        refused(await callCommand(["check", file], { cwd })),
        `PTTH_CONFIG_INVALID: ${file}:3: \`acme_dns_hook\`: ${hook} ${why}`,
      )
    }
    const state = write(cwd, "ptth_relay.toml", `${start}state_dir = "${idle}"\n`)
    assert.include(
      refused(await callCommand(["check", state], { cwd })),
      `PTTH_CONFIG_INVALID: ${state}:3: ${idle}, where certificates by ACME are kept, is not a folder`,
    )
    const hook = write(cwd, "hook", "#!/bin/sh\n", 0o700)
    const file = write(
      cwd,
      "ptth_relay.toml",
      `acme_dns_hook = "${hook}"\nport = 1\naccess_log_file = "a.log"\n`,
    )
    const { code, stdout } = await callCommand(["check", file], { cwd })
    assert.include(stdout, "; acme_dns_hook does nothing without `acme`")
    assert.include(stdout, "; access_log_file does nothing without `access_log`")
    assert.strictEqual(code, 0)
  }))

it("check asks the provider of OpenID Connect, and says what else signing in needs", () =>
  inFolder(async (cwd) => {
    const provider = http.createServer((_request, response) => {
      const issuer = `http://127.0.0.1:${portOf(provider)}`
      const endpoints = ["authorization_endpoint", "token_endpoint", "jwks_uri"]
      const named = endpoints.map((name) => [name, `${issuer}/${name}`])
      response.setHeader("Content-Type", "application/json")
      response.end(JSON.stringify({ issuer, ...Object.fromEntries(named) }))
    })
    await once(provider.listen(0, "127.0.0.1"), "listening")
    const secret = write(cwd, "secret", "0123456789abcdef")
    const check = async (more: string, issuer = `http://127.0.0.1:${portOf(provider)}`) => {
      const table = `[oidc]\nissuer = "${issuer}"\nclient_id = "ptth"\nclient_secret_file = "${secret}"\nallow = ["*"]\n`
      const file = write(cwd, "ptth_relay.toml", `${more}\n${table}`)
      return await callCommand(["check", file], { cwd })
    }
    try {
      const https = 'public_url = "https://relay.example"'
      const proxied = await check(`${https}\ntrusted_proxies = ["127.0.0.1"]`)
      assert.match(
        proxied.stdout,
        /redirect URI https:\/\/relay\.example\/\.well-known\S+callback\n$/,
      )
      assert.include((await check(https)).stdout, "; nobody can sign in, since this relay does not")
      assert.notInclude((await check('public_url = "http://localhost"')).stdout, "nobody can")
      const other = refused(await check(https, `http://localhost:${portOf(provider)}`))
      assert.include(other, "PTTH_SIGN_IN_UNAVAILABLE: ")
      assert.include(
        other,
        "Check `issuer`, which has to be exactly what the provider calls itself",
      )
    } finally {
      provider.close()
      provider.closeAllConnections()
    }
  }))

it("check says for which hosts a relay's certificate is not", () =>
  inFolder(async (cwd) => {
    const { chain, key } = X509.selfSigned({
      names: ["relay.example", "*.relay.example"],
      title: "test",
      from: Date.now() - 60_000,
      until: Date.now() + 3_600_000,
    })
    const tls = `tls_cert = "${write(cwd, "c.pem", chain)}"\ntls_key = "${write(cwd, "k.pem", Redacted.value(key))}"\n`
    const server = (name: string, more: string): string =>
      `[[servers]]\nname = "${name}"\ntripcode = "${tripcode}"\n${more}\n`
    const hosts = (text: string): string => `hosts = [${text}]`
    for (const [servers, note] of [
      ["", ""],
      [server("attic", hosts('"a.relay.example"')), ""],
      [server("attic", hosts('"b.example", "a.b.relay.example"')), "b.example, a.b.relay.example"],
      [server("attic", `tls = "passthrough"\n${hosts('"b.example"')}`), ""],
      [
        server("attic", hosts('"a.example", "b.example", "c.example", "d.example"')),
        "a.example, b.example, c.example and 1 more",
      ],
    ] as const) {
      const file = write(cwd, "ptth_relay.toml", `domain = "relay.example"\n${tls}${servers}`)
      const { code, stdout } = await callCommand(["check", file], { cwd })
      assert.strictEqual(code, 0)
      assert.strictEqual(/, and not for (.*)\n$/.exec(stdout)?.[1] ?? "", note)
    }
  }))

it("check lists all problems, with a frame for a line that is invalid TOML", () =>
  inFolder(async (cwd) => {
    const many = write(cwd, "a.toml", "prot = 1\nmax_queue = -1\nidle_timeout = 0\n")
    const all = await callCommand(["check", "--kind", "relay", many])
    assert.strictEqual(all.stdout, "")
    assert.strictEqual(all.code, 2)
    assert.lengthOf(all.stderr.trimEnd().split("\n"), 3)
    const broken = write(cwd, "b.toml", "[[servers]\n")
    const framed = await callCommand(["check", broken])
    assert.strictEqual(framed.code, 2)
    assert.include(framed.stderr, "1 | [[servers]\n  |           ^\n")
    const exposed = write(cwd, "c.toml", `api_key = "password123456"\n`, 0o644)
    const both = await run(["check", exposed])
    assert.strictEqual(both.code, 2)
    assert.match(both.stderr, /^PTTH_CONFIG_EXPOSED: .*\nPTTH_KEY_WEAK: .*\n$/)
    const wrong = write(cwd, "d.toml", `api_key = "password123456"\nnmae = "x"\n`)
    const unknownToo = await callCommand(["check", "--kind", "server", wrong])
    assert.match(unknownToo.stderr, /^PTTH_CONFIG_UNKNOWN_KEY: .*\nPTTH_KEY_WEAK: .*\n$/)
    assert.match(
      refused(await callCommand(["check", join(cwd, "none.toml")])),
      /^PTTH_CONFIG_MISSING: /,
    )
  }))
