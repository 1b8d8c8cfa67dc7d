/** What uploads leave behind, over instances, time and failing neighbours. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, describe, expect, it } from 'vitest';
import type { Attachment, Group, Message } from '../../src/protocol/types.ts';
import { call, eventually, type Person, signUp, upload } from '../support/client.ts';
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
    const { body } = await call<{ queues: { name: string }[] }>(
      server.url,
      'GET',
      '/admin/queues/api/queues',
      { as: admin },
    );
    expect(body.queues.map(({ name }) => name).sort()).toEqual([`images-${id}`, `messages-${id}`]);
    const metrics = await call<string>(server.url, 'GET', '/metrics');
    expect(metrics.body).toMatch(/chat_queue_jobs\{[^}]*queue="images"/);
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

    const clockAfter = (hours: number) => () => new Date(Date.now() + hours * 3_600_000);
    const later = (hours: number) =>
      start({ database, dataDir, overrides: { clock: clockAfter(hours) } });
    const soon = await later(23);
    const { body } = await upload(soon.url, ann, NOTES);
    expect(await keptFiles(first)).toHaveLength(5);
    expect((await send(soon.url, ann, ben, { attachments: [unsent.body._id] })).status).toBe(201);

    const nextDay = await later(50);
    await eventually(async () => expect(await keptFiles(first)).toHaveLength(4));
    expect(await statusOf(nextDay.url, body, ann)).toBe(404);
    for (const one of [unsent.body, sent.body]) {
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
      pull(controller) {
        if (sent === 0) {
          const head = '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n';
          controller.enqueue(Buffer.from(head));
        } else if (sent < 20) controller.enqueue(Buffer.alloc(10_000));
        else abort.abort();
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
    for (let left = 100; left > 0; left -= 10) {
      const answers = await Promise.all(
        Array.from({ length: 10 }, () => upload(server.url, ann, NOTES)),
      );
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
    }
    expect(await upload(server.url, ann, NOTES)).toMatchObject({
      status: 409,
      body: { code: 'too_many_uploads' },
    });
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
