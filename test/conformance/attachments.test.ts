import { describe, expect, it } from 'vitest';
import type { Group, Message, OwnUser } from '../../src/protocol/types.ts';
import type { Person } from '../support/client.ts';
import { expectProblem, PNG, statuses, testTarget } from './target.ts';

const target = testTarget();

const sendImage = (path: string, as: Person, image: string = PNG) =>
  target.call<Message>('POST', path, { as, body: { text: '', image } });
const statusFor = async (url: string, ...people: Person[]): Promise<number[]> =>
  statuses(await Promise.all(people.map((as) => target.call('GET', url, { as }))));

describe.each(['direct', 'group'] as const)('the image of a %s message', (kind) => {
  it('is served to the people of the conversation alone', async () => {
    const chat = await target.conversation(kind);
    const [eve] = await target.people('Eve');
    const { status, body } = await sendImage(chat.sendPath(chat.ben), chat.ann);
    expect(status).toBe(201);
    const [attachment] = body.attachments ?? [];
    expect(attachment).toMatchObject({ url: body.image, type: 'image/png', width: 1, height: 1 });
    const url = body.image ?? '';
    expect(await statusFor(url, chat.ann, chat.ben, eve)).toEqual([200, 200, 404]);
    expectProblem(await target.call('GET', url, { as: eve }), 'not_found');
    expectProblem(await target.call('GET', url), 'unauthenticated');
  });

  it('has its own type and size, and cannot run as a page', async () => {
    const chat = await target.conversation(kind);
    const { body } = await sendImage(chat.sendPath(chat.ben), chat.ann);
    const headers = { cookie: chat.ben.cookie };
    const response = await fetch(new URL(body.image ?? '', target.url), { headers });
    const bytes = await response.arrayBuffer();
    expect(bytes.byteLength).toBe(body.attachments?.[0]?.size);
    expect(response.headers.get('content-type')).toBe('image/png');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  });

  it.each([
    ['of another type', 'data:image/svg+xml;base64,PHN2Zz4='],
    ['of another content', `data:image/png;base64,${btoa('<svg onload=alert(1)>')}`],
    ['cut off', PNG.slice(0, 90)],
    ['that is an address', 'https://foreign.example/picture.png'],
    ['of more than 5 MB', `data:image/png;base64,${'A'.repeat(7_000_000)}`],
  ])('%s is refused, and no message is stored', async (_what, image) => {
    const chat = await target.conversation(kind);
    const refused = await sendImage(chat.sendPath(chat.ben), chat.ann, image);
    expect(refused.status).toBe(400);
    expect(refused.body).toMatchObject({ code: expect.stringMatching(/^invalid_/) });
    const history = await target.call('GET', chat.historyPath(chat.ann), { as: chat.ben });
    expect(history.body).toEqual([]);
  });
});

describe('a picture', () => {
  it('of a person is served to everybody who is signed in', async () => {
    const [ann, eve] = await target.people('Ann', 'Eve');
    const { body } = await target.call<OwnUser>('PUT', '/api/auth/update-profile', {
      as: ann,
      body: { profilePic: PNG },
    });
    expect(await statusFor(body.profilePic, ann, eve)).toEqual([200, 200]);
    expectProblem(await target.call('GET', body.profilePic), 'unauthenticated');
  });

  it('of a group is served to its members', async () => {
    const [ann, ben, eve] = await target.people('Ann', 'Ben', 'Eve');
    const group: Group = await target.group([ann, ben], { groupPic: PNG });
    expect(await statusFor(group.groupPic, ann, ben, eve)).toEqual([200, 200, 404]);
  });

  it('is not served to who left the group', async () => {
    const [ann, ben] = await target.people('Ann', 'Ben');
    const group = await target.group([ann, ben]);
    const path = `/api/groups/${group._id}`;
    const { body } = await sendImage(`${path}/messages`, ann);
    expect(await statusFor(body.image ?? '', ben)).toEqual([200]);
    await target.call('POST', `${path}/leave`, { as: ben });
    expect(await statusFor(body.image ?? '', ben)).toEqual([404]);
  });

  it('is not served to who joined later, where the group says so', async () => {
    const [ann, ben] = await target.people('Ann', 'Ben');
    const group = await target.group([ann], { history: 'sinceJoin' });
    const path = `/api/groups/${group._id}`;
    const before = await sendImage(`${path}/messages`, ann);
    const body = { memberIds: [ben.id] };
    await target.call('POST', `${path}/members`, { as: ann, body });
    const after = await sendImage(`${path}/messages`, ann);
    expect(await statusFor(before.body.image ?? '', ben)).toEqual([404]);
    expect(await statusFor(after.body.image ?? '', ben)).toEqual([200]);
  });
});
