/**
 * Estimates one key, in a thread of its own, and ends. The dictionary takes
 * 42 MB, which leave with the thread.
 */
import { parentPort, workerData } from "node:worker_threads"
import { ZxcvbnFactory } from "@zxcvbn-ts/core"
import { adjacencyGraphs, dictionary } from "@zxcvbn-ts/language-common"

const estimator = new ZxcvbnFactory({ dictionary, graphs: adjacencyGraphs })
const { guessesLog10 } = estimator.check(String(workerData))

/** What the parent hears: the base-2 logarithm of the guesses that the key withstands. */
parentPort?.postMessage(guessesLog10 * Math.log2(10))
