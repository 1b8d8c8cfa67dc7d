import { request } from 'node:http';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { limits } from '../../src/protocol/limits.ts';
import type { Attachment, Message, UploadLimits } from '../../src/protocol/types.ts';
import { emit, listen, type Person, type UploadFile, upload } from '../support/client.ts';
import { uniqueName } from '../support/names.ts';
import {
  type Conversation,
  expectProblem,
  type Kind,
  NOBODY,
  PNG,
  statuses,
  testTarget,
} from './target.ts';

const target = testTarget();

const NOTES: UploadFile = { name: 'notes.txt', type: 'text/plain', content: 'buy bread' };
const photo = (width = 1_600, height = 1_200) =>
  sharp({ create: { width, height, channels: 3, background: '#c33' } })
    .jpeg()
    .withExif({ IFD0: { Copyright: 'the camera told it' } })
    .toBuffer();

async function uploaded(as: Person, file: UploadFile = NOTES): Promise<Attachment> {
  const { status, body } = await upload(target.url, as, file);
  expect(status).toBe(201);
  return body;
}
const download = (url: string, as?: Person) =>
  fetch(target.url + url, as === undefined ? {} : { headers: { cookie: as.cookie } });
const statusFor = async (url: string, ...people: Person[]): Promise<number[]> =>
  statuses(await Promise.all(people.map((as) => target.call('GET', url, { as }))));

const ways = ['HTTP', 'a socket'] as const;
async function sendFrom(
  way: (typeof ways)[number],
  chat: Conversation,
  content: object,
): Promise<{ status: number; body: Message | { code: string; detail: string } }> {
  if (way === 'HTTP') {
    return target.call<Message>('POST', chat.sendPath(chat.ben), { as: chat.ann, body: content });
  }
  const socket = await target.open(chat.ann);
  const payload = { ...chat.to(chat.ben), clientId: uniqueName('client'), ...content };
  const ack = await emit(socket, 'sendMessage', payload);
  return ack.ok
    ? { status: 201, body: ack.message }
    : { status: ack.error.status, body: ack.error };
}
const cases = (['direct', 'group'] as Kind[]).flatMap((kind) => ways.map((way) => ({ kind, way })));

describe.each(cases)('an upload sent over $way in a $kind conversation', ({ kind, way }) => {
  it('reaches the others, who may download it under its name', async () => {
    const chat = await target.conversation(kind);
    const heard = listen(await target.open(chat.ben), chat.event);
    const notes = await uploaded(chat.ann);
    expect(notes).toEqual({
      _id: expect.any(String),
      url: `/api/attachments/${notes._id}`,
      ...{ name: 'notes.txt', type: 'application/octet-stream', size: 9 },
    });
    const { status, body } = await sendFrom(way, chat, { attachments: [notes._id] });
    expect(status).toBe(201);
    expect(body).toMatchObject({ text: '', attachments: [notes] });
    expect(body).not.toHaveProperty('image');
    expect(await heard.until()).toMatchObject({ attachments: [notes] });
    const history = await target.call('GET', chat.historyPath(chat.ann), { as: chat.ben });
    expect(history.body).toMatchObject([{ attachments: [notes] }]);

    const response = await download(notes.url, chat.ben);
    expect(await response.text()).toBe('buy bread');
    const { headers } = response;
    expect(headers.get('content-disposition')).toBe('attachment; filename=notes.txt');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain('sandbox');
    expect(headers.get('content-length')).toBe('9');
  });

  it('is for its owner until it is sent, then for the conversation alone', async () => {
    const chat = await target.conversation(kind);
    const [eve] = await target.people('Eve');
    const { url, _id } = await uploaded(chat.ann);
    expect(await statusFor(url, chat.ann, chat.ben, eve)).toEqual([200, 404, 404]);
    expect((await sendFrom(way, chat, { text: 'Here', attachments: [_id] })).status).toBe(201);
    expect(await statusFor(url, chat.ann, chat.ben, eve)).toEqual([200, 200, 404]);
    expect((await download(url)).status).toBe(401);
  });

  it('of somebody else, of nobody or of another message is refused, and nothing is stored', async () => {
    const chat = await target.conversation(kind);
    const other = await target.conversation(kind);
    const [strange, own, sent] = await Promise.all([
      uploaded(chat.ben),
      uploaded(chat.ann),
      uploaded(chat.ann),
    ]);
    for (const id of [strange._id, NOBODY]) {
      const refused = await sendFrom(way, chat, { attachments: [own._id, id] });
      expect(refused).toMatchObject({ status: 404, body: { code: 'not_found' } });
    }
    await sendFrom(way, chat, { text: 'First', attachments: [sent._id] });
    const again = await sendFrom(way, chat, { attachments: [own._id, sent._id] });
    expect(again).toMatchObject({ status: 400, body: { code: 'invalid_input' } });
    expect(again.body).toHaveProperty('errors.0.path', 'attachments.1');
    // It is still free for a message of its own.
    expect((await sendFrom(way, chat, { attachments: [own._id] })).status).toBe(201);
    const history = await target.call<Message[]>('GET', chat.historyPath(chat.ann), {
      as: chat.ben,
    });
    expect(history.body.map(({ text }) => text)).toEqual(['First', '']);
    expect(other.id).not.toBe(chat.id);
  });

  it.each([
    [
      'more than ten',
      (id: string) => Array.from({ length: 11 }, (_, i) => `${id.slice(0, 22)}${i + 10}`),
    ],
    ['one twice', (id: string) => [id, id]],
    ['no ids', () => ['../../etc/passwd']],
    ['no list', () => 'all of them'],
  ])('cannot be asked for as %s', async (_what, attachments) => {
    const chat = await target.conversation(kind);
    const { _id } = await uploaded(chat.ann);
    const refused = await sendFrom(way, chat, { text: 'x', attachments: attachments(_id) });
    expect(refused).toMatchObject({ status: 400, body: { code: 'invalid_input' } });
    expect((refused.body as { detail: string }).detail).toContain('attachments');
  });

  it('is sent once, however often its message is', async () => {
    const chat = await target.conversation(kind);
    const [one, two] = await Promise.all([uploaded(chat.ann), uploaded(chat.ann)]);
    const clientId = uniqueName('client');
    const body = { text: 'Both', clientId, attachments: [two._id, one._id] };
    const first = await sendFrom(way, chat, body);
    expect(first).toMatchObject({ status: 201, body: { attachments: [two, one] } });
    const again = await sendFrom(way, chat, body);
    expect(again.body).toMatchObject({ _id: (first.body as Message)._id, attachments: [two, one] });
    const other = await sendFrom(way, chat, { ...body, attachments: [one._id] });
    expect(other).toMatchObject({ status: 409, body: { code: 'client_id_reused' } });
  });
});

describe('an uploaded picture', () => {
  it('is encoded anew, with its size and a smaller copy', async () => {
    const chat = await target.conversation('direct');
    const content = await photo();
    expect(content.includes('the camera told it')).toBe(true);
    const picture = await uploaded(chat.ann, { name: 'IMG_1.jpg', type: 'image/jpeg', content });
    expect(picture).toMatchObject({ type: 'image/jpeg', width: 1_600, height: 1_200 });
    expect(picture.thumbnail).toEqual({
      url: `${picture.url}/thumbnail`,
      width: 768,
      height: 576,
    });
    const { body } = await sendFrom('a socket', chat, { attachments: [picture._id] });
    expect(body).toMatchObject({ image: picture.url, attachments: [picture] });

    const whole = await download(picture.url, chat.ben);
    expect(whole.headers.get('content-disposition')).toBe('inline');
    const bytes = Buffer.from(await whole.arrayBuffer());
    expect(bytes.length).toBe(picture.size);
    expect(bytes.includes('the camera told it')).toBe(false);
    const small = await download(picture.thumbnail?.url ?? '', chat.ben);
    expect(small.headers.get('content-type')).toBe('image/webp');
    const metadata = await sharp(Buffer.from(await small.arrayBuffer())).metadata();
    expect(metadata).toMatchObject({ format: 'webp', width: 768, height: 576 });
    const [eve] = await target.people('Eve');
    expect(await statusFor(picture.thumbnail?.url ?? '', chat.ben, eve)).toEqual([200, 404]);
  });

  it('that is small has no smaller copy', async () => {
    const chat = await target.conversation('direct');
    const content = Buffer.from(PNG.split(',')[1] ?? '', 'base64');
    const picture = await uploaded(chat.ann, { name: 'dot.png', type: 'image/png', content });
    expect(picture).toMatchObject({ width: 1, height: 1 });
    expect(picture).not.toHaveProperty('thumbnail');
    expect(await statusFor(`${picture.url}/thumbnail`, chat.ann)).toEqual([404]);
  });

  it('that is turned by its camera is shown upright', async () => {
    const [ann] = await target.people('Ann');
    const content = await sharp({
      create: { width: 40, height: 20, channels: 3, background: '#c33' },
    })
      .jpeg()
      .withMetadata({ orientation: 6 })
      .toBuffer();
    const picture = await uploaded(ann, { name: 'turned.jpg', type: 'image/jpeg', content });
    expect(picture).toMatchObject({ width: 20, height: 40 });
  });

  it('that is damaged is refused, and nothing is kept', async () => {
    const [ann] = await target.people('Ann');
    const content = (await photo()).subarray(0, 6_000);
    const file = { name: 'half.jpg', type: 'image/jpeg', content };
    expectProblem(await upload(target.url, ann, file), 'invalid_image');
  });

  it('that unpacks to too much is refused', async () => {
    const [ann] = await target.people('Ann');
    const content = await sharp({
      create: { width: 9_000, height: 9_000, channels: 3, background: '#fff' },
      limitInputPixels: false,
    })
      .png()
      .toBuffer();
    const file = { name: 'bomb.png', type: 'image/png', content };
    expectProblem(await upload(target.url, ann, file), 'invalid_image');
  });
});

describe('a file that pretends', () => {
  const SVG = '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>';
  it.each([
    ['HTML called a picture', 'page.png', 'image/png', '<html><script>alert(1)</script>'],
    ['SVG called a picture', 'drawing.png', 'image/png', SVG],
    ['an empty picture', 'empty.png', 'image/png', ''],
  ])('%s is refused', async (_what, name, type, content) => {
    const [ann] = await target.people('Ann');
    expectProblem(await upload(target.url, ann, { name, type, content }), 'invalid_image');
  });

  it.each([
    ['SVG', 'drawing.svg', 'image/svg+xml', SVG],
    ['HTML', 'page.html', 'text/html', '<script>alert(1)</script>'],
    ['a picture without a type', 'x.bin', 'application/octet-stream', '<svg/>'],
  ])('%s is downloaded, never run', async (_what, name, type, content) => {
    const [ann] = await target.people('Ann');
    const { url } = await uploaded(ann, { name, type, content });
    const { headers } = await download(url, ann);
    expect(headers.get('content-disposition')).toMatch(/^attachment; filename=/);
    expect(headers.get('content-type')).not.toMatch(/html|svg|image/);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  });

  it.each([
    ['../../etc/passwd', 'passwd'],
    ['..', 'file'],
    ['invoice\u202Efdp.exe', 'invoicefdp.exe'],
    ['Übersicht — 年報.pdf', 'Übersicht — 年報.pdf'],
    [`${'long'.repeat(100)}.tar`, `${'long'.repeat(100).slice(0, limits.fileNameLength - 4)}.tar`],
  ])('the name %j becomes %j', async (name, clean) => {
    const [ann] = await target.people('Ann');
    const { url, ...rest } = await uploaded(ann, { ...NOTES, name });
    expect(rest.name).toBe(clean);
    const disposition = (await download(url, ann)).headers.get('content-disposition') ?? '';
    const encoded = /filename\*=UTF-8''(.*)/.exec(disposition)?.[1];
    const plain = /filename=("?)(.*)\1$/.exec(disposition)?.[2]?.replaceAll('\\"', '"');
    expect(encoded === undefined ? plain : decodeURIComponent(encoded)).toBe(clean);
  });
});

describe('a body that is no upload', () => {
  const post = (
    as: Person | undefined,
    body: string | FormData,
    headers: Record<string, string> = {},
  ) =>
    fetch(`${target.url}/api/attachments`, {
      method: 'POST',
      headers: { ...(as === undefined ? {} : { cookie: as.cookie }), ...headers },
      body,
    }).then(async (response) => ({
      status: response.status,
      headers: response.headers,
      body: (await response.json()) as Record<string, unknown>,
    }));
  const form = (...parts: [string, string | Blob, string?][]): FormData => {
    const data = new FormData();
    for (const [field, value, name] of parts) {
      if (typeof value === 'string') data.append(field, value);
      else data.append(field, value, name);
    }
    return data;
  };

  it('is refused by what is wrong with it', async () => {
    const [ann] = await target.people('Ann');
    const file = new Blob(['x']);
    expectProblem(
      await post(ann, '{}', { 'content-type': 'application/json' }),
      'unsupported_media_type',
    );
    for (const [body, words] of [
      [form(), 'body'],
      [form(['other', file, 'x.txt']), 'body.other'],
      [form(['file', 'no file']), 'takes one file'],
      [form(['file', file, 'x.txt'], ['more', 'text']), 'takes one file'],
      [form(['file', file, 'x.txt'], ['file', file, 'y.txt']), 'takes one file'],
    ] as const) {
      const refused = await post(ann, body);
      expectProblem(refused, 'invalid_input');
      expect(refused.body.detail).toContain(words);
    }
    const multipart = { 'content-type': 'multipart/form-data; boundary=x' };
    const start = '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc';
    for (const body of ['', 'no parts', start, `${start}\r\n--x`]) {
      expectProblem(await post(ann, body, multipart), 'invalid_input');
    }
    expectProblem(
      await post(ann, 'x', { 'content-type': 'multipart/form-data' }),
      'unsupported_media_type',
    );
    expectProblem(await post(undefined, form(['file', file, 'x.txt'])), 'unauthenticated');
  });

  /** Sends the beginning of an upload, and no end; resolves with the answer all the same. */
  function begin(as: Person, first: Buffer[], headers: Record<string, string> = {}) {
    return new Promise<{ status: number; body: Record<string, unknown> }>((resolve, reject) => {
      const call = request(`${target.url}/api/attachments`, {
        method: 'POST',
        headers: {
          cookie: as.cookie,
          'content-type': 'multipart/form-data; boundary=x',
          ...headers,
        },
      });
      call.on('error', reject);
      call.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (part: string) => {
          text += part;
        });
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) });
          call.destroy();
        });
      });
      for (const part of first) call.write(part);
    });
  }
  const opening = (name: string, type: string) =>
    Buffer.from(
      `--x\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\nContent-Type: ${type}\r\n\r\n`,
    );

  it('and is too large is refused before its rest is read, with the limit in words', async () => {
    const [ann] = await target.people('Ann');
    const { body } = await target.call<UploadLimits>('GET', '/api/attachments/limits', { as: ann });
    expect(body.perMessage).toBe(10);
    const megabytes = body.maxBytes / 1024 / 1024;
    const told = await begin(ann, [opening('a.bin', 'application/x-bin')], {
      'content-length': String(body.maxBytes + 1_000_000),
    });
    expect(told).toMatchObject({ status: 413, body: { code: 'too_large' } });
    expect(told.body.detail).toContain(`${megabytes} MB`);
    const chunks = Array.from({ length: megabytes + 1 }, () => Buffer.alloc(1024 * 1024));
    const untold = await begin(ann, [opening('a.bin', 'application/x-bin'), ...chunks]);
    expect(untold).toMatchObject({ status: 413, body: { code: 'too_large' } });
    expect(untold.body.detail).toContain(`${megabytes} MB`);
  });

  it('and is no picture, as it says, is refused before its rest is read', async () => {
    const [ann] = await target.people('Ann');
    const html = Buffer.from('<html>'.padEnd(8_000));
    const refused = await begin(ann, [opening('a.png', 'image/png'), html]);
    expect(refused).toMatchObject({ status: 400, body: { code: 'invalid_image' } });
  });
});

it('files of a deleted message are gone, and the words of one with files may be taken out', async () => {
  const chat = await target.conversation('group');
  const [notes, picture] = await Promise.all([
    uploaded(chat.ann),
    uploaded(chat.ann, { name: 'p.jpg', type: 'image/jpeg', content: await photo() }),
  ]);
  const content = { text: 'Look', attachments: [notes._id, picture._id] };
  const { body } = await sendFrom('HTTP', chat, content);
  const path = `/api/messages/${(body as Message)._id}`;
  const edited = await target.call('PATCH', path, { as: chat.ann, body: { text: '' } });
  expect(edited).toMatchObject({ status: 200, body: { text: '', attachments: [notes, picture] } });
  const deleted = await target.call('DELETE', path, { as: chat.ann });
  expect(deleted.body).not.toHaveProperty('attachments');
  for (const url of [notes.url, picture.url, picture.thumbnail?.url ?? '']) {
    expect(await statusFor(url, chat.ann, chat.ben)).toEqual([404, 404]);
  }
});

it('files of before they joined are hidden from those who do not see what was', async () => {
  const [ann, ben] = await target.people('Ann', 'Ben');
  const group = await target.group([ann], { history: 'sinceJoin' });
  const path = `/api/groups/${group._id}`;
  const send = async ({ _id }: Attachment) =>
    target.call('POST', `${path}/messages`, { as: ann, body: { attachments: [_id] } });
  const [before, early] = await Promise.all([uploaded(ann), uploaded(ann)]);
  await send(before);
  await target.call('POST', `${path}/members`, { as: ann, body: { memberIds: [ben.id] } });
  await send(early);
  expect(await statusFor(before.url, ann, ben)).toEqual([200, 404]);
  // Uploaded before they joined, and sent afterwards.
  expect(await statusFor(early.url, ann, ben)).toEqual([200, 200]);
});
