/**
 * Secrets in bodies: whatever form the body has, values with the name of a
 * secret are masked and the others shown. Secrets contain "hush", other values
 * "seen".
 */
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { isSecretName } from "../../../src/domain/SecretNames.ts"
import * as RedactSecrets from "../../../src/relay/inspect/RedactSecrets.ts"

const json = "application/json"
const form = "application/x-www-form-urlencoded"
const multipart = "multipart/form-data; boundary=XyZ"

const part = (name: string, value: string, more = ""): string =>
  `--XyZ\r\nContent-Disposition: form-data; ${name}\r\n${more}\r\n${value}\r\n`

const cases: ReadonlyArray<readonly [what: string, type: string, text: string]> = [
  [
    "Basic behind its name",
    "text/plain",
    "GET /seen1\nAuthorization: Basic hushhushaHVzaA==\nx: seen2",
  ],
  [
    "requests in a batch",
    "multipart/mixed; boundary=XyZ",
    "--XyZ\r\nContent-Type: application/http\r\n\r\nGET /seen1 HTTP/1.1\r\nAuthorization: Bearer hush=\r\n\r\n\r\n--XyZ--",
  ],
  [
    "what PHP has serialized",
    "text/plain",
    'a:2:{s:4:"user";s:5:"seen1";s:8:"password";s:4:"hush";}',
  ],
  [
    "a table without its type",
    "application/vnd.ms-excel",
    "name;password\nseen1;hush\nseen2;hush\n",
  ],
  ["a table as plain text", "text/plain", 'name,"user password",mail\nseen1,hush,seen2\n'],
  ["lists of names and values in a form", form, "name%5B%5D=password&value%5B%5D=hush&a=seen1"],
  [
    "flags of a command line",
    "text/plain",
    "app --user seen1 --token hush --password 'hush hush' seen2",
  ],
  ["a user of curl", "text/plain", "curl -v -u seen1:hush https://seen2/"],
  [".netrc", "text/plain", "machine seen1 login seen2 password hush"],
  [
    "a row of SQL",
    "application/sql",
    "INSERT INTO u (name, password, x) VALUES ('seen1, ''x'' y', 'hush, ''hush', 'seen2'), ('a', 'hush', 'b');",
  ],
  ["a password that SQL sets", "application/sql", "SET PASSWORD FOR 'seen1' = PASSWORD('hush');"],
  [
    "a call without names",
    "text/xml",
    "<methodCall><methodName>wp.getUsersBlogs</methodName><params><param><value>me</value></param><param><value>hush</value></param></params></methodCall><a>seen1</a>",
  ],
  ["a table of HTML", "text/html", "<html><tr><td>DB_PASSWORD</td><td>hush</td></tr><p>seen1</p>"],
  [
    "letters of another width",
    json,
    '{"\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44":"hush","a":"seen1"}',
  ],
  [
    "other languages",
    form,
    "clave=hush&mdp=hush&sifre=hush&jelszo=hush&lozinka=hush&enclave=seen1",
  ],
  [
    "hashes of passwords",
    "text/plain",
    "seen1:$2y$10$hushhushhushhushhushhu\nseen2:$6$salt$hushhushhushhushhush",
  ],
  ["a key of PuTTY", "text/plain", "Comment: seen1\nPrivate-Lines: 1\nhush\nPrivate-MAC: seen2"],
  ["nested JSON", json, '{"user":"seen1","password":{"old":"hush","new":["hush"]},"x":"seen2"}'],
  ["lists in JSON", json, '{"tokens":["hush",1234,"hush"],"list":["seen1"]}'],
  ["escaped names", json, '{"user":"seen1","pass\\u0077ord":"hush","b":"seen2"}'],
  ["JSON that is cut off in a secret", json, '{"user":"seen1","password":["hush","hu'],
  ["JSON that is cut off in a name", json, '{"user":"seen1","password'],
  ["JSON with single quotes", json, "{'user': 'seen1', 'password': 'hush', 'b': 'seen2'}"],
  ["JavaScript", json, '{user: "seen1", password: "hush", b: "seen2"}'],
  ["broken JSON with a list", json, '{user: "seen1", passwords: ["hush", "hush"], b: "seen2"}'],
  ["several JSON documents", "application/x-ndjson", '{"a":"seen1"}\n{"token":"hush"}\n"seen2"'],
  ["JSON with a prefix", json, ')]}\',\n{"token":"hush","a":"seen1"}'],
  ["JSON within JSON", json, '{"body":"{\\"password\\":\\"hush\\",\\"a\\":\\"seen1\\"}"}'],
  ["a form within JSON", json, '{"body":"password=hush&a=seen1"}'],
  [
    "GraphQL",
    json,
    '{"query":"mutation { login(user: \\"seen1\\", password: \\"hush\\") { id } }"}',
  ],
  [
    "names and values",
    json,
    '[{"name":"user","value":"seen1"},{"value":"hush","name":"password"}]',
  ],
  ["a kind and a value", json, '{"type":"password","value":"hush","temporary":"seen1"}'],
  ["a name and values", json, '{"name":"password","values":["hush"],"x":"seen1"}'],
  ["fields one after the other", json, '["Host","seen1","Authorization","Bearer hush"]'],
  ["a login by position", json, '{"method":"auth.login","params":["hush","hush"],"id":"seen1"}'],
  ["JSON in Base64", json, '{"a":"seen1","data":"eyJwYXNzd29yZCI6Imh1c2hodXNoIn0="}'],
  [
    "a text of several lines",
    "application/graphql",
    'login(password: """hush\n"hush""", a: "seen1")',
  ],
  [
    "SQL",
    "application/sql",
    "CREATE USER seen1 IDENTIFIED BY 'hush'; ALTER ROLE seen2 PASSWORD 'hush'",
  ],
  ["pairs", json, '[["user","seen1"],["password","hush"]]'],
  ["JSON of any type", "", ' {"a":"seen1","secret":{"b":"hush"}}'],
  ["a form", form, "user=seen1&pass%77ord=hush&user%5Bpassword%5D=hush&b=seen2"],
  ["a name encoded twice", form, "pass%2577ord=hush&a=seen1"],
  ["JSON in a form", form, "payload=%7B%22password%22%3A%22hush%22%2C%22a%22%3A%22seen1%22%7D"],
  ["an address in a form", form, "next=%2Flogin%3Fpassword%3Dhush&a=seen1"],
  ["a form of another type", "text/plain", "user=seen1&password=hush"],
  [
    "multipart",
    multipart,
    `${part('name="user"', "seen1")}${part('name="password"', "hush\r\nhush")}${part("name=token", "hush")}--XyZ--\r\n`,
  ],
  [
    "unusual names in multipart",
    multipart,
    `${part("name*=UTF-8''pass%77ord", "hush")}${part('filename="x"; name="pass\\word"', "hush")}${part('name="a"', "seen1")}--XyZ--`,
  ],
  [
    "JSON in multipart",
    multipart,
    `${part('name="meta"', '{"a":"seen1","password":"hush"}', "Content-Type: application/json\r\n")}--XyZ--`,
  ],
  [
    "multipart that is cut off",
    multipart,
    `${part('name="a"', "seen1")}${part('name="pwd"', "hu").slice(0, -2)}sh`,
  ],
  [
    "multipart with an unusual boundary",
    "multipart/mixed; boundary=a+b%20",
    '--a+b%20\r\nContent-Disposition: form-data; name="password"\r\n\r\nhush\r\n--a+b%20--\r\nseen1',
  ],
  [
    "multipart with an unknown boundary",
    "multipart/form-data",
    `${part('name="a"', "seen1")}${part('name="pwd"', "hush")}`,
  ],
  [
    "XML",
    "application/xml",
    "<login><user>seen1</user><password>hush</password><w:token><![CDATA[hush]]></w:token><x secret='hush' a='seen2'/></login>",
  ],
  [
    "elements that are closed in another order",
    "text/xml",
    "<a><password><b>hush</c></b></password><d>seen1</a><e>seen2</e>",
  ],
  ["a private key as JSON", json, '{"kty":"EC","crv":"seen1","x":"seen2","d":"hush"}'],
  [
    "a shared key as JSON, its kind last",
    json,
    '{"keys":[{"k":"hush","alg":"seen1","kty":"oct"}]}',
  ],
  [
    "an answer beside its name",
    json,
    '[{"id":"password","answer":"hush"},{"id":"a","answer":"seen1"}]',
  ],
  ["labels of two words", "text/html", "<dt>API key</dt><dd>hush</dd><dt>Size</dt><dd>seen1</dd>"],
  [
    "command lines",
    "text/plain",
    "sshpass -p hush ssh seen1\nmysql -u seen2 -phush db\ndocker login -u seen3 -p hush\nredis-cli -a hush -h seen4\nptth share --relay https://seen5 --ticket attic.hushhushhushhushhushhu seen6",
  ],
  ["XML that is cut off", "text/xml", "<login><user>seen1</user><password>hush"],
  [
    "names and values in XML",
    "text/xml",
    "<dict><key>user</key><string>seen1</string><key>password</key><string>hush</string><key>b</key><string>seen2</string></dict>",
  ],
  [
    "HTML",
    "text/html",
    '<!doctype html><div id="auth">seen1<input type="hidden" name="csrf_token" value="hush"><input value="seen2" name=user><input type=password value=hush></div>',
  ],
  ["a script in HTML", "text/html", '<html><script>var apiKey = "hush"; var a = "seen1"</script>'],
  [
    "YAML",
    "application/yaml",
    "user: seen1\npassword: hush hush\nkeys:\n  api_key: |\n    hush\n    hush\n  b: seen2\n",
  ],
  ["INI", "text/plain", "[a]\nuser=seen1\npassword = hush, hush\nb=seen2"],
  ["a log line", "text/plain", "user=seen1 password=hush b=seen2"],
  ["CSV", "text/csv", 'user,password,b\nseen1,"hush, hush",seen2\nseen3,hush,\n'],
  [
    "a private key",
    "text/plain",
    "seen1\nx: -----BEGIN RSA PRIVATE KEY-----\nhush\nhush==\n-----END RSA PRIVATE KEY-----\nseen2",
  ],
  ["a private key in JSON", json, '{"a":"-----BEGIN PRIVATE KEY-----\\nhush\\n","b":"seen1"}'],
  [
    "a private key that is cut off",
    "text/plain",
    "seen1 -----BEGIN OPENSSH PRIVATE KEY-----\nhush\nhu",
  ],
  [
    "a sign-in at another site",
    form,
    "a=seen1&code_verifier=hush&client_assertion=hush&SAMLResponse=hush&RelayState=seen2",
  ],
  ["userinfo in text", "text/plain", "seen1 https://ann:hush@host/seen2 git+ssh://hush@host:22"],
  ["userinfo in JSON", json, '{"remote":"https://ann:hush@host/seen1?b=seen2"}'],
  ["userinfo in a form", form, "remote=https%3A%2F%2Fann%3Ahush%40host%2Fseen1&b=seen2"],
  ["userinfo in XML", "text/xml", '<a href="https://ann:hush@host/seen1">postgres://u:hush@h</a>'],
  ["sessions", json, '{"PHPSESSID":"hush","connect.sid":"hush","side":"seen1","reside":"seen2"}'],
  ["a signed token", "text/plain", "seen1 eyJhbGciOiJIUzI1NiJ9.eyJodXNoIjoiaHVzaCJ9.hushhushhush"],
]

describe("a secret in a body is masked, and nothing else", () => {
  it.each(cases)("in %s", (_, type, text) => {
    const shown = RedactSecrets.body(text, type)
    assert.notInclude(shown, "hu", shown)
    for (const [seen] of text.matchAll(/seen\d/g)) assert.include(shown, seen)
  })

  it.each(cases)("and masked again it stays the same: %s", (_, type, text) => {
    const once = RedactSecrets.body(text, type)
    assert.strictEqual(RedactSecrets.body(once, type), once)
  })

  it("in markup of nothing but quotes, or of elements that are never closed, is found in one pass", () => {
    const quotes = `<a ${'"'.repeat(400_000)} password=hush>`
    assert.notInclude(RedactSecrets.body(quotes, "text/html"), "hush")
    const elements = `${"<a>".repeat(300_000)}${"</b>".repeat(300_000)}<password>hush</password>`
    assert.notInclude(RedactSecrets.body(elements, "text/xml"), "hush")
  })

  it.prop("and JSON without secrets is shown as it is", [Schema.Json], ([value]) => {
    const text = JSON.stringify(value, undefined, 1)
    if (/\w/.test(text) && hasNoSecret(value))
      assert.strictEqual(RedactSecrets.body(text, json), text)
  })

  it.prop("and no text is too odd", [Schema.String, Schema.String], ([text, type]) => {
    for (const one of [type, json, form, multipart, "text/html", "text/csv"])
      assert.isString(RedactSecrets.body(text, one))
  })

  it("and deep nesting is no trouble", () => {
    for (const text of ["[".repeat(10_000), '{"a":'.repeat(2_000), "<a>".repeat(3_000)])
      assert.isString(RedactSecrets.body(text, json))
  })
})

const hasNoSecret = (value: unknown): boolean => !/[a-z]{3,}|[=:<]/i.test(JSON.stringify(value))

/** The page of Python's server for a method that it does not know. */
const pythonPage = `<!DOCTYPE HTML>
<html lang="en">
    <body>
        <h1>Error response</h1>
        <p>Error code: 501</p>
        <p>Message: Unsupported method ('POST').</p>
        <p>Error code explanation: 501 - Server does not support this operation.</p>
    </body>
</html>
`

it.each([
  ["text/html;charset=utf-8", pythonPage],
  ["text/plain", "exit code: 1\nstatus code=404, response code: E_NOT_FOUND; HTTP code 0x1F"],
  ["application/xml", "<Error><Code>NoSuchKey</Code><Message>seen</Message></Error>"],
  [json, '{"error":{"code":404,"errors":[{"code":"invalid","seen":1}]}}'],
])("a code that says how something ended is shown: %s", (type, text) =>
  assert.strictEqual(RedactSecrets.body(text, type), text),
)

it.each([
  ["text/html", "<p>Your code: 123456</p><p>Authorization code: hush</p><p>code: 501</p>"],
  ["text/plain", "Error code: hush-4711\nmirror code: 501\nError\ncode: 501\ncode=501"],
  ["application/xml", "<Grant><Code>hush</Code></Grant>"],
  [json, '{"error":{"a":1},"code":"hush"}\n{"code":501,"response":{"code":"hush"}}'],
  [form, "error=no&code=501"],
])("any other code is masked: %s", (type, text) =>
  assert.notMatch(RedactSecrets.body(text, type), /hush|501|123456/),
)

it.each([
  "password",
  "userPass",
  "pass",
  "X-Auth-Token",
  "client_secret",
  "pin",
  "authorization",
  "otp_code",
  "dbpass",
  "pw",
  "psk",
  "mot_de_passe",
  "\u041f\u0430\u0440\u043e\u043b\u044c",
  "AccountKey",
  "subscription-key",
  "seedPhrase",
  "Cookie",
])("%s is the name of a secret", (name) => assert.isTrue(isSecretName(name)))

it.each([
  "author",
  "authors",
  "author_name",
  "compass",
  "passenger",
  "zip_code",
  "monkey",
  "spinner",
  "authority",
  "bypass",
  "public_key",
  "hasLocation",
])("%s is none", (name) => assert.isFalse(isSecretName(name)))

it.each([
  ["an address of a mail", "/verify/eyJhbGciOiJI.eyJzdWIiOiJo.hush"],
  ["an encrypted token", "/verify/eyJhbGciOiJI..hush.hush.hush"],
  ["a key that says whose it is", "/clone/ghp_hushhushhushhushhushhushhush"],
])("%s is shown without what tells by itself that it is a secret", (_, target) => {
  assert.notInclude(RedactSecrets.target(target), "hush")
  assert.notInclude(RedactSecrets.body(`{"link":"${target}"}`, json), "hush")
})

it.each([
  "/?variables=%7B%22password%22%3A%22hush%22%7D&a=seen",
  "/?to=https%3A%2F%2Fme%3Ahush%40a.example%2F&a=seen",
  "/cas?ticket=ST-1856339-hushhushhush&a=seen",
])("the target %s is shown without its secrets", (target) => {
  assert.notInclude(RedactSecrets.target(target), "hush")
  assert.include(RedactSecrets.target(target), "seen")
})

it.each(["realtime, openai-insecure-api-key.hush", `v1, ${"hush".repeat(8)}`])(
  "the protocol %s is masked",
  (value) =>
    assert.deepStrictEqual(RedactSecrets.fields([["Sec-WebSocket-Protocol", value]]), [
      ["Sec-WebSocket-Protocol", "***"],
    ]),
)

it.each(["X-Functions-Key", "Ocp-Apim-Subscription-Key", "DD-APPLICATION-KEY", "X-Api-Key"])(
  "the field %s is masked as a whole",
  (name) => assert.deepStrictEqual(RedactSecrets.fields([[name, "hush"]]), [[name, "***"]]),
)

it.each(["Sec-WebSocket-Key", "Idempotency-Key"])("the field %s is shown", (name) =>
  assert.deepStrictEqual(RedactSecrets.fields([[name, "seen"]]), [[name, "seen"]]),
)

it.each([
  ["Location", "https://a.example/cb#access_token=hush&a=seen"],
  ["Location", "/a;jsessionid=hush?b=seen"],
  ["Link", '<https://me:hush@a.example/seen?token=hush>; rel="next"'],
  ["X-Config", 'password="hush"; a=seen'],
  ["Referer", "https://a.example/?next=%2Fb%3Ftoken%3Dhush&a=seen"],
])("a field %s: %s is shown without its secrets", (name, value) => {
  const [[, shown] = ["", ""]] = RedactSecrets.fields([[name, value]])
  assert.notInclude(shown, "hush")
  assert.include(shown, "seen")
})

it.each([
  `rk_live_${"hush".repeat(6)}`,
  `whsec_${"hush".repeat(8)}`,
  `SG.${"hush".repeat(5)}.${"hush".repeat(10)}`,
  `glrt-${"hush".repeat(5)}`,
  `AIza${"hush".repeat(9)}`,
  `123456789:AA${"hush".repeat(8)}`,
  `https://hooks.slack.com/services/T0/B0/${"hush".repeat(6)}`,
  `https://discord.com/api/webhooks/123456789012345678/${"hush".repeat(17)}`,
])("%s tells by itself that it is a secret, in a path, too", (token) => {
  assert.notInclude(RedactSecrets.body(`{"x":"${token}"}`, json), "hush")
  assert.notInclude(RedactSecrets.target(`/seen/${token}`), "hush")
})
