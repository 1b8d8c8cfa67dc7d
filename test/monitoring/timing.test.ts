/** Every answer says how long it took and how the logs name it, whoever gives it. */
import { connect as connectTo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { call, signUp } from '../support/client.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

function expectTimed(headers: Headers, requestId?: string): void {
  const ms = headers.get('x-response-time') ?? '';
  expect(ms).toMatch(/^\d+\.\d\d$/);
  expect(headers.get('server-timing')).toBe(`app;dur=${ms}`);
  if (requestId === undefined) expect(headers.get('x-request-id')).toMatch(/^[\w-]{36}$/);
  else expect(headers.get('x-request-id')).toBe(requestId);
}

/** What a server answers to raw bytes, until it closes. */
function exchange(url: string, text: string): Promise<{ status: number; headers: Headers }> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const connection = connectTo(Number(port), hostname, () => connection.write(text));
    let answer = '';
    connection.setTimeout(10_000, () => connection.destroy(new Error('no answer')));
    connection.on('error', reject);
    connection.on('data', (data) => {
      answer += data.toString();
    });
    connection.on('close', () => {
      const [status = '', ...lines] = (answer.split('\r\n\r\n')[0] ?? '').split('\r\n');
      const pairs = lines.map((line) => line.split(': ', 2) as [string, string]);
      resolve({ status: Number(status.split(' ')[1]), headers: new Headers(pairs) });
    });
  });
}

describe('the headers of an answer', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.close());

  it.each([
    ['GET', '/livez', 200],
    ['GET', '/health', 200],
    ['GET', '/api/auth/check', 401],
    ['GET', '/api/nothing', 404],
    ['GET', '/nothing.png', 404],
    ['GET', '/admin/queues', 401],
    ['POST', '/api/auth/login', 400],
    ['GET', '/socket.io/?EIO=4&transport=nothing', 400],
    ['GET', '/socket.io/?EIO=4&transport=polling&sid=nobody', 400],
    ['GET', '/socket.io/?EIO=4&transport=polling', 200],
  ])('%s %s (%i)', async (method, path, status) => {
    const requestId = 'named-by-a-proxy';
    const answer = await call(server.url, method, path, { headers: { 'x-request-id': requestId } });
    expect(answer.status).toBe(status);
    expectTimed(answer.headers, requestId);
    expectTimed((await call(server.url, method, path)).headers);
  });

  it('of polling from a foreign page', async () => {
    const headers = { origin: 'https://elsewhere.example' };
    const path = '/socket.io/?EIO=4&transport=polling';
    const answer = await call(server.url, 'GET', path, { headers });
    expect(answer.status).toBe(403);
    expectTimed(answer.headers);
  });

  const upgrade = async (headers: Record<string, string>) => {
    const ann = await signUp(server.url);
    const address = `${server.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`;
    return new Promise<{ status: number; headers: Headers }>((resolve, reject) => {
      const socket = new WebSocket(address, { headers: { cookie: ann.cookie, ...headers } });
      const told = (response: {
        statusCode?: number | undefined;
        headers: NodeJS.Dict<string | string[]>;
      }) => {
        const pairs = Object.entries(response.headers).map(
          ([name, value]) => [name, String(value)] as [string, string],
        );
        resolve({ status: response.statusCode ?? 0, headers: new Headers(pairs) });
        socket.terminate();
      };
      socket.on('upgrade', told);
      socket.on('unexpected-response', (_request, response) => told(response));
      socket.on('error', reject);
    });
  };

  it('of an upgrade to WebSocket', async () => {
    const answer = await upgrade({ 'x-request-id': 'named-by-a-proxy' });
    expect(answer.status).toBe(101);
    expectTimed(answer.headers, 'named-by-a-proxy');
  });

  it('of an upgrade that a foreign page asks for', async () => {
    const answer = await upgrade({ origin: 'https://elsewhere.example' });
    expect(answer.status).toBe(400);
    expectTimed(answer.headers);
  });

  it('of an upgrade that is none', async () => {
    const request = [
      'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1',
      'Host: localhost',
      'Connection: Upgrade',
      'Upgrade: websocket',
      '',
      '',
    ];
    const answer = await exchange(server.url, request.join('\r\n'));
    expect(answer.status).toBe(400);
    expectTimed(answer.headers);
  });

  it('of what is no HTTP, and of headers that are too long', async () => {
    const nonsense = await exchange(server.url, 'nonsense\r\n\r\n');
    expect(nonsense.status).toBe(400);
    expectTimed(nonsense.headers);
    const long = `GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`;
    const tooLong = await exchange(server.url, long);
    expect(tooLong.status).toBe(431);
    expectTimed(tooLong.headers);
  });
});
