/** Open-loop load of direct messages: what is late is charged for its lateness. */
import { randomBytes } from 'node:crypto';
import { type BenchClient, openClient } from './socket-io-client.ts';

export interface Pairing {
  /** Whom the client at this index writes to. */
  partnerOf(index: number): string;
  /** `auth` of the handshake of the client at this index. */
  authOf(index: number): Record<string, unknown>;
  clients: number;
}

export interface Figures {
  rate: number;
  sent: number;
  lost: number;
  twice: number;
  refused: number;
  /** Milliseconds from the time a message was due. */
  ackP50: number;
  ackP99: number;
  deliveryP50: number;
  deliveryP99: number;
}

/** Longer than the server may take: what comes later would be counted in the next run. */
const DRAIN_MS = 10_000;

export interface Load {
  /** Sends `rate` messages a second for `seconds`. */
  run(rate: number, seconds: number): Promise<Figures>;
  close(): void;
}

/** Connects all clients; messages have about 200 bytes of text. */
export async function openLoad(url: string, pairing: Pairing): Promise<Load> {
  const filler = 'x'.repeat(190);
  let prefix = '';
  let due = new Float64Array(0);
  let acked = new Float64Array(0);
  let delivered = new Float64Array(0);
  let wasRefused = new Uint8Array(0);
  let refused = 0;
  let twice = 0;
  /** Acknowledgements and deliveries that are still to come. */
  let outstanding = 0;
  /** The acknowledgement id of the first message: each run has its own. */
  let base = 0;

  const onAck = (ackId: number, ok: boolean): void => {
    const id = ackId - base;
    if (acked[id] !== 0) return;
    acked[id] = performance.now();
    outstanding--;
    if (ok) return;
    refused++;
    // Nobody need be told of it any more; whoever was has it already, or is not waited for.
    if (delivered[id] === 0) outstanding--;
    wasRefused[id] = 1;
  };
  const onEvent = (packet: string): void => {
    if (!packet.startsWith('["newMessage"')) return;
    const at = packet.indexOf(prefix);
    if (at === -1) return;
    const from = at + prefix.length;
    const id = Number(packet.slice(from, packet.indexOf('"', from)));
    if (delivered[id] !== 0) twice++;
    else if (wasRefused[id] === 0) outstanding--;
    delivered[id] = performance.now();
  };
  const clients: BenchClient[] = [];
  for (let index = 0; index < pairing.clients; index++) {
    clients.push(await openClient(url, pairing.authOf(index), { onAck, onEvent }));
  }

  async function run(rate: number, seconds: number): Promise<Figures> {
    const total = Math.round(rate * seconds);
    prefix = `${randomBytes(6).toString('hex')}-`;
    base += due.length;
    due = new Float64Array(total);
    acked = new Float64Array(total);
    delivered = new Float64Array(total);
    wasRefused = new Uint8Array(total);
    refused = 0;
    twice = 0;
    outstanding = total * 2;
    const start = performance.now();
    let next = 0;
    while (next < total) {
      const now = performance.now();
      while (next < total && start + (next * 1_000) / rate <= now) {
        due[next] = start + (next * 1_000) / rate;
        const index = next % pairing.clients;
        clients[index]?.emit(base + next, 'sendMessage', {
          to: pairing.partnerOf(index),
          text: filler,
          clientId: `${prefix}${next}`,
        });
        next++;
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const giveUpAt = performance.now() + DRAIN_MS;
    while (outstanding > 0 && performance.now() < giveUpAt) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return {
      rate,
      sent: total,
      lost: delivered.filter((time) => time === 0).length,
      twice,
      refused,
      ...percentiles('ack', due, acked),
      ...percentiles('delivery', due, delivered),
    } as Figures;
  }

  return {
    run,
    close: () => {
      for (const client of clients) client.close();
    },
  };
}

function percentiles(name: string, from: Float64Array, to: Float64Array): Record<string, number> {
  const times = to.map((time, index) => (time === 0 ? Infinity : time - (from[index] ?? 0))).sort();
  const at = (share: number): number => times[Math.floor(times.length * share)] ?? Infinity;
  return { [`${name}P50`]: at(0.5), [`${name}P99`]: at(0.99) };
}
