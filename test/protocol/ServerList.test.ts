import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import type { ServerName } from "../../src/domain/ServerName.ts"
import * as ServerList from "../../src/protocol/ServerList.ts"

describe("the scraper API's list of servers", () => {
  it("has the keys of the original, with times in RFC 3339", () => {
    assert.strictEqual(
      ServerList.encode({
        servers: [
          { name: "a" as ServerName, display_name: "A", last_seen: new Date(0) },
          { name: "b" as ServerName, display_name: "b", last_seen: null },
        ],
      }),
      '{"servers":[{"name":"a","display_name":"A","last_seen":"1970-01-01T00:00:00.000Z"},' +
        '{"name":"b","display_name":"b","last_seen":null}]}',
    )
  })

  it.prop("is read back as it was written", [ServerList.ServerList], ([list]) => {
    assert.deepStrictEqual(Schema.decodeSync(ServerList.ServerList)(ServerList.encode(list)), list)
  })
})
