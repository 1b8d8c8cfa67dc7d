/**
 * A Socket.IO client on bare WebSockets, so that a load generator spends its time on load: it
 * parses no more of a packet than the measurement needs.
 */
import WebSocket from 'ws';

export interface BenchClient {
  /** Sends an event with an acknowledgement id. */
  emit(ackId: number, event: string, payload: unknown): void;
  close(): void;
}

export interface BenchHandlers {
  /** An acknowledgement; `ok` tells whether it carries `"ok":true`. */
  onAck(ackId: number, ok: boolean): void;
  /** The raw text of an event packet, after its type: `["name",payload]`. */
  onEvent(packet: string): void;
}

/** Connects and resolves when the server has accepted the namespace. */
export function openClient(
  url: string,
  auth: Record<string, unknown>,
  handlers: BenchHandlers,
): Promise<BenchClient> {
  const target = `${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`;
  const socket = new WebSocket(target, { perMessageDeflate: false });
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('message', (data) => {
      const packet = data.toString();
      if (packet.startsWith('42')) handlers.onEvent(packet.slice(2));
      else if (packet.startsWith('43')) {
        const bracket = packet.indexOf('[');
        handlers.onAck(Number(packet.slice(2, bracket)), packet.startsWith('[{"ok":true', bracket));
      } else if (packet === '2') socket.send('3');
      else if (packet.startsWith('0')) socket.send(`40${JSON.stringify(auth)}`);
      else if (packet.startsWith('40')) {
        resolve({
          emit: (ackId, event, payload) =>
            socket.send(`42${ackId}${JSON.stringify([event, payload])}`),
          close: () => socket.terminate(),
        });
      } else if (packet.startsWith('44')) reject(new Error(`connection refused: ${packet}`));
    });
  });
}
