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

/** Waits this long for what is still on its way. */
const DRAIN_MS = 3_000;

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
  let refused = 0;
  let twice = 0;
  let outstanding = 0;

  const onAck = (id: number, ok: boolean): void => {
    if (!ok) refused++;
    if (acked[id] === 0) outstanding--;
    acked[id] = performance.now();
  };
  const onEvent = (packet: string): void => {
    if (!packet.startsWith('["newMessage"')) return;
    const at = packet.indexOf(prefix);
    if (at === -1) return;
    const from = at + prefix.length;
    const id = Number(packet.slice(from, packet.indexOf('"', from)));
    if (delivered[id] !== 0) twice++;
    else outstanding--;
    delivered[id] = performance.now();
  };
  const clients: BenchClient[] = [];
  for (let index = 0; index < pairing.clients; index++) {
    clients.push(await openClient(url, pairing.authOf(index), { onAck, onEvent }));
  }

  async function run(rate: number, seconds: number): Promise<Figures> {
    const total = Math.round(rate * seconds);
    prefix = `${randomBytes(6).toString('hex')}-`;
    due = new Float64Array(total);
    acked = new Float64Array(total);
    delivered = new Float64Array(total);
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
        clients[index]?.emit(next, 'sendMessage', {
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
