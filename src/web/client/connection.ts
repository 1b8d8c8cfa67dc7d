/**
 * The one Socket.IO connection of a client: it comes back by itself, with jittered growing
 * pauses, whatever ended it, until it is closed. Requests never wait in a buffer while the
 * connection is away: they fail at once, and whoever asked decides when to ask again.
 */
import { io, type Socket } from 'socket.io-client';
import type {
  Ack,
  ClientEventAnswers,
  ClientEventName,
  ClientToServerEvents,
  PROTOCOL_VERSION,
  ServerToClientEvents,
} from '../../protocol/events.ts';
import { Emitter } from './emitter.ts';
import { askedDelay, asProblem, ProblemError, UnreachableError } from './errors.ts';
import type { HttpOptions } from './http.ts';

export type ConnectionStatus = 'connecting' | 'online' | 'offline' | 'closed';

type ChatSocket = Socket<ServerToClientEvents, ClientToServerEvents>;
type Payload<K extends ClientEventName> = Parameters<ClientToServerEvents[K]>[0];

const protocol: typeof PROTOCOL_VERSION = 1;
/** The server answers within 5 s; a little more for the way. */
const ACK_TIMEOUT = 6_000;
const REFUSED_PAUSE = 2_000;

export class Connection {
  readonly changed = new Emitter();
  /** The server refused the connection: not signed in any more, or only busy. */
  readonly refused = new Emitter<Error>();
  readonly #socket: ChatSocket;
  #status: ConnectionStatus = 'closed';
  #again: ReturnType<typeof setTimeout> | undefined;

  constructor({ baseUrl, token }: HttpOptions) {
    const options = {
      path: '/socket.io',
      auth: { protocol, ...(token ? { token } : {}) },
      transports: ['websocket', 'polling'],
      tryAllTransports: true,
      autoConnect: false,
      // Two clients of different people in one process must not share a connection.
      forceNew: true,
      reconnectionDelay: 400,
      // A restarted server is met within 6 s, jitter included.
      reconnectionDelayMax: 4_000,
      randomizationFactor: 0.5,
      timeout: 10_000,
    };
    this.#socket = baseUrl === '' ? io(options) : io(baseUrl, options);
    this.#socket.on('connect', () => this.#become('online'));
    this.#socket.on('disconnect', () => this.#lost());
    this.#socket.on('connect_error', (error) => this.#failed(error));
  }

  get status(): ConnectionStatus {
    return this.#status;
  }

  /** The socket's id while it is connected. */
  get id(): string | undefined {
    return this.#socket.id;
  }

  open(): void {
    if (this.#status !== 'closed') return;
    this.#become('connecting');
    this.#socket.connect();
  }

  close(): void {
    clearTimeout(this.#again);
    this.#become('closed');
    this.#socket.disconnect();
  }

  /** The network seems to have changed: do not trust the present connection, do not wait. */
  wake(): void {
    if (this.#status === 'closed') return;
    // Leaving first ends the pause of a reconnection that is under way.
    this.#socket.disconnect();
    clearTimeout(this.#again);
    this.#become('offline');
    this.#socket.connect();
  }

  /** What the server says by itself. */
  get events(): Pick<ChatSocket, 'on'> {
    return this.#socket;
  }

  /** Sends an event and waits for its acknowledgement. Throws ProblemError or UnreachableError. */
  async ask<K extends ClientEventName>(
    event: K,
    payload: Payload<K>,
  ): Promise<ClientEventAnswers[K]> {
    if (!this.#socket.connected) throw new UnreachableError('There is no connection.');
    const socket: Socket = this.#socket;
    let answer: Ack<ClientEventAnswers[K]>;
    try {
      answer = await socket.timeout(ACK_TIMEOUT).emitWithAck(event, payload);
    } catch (cause) {
      throw new UnreachableError('The server did not answer in time.', { cause });
    }
    if (!answer.ok) throw new ProblemError(answer.error);
    return answer;
  }

  #become(status: ConnectionStatus): void {
    if (this.#status === status) return;
    this.#status = status;
    this.changed.emit();
  }

  #lost(): void {
    if (this.#status === 'closed') return;
    this.#become('offline');
    // After a disconnection by the server Socket.IO stays away unless it is asked.
    if (!this.#socket.active) this.#connectLater();
  }

  #failed(error: Error & { data?: unknown }): void {
    if (this.#status === 'closed') return;
    this.#become('offline');
    if (this.#socket.active) return;
    const problem = asProblem(error.data);
    const refusal = problem ? new ProblemError(problem) : error;
    this.refused.emit(refusal);
    this.#connectLater(askedDelay(refusal));
  }

  /** @param asked by the server, in milliseconds */
  #connectLater(asked = 0): void {
    clearTimeout(this.#again);
    const pause = asked + REFUSED_PAUSE * (0.5 + Math.random());
    this.#again = setTimeout(() => {
      if (this.#status !== 'closed') this.#socket.connect();
    }, pause);
  }
}
