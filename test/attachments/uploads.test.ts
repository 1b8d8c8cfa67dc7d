/** What uploads leave behind, over instances, time and failing neighbours. */
import { readdir, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import sharp from 'sharp';
import { afterEach, describe, expect, inject, it } from 'vitest';
import type { Attachment, Group, Message } from '../../src/protocol/types.ts';
import { call, eventually, type Person, signUp, upload } from '../support/client.ts';
import { withDatabase } from '../support/database.ts';
import {
  startTestCluster,
  startTestServer,
  type TestServer,
  type TestServerOptions,
} from '../support/server.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
async function start(options: TestServerOptions = {}): Promise<TestServer> {
  const server = await startTestServer(options);
  closers.push(server.close);
  return server;
}

const NOTES = { name: 'notes.txt', content: 'buy bread' };
const photo = async () => ({
  name: 'photo.jpg',
  type: 'image/jpeg',
  content: await sharp({
    create: { width: 1_000, height: 900, channels: 3, background: '#37c' },
  })
    .jpeg()
    .toBuffer(),
});

/** Names of all files that the server keeps. */
async function keptFiles({ config }: Pick<TestServer, 'config'>): Promise<string[]> {
  const entries = await readdir(join(config.dataDir, 'attachments'), {
    recursive: true,
    withFileTypes: true,
  }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}
const send = (url: string, as: Person, to: Person, body: object) =>
  call<Message>(url, 'POST', `/api/messages/send/${to.id}`, { as, body });
const statusOf = async (url: string, { url: path }: Attachment, as: Person) =>
  (await call(url, 'GET', path, { as })).status;

describe('uploads', () => {
  it('to one instance are sent from, and downloaded from, another', async () => {
    const cluster = await startTestCluster();
    closers.push(cluster.close);
    const [ann, ben] = [await signUp(cluster.a.url), await signUp(cluster.b.url)];
    const { body: picture } = await upload(cluster.a.url, ann, await photo());
    const { status } = await send(cluster.b.url, ann, ben, { attachments: [picture._id] });
    expect(status).toBe(201);
    for (const { url } of cluster.servers) expect(await statusOf(url, picture, ben)).toBe(200);
  });

  it('are whole with and without Redis', async () => {
    for (const options of [{}, { redisUrl: 'off' }]) {
      const server = await start(options);
      const ann = await signUp(server.url);
      const { body } = await upload(server.url, ann, await photo());
      expect(body).toMatchObject({ width: 1_000, height: 900, thumbnail: { width: 768 } });
    }
  });

  it('pass through the queue of images', async () => {
    const server = await start();
    const admin = await signUp(server.url);
    const { id } = (await call<{ instance: { id: string } }>(server.url, 'GET', '/health')).body
      .instance;
    expect((await upload(server.url, admin, await photo())).status).toBe(201);
    expect((await upload(server.url, admin, NOTES)).status).toBe(201);
    const { body } = await call<{ queues: { name: string }[] }>(
      server.url,
      'GET',
      '/admin/queues/api/queues',
      { as: admin },
    );
    expect(body.queues.map(({ name }) => name)).toContain(`images-${id}`);
    // The queue is opened with the first picture, which does not wait until it is connected.
    await eventually(async () => {
      const metrics = await call<string>(server.url, 'GET', '/metrics');
      expect(metrics.body).toMatch(/chat_queue_jobs\{[^}]*queue="images"/);
    });
    expect((await upload(server.url, admin, await photo())).status).toBe(201);
    // Bull counts a queue's jobs: pictures are some, notes are none.
    const redis = new Redis(inject('redisUrl'));
    try {
      const [counter] = await redis.keys(`*:bull:images-${id}:id`);
      expect(await redis.get(counter ?? '')).toMatch(/^[12]$/);
    } finally {
      redis.disconnect();
    }
  });

  it('that are not sent are removed after a day, and others are not', async () => {
    const database = `uploads-${Date.now()}`;
    const first = await start({ database });
    const { dataDir } = first.config;
    const [ann, ben] = [await signUp(first.url), await signUp(first.url)];
    const [unsent, sent] = await Promise.all([
      upload(first.url, ann, await photo()),
      upload(first.url, ann, await photo()),
    ]);
    await send(first.url, ann, ben, { attachments: [sent.body._id] });
    expect(await keptFiles(first)).toHaveLength(4);

    // As a crash leaves it.
    const { _id } = unsent.body;
    const folder = join(dataDir, 'attachments', _id.slice(22));
    await writeFile(join(folder, `${_id}.part`), 'half of it');
    const clockAfter = (hours: number) => () => new Date(Date.now() + hours * 3_600_000);
    const later = (hours: number) =>
      start({ database, dataDir, overrides: { clock: clockAfter(hours) } });
    const soon = await later(23);
    const { body } = await upload(soon.url, ann, NOTES);
    expect(await keptFiles(first)).toHaveLength(6);
    const { body: late } = await upload(soon.url, ann, NOTES);
    expect((await send(soon.url, ann, ben, { attachments: [late._id] })).status).toBe(201);

    const nextDay = await later(50);
    // Of the two that were sent: a picture with its thumbnail, and notes.
    await eventually(async () => expect(await keptFiles(first)).toHaveLength(3));
    for (const one of [body, unsent.body]) expect(await statusOf(nextDay.url, one, ann)).toBe(404);
    for (const one of [late, sent.body]) {
      expect(await statusOf(nextDay.url, one, ben)).toBe(200);
    }
  });

  it('are too old to be sent before they are removed', async () => {
    const database = `uploads-${Date.now()}`;
    const first = await start({ database });
    const [ann, ben] = [await signUp(first.url), await signUp(first.url)];
    const { body } = await upload(first.url, ann, NOTES);
    const clock = () => new Date(Date.now() + 24.5 * 3_600_000);
    const later = await start({ database, dataDir: first.config.dataDir, overrides: { clock } });
    expect((await send(later.url, ann, ben, { attachments: [body._id] })).status).toBe(404);
  });

  it('that fail leave nothing', async () => {
    const server = await start({ env: { MAX_UPLOAD_MB: '1' } });
    const ann = await signUp(server.url);
    const content = Buffer.alloc(1024 * 1024 + 1);
    const refused = await upload(server.url, ann, { name: 'large.bin', content });
    expect(refused).toMatchObject({
      status: 413,
      body: { detail: 'file: A file has at most 1 MB.' },
    });
    const { content: whole, ...image } = await photo();
    await upload(server.url, ann, { ...image, content: whole.subarray(0, 4_200) });
    expect(await keptFiles(server)).toEqual([]);
    const fits = await upload(server.url, ann, { name: 'a.bin', content: content.subarray(1) });
    expect(fits.status).toBe(201);
  });

  it('of a client that goes away half-way leave nothing', async () => {
    const server = await start();
    const ann = await signUp(server.url);
    const abort = new AbortController();
    let sent = 0;
    const body = new ReadableStream({
      pull: async (controller) => {
        if (sent === 0) {
          const head = '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n';
          controller.enqueue(Buffer.from(head));
        } else if (sent < 20) controller.enqueue(Buffer.alloc(10_000));
        else {
          // Not before it has something that could be left.
          await eventually(async () => expect(await keptFiles(server)).toHaveLength(1));
          abort.abort();
        }
        sent++;
      },
    });
    const going = fetch(`${server.url}/api/attachments`, {
      method: 'POST',
      headers: { cookie: ann.cookie, 'content-type': 'multipart/form-data; boundary=x' },
      body,
      signal: abort.signal,
      duplex: 'half',
    } as RequestInit);
    await expect(going).rejects.toThrow();
    await eventually(async () => expect(await keptFiles(server)).toEqual([]));
    const { body: next } = await upload(server.url, ann, NOTES);
    expect(await keptFiles(server)).toEqual([next._id]);
  });

  it('that wait to be sent are bounded', async () => {
    const server = await start();
    const ann = await signUp(server.url);
    const ben = await signUp(server.url);
    let last: string[] = [];
    for (let left = 100; left > 0; left -= 10) {
      const answers = await Promise.all(
        Array.from({ length: 10 }, () => upload(server.url, ann, NOTES)),
      );
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
      last = answers.map(({ body }) => body._id);
    }
    expect(await upload(server.url, ann, NOTES)).toMatchObject({
      status: 409,
      body: { code: 'too_many_uploads' },
    });
    // What was sent waits no more.
    expect((await send(server.url, ann, ben, { attachments: last })).status).toBe(201);
    expect((await upload(server.url, ann, NOTES)).status).toBe(201);
  });

  it('that are refused leave the connection as it was', async () => {
    const server = await start({ env: { MAX_UPLOAD_MB: '1' } });
    const ann = await signUp(server.url);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number | undefined>();
    const ask = (method: string, path: string, type = '', ...parts: (string | Buffer)[]) =>
      new Promise<number>((resolve, reject) => {
        const headers = { cookie: ann.cookie, ...(type === '' ? {} : { 'content-type': type }) };
        const asked = request(`${server.url}${path}`, { method, headers, agent });
        // Reads nothing before everything is sent, as many clients do.
        asked.on('error', reject);
        asked.on('response', (response) => {
          ports.add(response.socket.localPort);
          response.resume().on('end', () => resolve(response.statusCode ?? 0));
        });
        for (const part of parts) asked.write(part);
        asked.end();
      });
    const opening = (type: string) =>
      `--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\nContent-Type: ${type}\r\n\r\n`;
    const multipart = 'multipart/form-data; boundary=x';
    try {
      for (const [type, size, status] of [
        ['image/png', 200_000, 400],
        ['text/plain', 1_500_000, 413],
      ] as const) {
        const body = [opening(type), Buffer.alloc(size, 'x'), '\r\n--x--\r\n'];
        expect(await ask('POST', '/api/attachments', multipart, ...body)).toBe(status);
        expect(await ask('GET', '/api/attachments/limits')).toBe(200);
      }
      expect(ports.size).toBe(1);
    } finally {
      agent.destroy();
    }
  });

  it('of a refused message may be sent with another one', async () => {
    const server = await start();
    const [ann, ben] = [await signUp(server.url), await signUp(server.url)];
    const { body: file } = await upload(server.url, ann, NOTES);
    const clientId = 'the-first-message';
    await send(server.url, ann, ben, { text: 'First', clientId });
    const content = { text: 'With a file', attachments: [file._id] };
    expect((await send(server.url, ann, ben, { ...content, clientId })).status).toBe(409);
    await eventually(async () =>
      expect((await send(server.url, ann, ben, content)).status).toBe(201),
    );
  });

  it('of a message that was deleted do not keep its retry from the first answer', async () => {
    const server = await start();
    const [ann, ben] = [await signUp(server.url), await signUp(server.url)];
    const { body: file } = await upload(server.url, ann, NOTES);
    const content = { text: 'Gone soon', attachments: [file._id], clientId: 'sent-and-deleted' };
    const { body: first } = await send(server.url, ann, ben, content);
    await call(server.url, 'DELETE', `/api/messages/${first._id}`, { as: ann });
    const again = await send(server.url, ann, ben, content);
    expect(again).toMatchObject({ status: 200, body: { _id: first._id } });
    expect(again.body).not.toHaveProperty('attachments');
  });

  it('of a group whose removal was cut off are removed by the next start', async () => {
    const database = `uploads-${Date.now()}`;
    const first = await start({ database });
    const ann = await signUp(first.url);
    const { body: group } = await call<Group>(first.url, 'POST', '/api/groups', {
      as: ann,
      body: { name: 'Crew', memberIds: [] },
    });
    const { body: file } = await upload(first.url, ann, await photo());
    const body = { text: 'Look', attachments: [file._id] };
    await call(first.url, 'POST', `/api/groups/${group._id}/messages`, { as: ann, body });
    await withDatabase(database, async (db) => {
      await db.collection<{ _id: string }>('deployment').insertOne({ _id: `removal:${group._id}` });
    });
    await start({ database, dataDir: first.config.dataDir });
    await eventually(async () => expect(await keptFiles(first)).toEqual([]));
    await eventually(() =>
      withDatabase(database, async (db) => {
        const left = await db.collection('messages').countDocuments({ conversationId: group._id });
        const notes = await db
          .collection<{ _id: string }>('deployment')
          .countDocuments({ _id: `removal:${group._id}` });
        expect([left, notes]).toEqual([0, 0]);
      }),
    );
  });

  it('of a deleted group are gone from the disk, its picture too', async () => {
    const server = await start();
    const ann = await signUp(server.url);
    const picture = `data:image/jpeg;base64,${(await photo()).content.toString('base64')}`;
    const { body: group } = await call<Group>(server.url, 'POST', '/api/groups', {
      as: ann,
      body: { name: 'Crew', memberIds: [], groupPic: picture },
    });
    const { body: file } = await upload(server.url, ann, await photo());
    const path = `/api/groups/${group._id}`;
    await call(server.url, 'POST', `${path}/messages`, {
      as: ann,
      body: { attachments: [file._id] },
    });
    await call(server.url, 'POST', `${path}/messages`, { as: ann, body: { image: picture } });
    expect(await keptFiles(server)).toHaveLength(4);
    await call(server.url, 'DELETE', path, { as: ann });
    await eventually(async () => expect(await keptFiles(server)).toEqual([]));
  });
});
