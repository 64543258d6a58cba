/**
 * Names and texts that both ends of the classic dialects put on the wire
 * (protocol.md, Classic 1 and Classic 2).
 */

/** The path prefix of the relay's backend API. */
export const prefix = "/7ZSFUKGV"

/** Paths below the prefix; a name or an id follows. */
export const listenPath = "/http_listen/"
/** See {@link listenPath}. */
export const responsePath = "/http_response/"
/** See {@link listenPath}. */
export const requestPath = "/http_request/"
/** Where several answers of classic 2 go at once; nothing follows. */
export const responsesPath = "/http_responses"
/** See {@link listenPath}. */
export const streamPath = "/stream/"

/** Header names, lower case. */
export const header = {
  apiKey: "x-apikey",
  magic: "x-ptth-2ljyxwc4",
  version: "x-ptth-version",
  instance: "x-ptth-instance",
  link: "x-ptth-link",
  reason: "x-ptth-reason",
  farewell: "x-ptth-farewell",
  ack: "x-ptth-ack",
  answers: "x-ptth-answers",
  status: "x-ptth-status",
  code: "x-ptth-code",
  publicUrl: "x-ptth-public-url",
  openUrl: "x-ptth-open-url",
} as const

/** The value of the version header in classic 2. */
export const version2 = "2"

/** The value of the answers header of a relay that takes several answers at once. */
export const manyAnswers = "many"

/** Bodies of the relay's answers; the original's peers show them to people. */
export const text = {
  noKey: "Can't run server without an API key\n",
  badKey: "Bad X-ApiKey\n",
  tooManyKeys: "Too many wrong keys came from this address, try again in a minute\n",
  tooManyLinks: "This server has as many links here as it may have, try again later\n",
  shuttingDown: "Server is shutting down, try again soon\n",
  streamFinished: "StreamFinished\n",
  answersTaken: "Answers taken\n",
  clientDisconnected: "ClientDisconnected\n",
  noWebSocket: "This is for a WebSocket, version 13\n",
  noClient: "Failed to connect to client\n",
  unknownId: "Request ID not found in response_rendezvous\n",
  wrongServer: "This request was handed to another server\n",
  badHead: "The response head cannot be decoded\n",
} as const

/** How long a listen is parked before it is answered 204, in milliseconds. */
export const listenMillis = 25_000

/** How many listens of one classic 2 instance may be parked at once. */
export const maxParked = 8

/** The largest request body that rides in a listen answer, in bytes. */
export const maxInline = 16 * 1024

/** The largest encoded head that either end accepts, in bytes. */
export const maxHead = 256 * 1024

/** The largest listen answer that a server accepts, in bytes. */
export const maxListenAnswer = 16 * 1024 * 1024

/** The largest sum of what a relay puts in one listen answer, in bytes, unless a single request is larger. */
export const listenBatchBytes = 1024 * 1024

/** The most requests that a relay puts in one listen answer. */
export const listenBatch = 64

/** The largest body of a response that may go along with others, in bytes. */
export const maxAnswerBody = 64 * 1024

/** What a server puts into one POST of answers, in bytes, unless a single one is larger. */
export const answersBytes = 1024 * 1024

/** The largest POST of answers that a relay accepts, in bytes. */
export const maxAnswers = 2 * 1024 * 1024

/** How many acknowledged ids one `X-PTTH-Ack` may name. */
export const maxAcks = 128
