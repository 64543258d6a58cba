/**
 * Schedules that have shown a fault, as small as they could be made. They stay
 * as they are whatever seeds mean one day.
 */
import type { Schedule } from "../support/Schedule.ts"

/** A schedule and what it has shown. */
export interface KeptSchedule {
  readonly fault: string
  readonly schedule: Schedule
}

/** See the file's header. */
export const kept: ReadonlyArray<KeptSchedule> = [
  {
    fault: "a doubt about a link outlives the link when its relay is restarted",
    schedule: {
      seed: 348068062,
      transport: "stream",
      latency: 4,
      buffer: 65536,
      relayGrace: 1000,
      serverGrace: 1500,
      requests: [],
      faults: [
        { at: 2559, kind: "restart the relay", which: 566, lasts: 2695, directions: "down" },
        { at: 789, kind: "lose a server", which: 334, lasts: 912, directions: "down" },
      ],
    },
  },
  {
    fault: "a doubt about a link outlives the link when its relay crashes",
    schedule: {
      seed: 2342234001,
      transport: "stream",
      latency: 40,
      buffer: 2000,
      relayGrace: 0,
      serverGrace: 1500,
      requests: [],
      faults: [
        { at: 3727, kind: "crash the relay", which: 846, lasts: 291, directions: "both" },
        { at: 115, kind: "lose a server", which: 193, lasts: 2597, directions: "down" },
      ],
    },
  },
  {
    fault: "an upgraded connection that broke far away ends as if everything had been said",
    schedule: {
      seed: 54640604,
      transport: "stream",
      latency: 4,
      buffer: 65536,
      relayGrace: 1000,
      serverGrace: 0,
      requests: [
        {
          at: 3610,
          name: "other",
          method: "UPGRADE",
          up: 18862,
          chunkedUp: true,
          down: 2777,
          downAs: "unknown",
          way: "cut",
          cutAt: 2101,
          slow: true,
        },
      ],
      faults: [],
    },
  },
  {
    fault: "an upgraded connection that broke before anything was said ends as if it were whole",
    schedule: {
      seed: 2235709985,
      transport: "stream",
      latency: 40,
      buffer: 2000,
      relayGrace: 0,
      serverGrace: 1500,
      requests: [
        {
          at: 1434,
          name: "app",
          method: "UPGRADE",
          up: 13722,
          chunkedUp: true,
          down: 0,
          downAs: "unknown",
          way: "cut",
          cutAt: 0,
          slow: false,
        },
        {
          at: 1313,
          name: "other",
          method: "GET",
          up: 0,
          chunkedUp: false,
          down: 7287,
          downAs: "whole",
          way: "answer after the body",
          cutAt: 6948,
          slow: false,
        },
      ],
      faults: [],
    },
  },
  {
    fault: "a large answer in HTTP to a request for an upgrade stalls",
    schedule: {
      seed: 3232438181,
      transport: "classic",
      latency: 4,
      buffer: 2000,
      relayGrace: 0,
      serverGrace: 0,
      requests: [
        {
          at: 1585,
          name: "app",
          method: "UPGRADE",
          up: 51644,
          chunkedUp: false,
          down: 242510,
          downAs: "whole",
          way: "answer",
          cutAt: 123726,
          slow: false,
        },
      ],
      faults: [],
    },
  },
  {
    fault: "an upgrade that its application never answers is never told so",
    schedule: {
      seed: 120580998,
      transport: "stream",
      latency: 4,
      buffer: 2000,
      relayGrace: 0,
      serverGrace: 0,
      requests: [
        {
          at: 3631,
          name: "other",
          method: "UPGRADE",
          up: 118988,
          chunkedUp: true,
          down: 0,
          downAs: "whole",
          way: "never",
          cutAt: 0,
          slow: true,
        },
      ],
      faults: [],
    },
  },
  {
    fault: "a link that is closed is in doubt while another one of its server drains",
    schedule: {
      seed: 1987557528,
      transport: "stream",
      latency: 0,
      buffer: 2000,
      relayGrace: 0,
      serverGrace: 1500,
      requests: [
        {
          at: 1178,
          name: "app",
          method: "GET",
          up: 0,
          chunkedUp: false,
          down: 11179,
          downAs: "length",
          way: "answer after the body",
          cutAt: 10058,
          slow: false,
        },
        {
          at: 2349,
          name: "app",
          method: "GET",
          up: 0,
          chunkedUp: false,
          down: 22411,
          downAs: "length",
          way: "late",
          cutAt: 14942,
          slow: false,
        },
        {
          at: 508,
          name: "other",
          method: "GET",
          up: 0,
          chunkedUp: false,
          down: 0,
          downAs: "unknown",
          way: "answer after the body",
          cutAt: 0,
          slow: true,
        },
      ],
      faults: [
        { at: 3930, kind: "stop a server", which: 80, lasts: 3753, directions: "up" },
        { at: 5202, kind: "restart the relay", which: 167, lasts: 3566, directions: "up" },
        { at: 64, kind: "restart the relay", which: 129, lasts: 2083, directions: "both" },
      ],
      relays: 3,
      spread: 2,
    },
  },
]
