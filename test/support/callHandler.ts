/**
 * Calls a handler as a front would and collects what it answers.
 */
import type { HeaderList } from "../../src/domain/HeaderList.ts"
import * as Headers from "../../src/domain/HeaderList.ts"
import type { BodyError, ExchangeError } from "../../src/protocol/Exchange.ts"
import type { ResponseHead } from "../../src/protocol/Message.ts"
import * as Body from "../../src/transport/body/Body.ts"
import type { Cancel, Handler } from "../../src/transport/body/Handler.ts"

/** A request; GET without header fields unless it says otherwise. */
export interface Call {
  readonly target: string
  readonly method?: string
  readonly headers?: HeaderList
  readonly body?: Body.Body
}

/** A response head with its body still to be read. */
export interface Opened {
  readonly head: ResponseHead
  readonly body: Body.Body
  readonly cancel: Cancel
}

/** A response that has been read to its end, or to where it broke off. */
export interface Answered {
  readonly status: number
  readonly headers: HeaderList
  /** The first value of a field, by its lower-case name. */
  readonly header: (name: string) => string | undefined
  readonly body: Buffer
  readonly text: string
  /** Why the body is not whole, if it is not. */
  readonly failure: BodyError | undefined
}

/** Calls the handler; resolves with the head, rejects with its `ExchangeError`. */
export const openHandler = (handler: Handler, call: Call): Promise<Opened> =>
  new Promise((resolve, reject) => {
    let cancel: Cancel = () => {}
    let answers = 0
    const once = (): void => {
      answers++
      if (answers > 1) throw new Error("the handler answered twice")
    }
    cancel = handler(
      { method: call.method ?? "GET", target: call.target, headers: call.headers ?? [] },
      call.body ?? Body.empty,
      {
        respond: (head, body) => {
          once()
          resolve({ head, body, cancel: () => cancel() })
        },
        fail: (error: ExchangeError) => {
          once()
          reject(error)
        },
      },
    )
  })

/** Reads a body to its end. */
export const readBody = (
  body: Body.Body,
): Promise<{ readonly bytes: Buffer; readonly failure: BodyError | undefined }> =>
  new Promise((resolve) => {
    const chunks: Array<Uint8Array> = []
    body.read({
      data: (chunk) => {
        chunks.push(chunk)
        return true
      },
      end: () => resolve({ bytes: Buffer.concat(chunks), failure: undefined }),
      fail: (failure) => resolve({ bytes: Buffer.concat(chunks), failure }),
    })
  })

/** Calls the handler and reads the whole answer. */
export const callHandler = async (handler: Handler, call: Call): Promise<Answered> => {
  const { head, body } = await openHandler(handler, call)
  const { bytes, failure } = await readBody(body)
  return {
    status: head.status,
    headers: head.headers,
    header: (name) => Headers.first(head.headers, name),
    body: bytes,
    text: bytes.toString("utf8"),
    failure,
  }
}

/** Leaves after the first chunk of a body; everything that arrives, also later, is in the array. */
export const leaveAfterFirst = ({ body, cancel }: Opened): Promise<Array<string>> =>
  new Promise((resolve) => {
    const arrived: Array<string> = []
    body.read({
      data: (chunk) => {
        arrived.push(Buffer.from(chunk).toString())
        cancel()
        resolve(arrived)
        return true
      },
      end: () => arrived.push("end"),
      fail: () => arrived.push("failure"),
    })
  })
