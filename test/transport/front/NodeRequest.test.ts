/**
 * The path and query of a request, whichever form its target has.
 */
import { assert, it } from "@effect/vitest"
import { originForm } from "../../../src/transport/front/NodeRequest.ts"

it.each([
  ["/a?b", "/a?b"],
  ["http://h/a?b", "/a?b"],
  ["HTTP://h:80", "/"],
  ["http://h?b=/c", "/?b=/c"],
  ["https://h//a", "//a"],
  ["*", undefined],
  ["ftp://h/", undefined],
  ["/a#b", undefined],
])("%s asks for %s", (target, expected) => assert.strictEqual(originForm(target), expected))
