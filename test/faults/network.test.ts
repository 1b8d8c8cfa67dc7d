/** What is lost between a commit and those who wait for it, and clients with a bad network. */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Instance } from '../../scripts/cluster/local-cluster.ts';
import type { Message } from '../../src/protocol/types.ts';
import { ParleyClient } from '../../src/web/client/client.ts';
import { createMemoryStorage } from '../../src/web/client/outbox-storage.ts';
import { call, type Person, signUp } from '../support/client.ts';
import { type Network, openNetwork } from '../support/network.ts';
import { uniqueName } from '../support/server.ts';
import { expectHolds, print } from './checker.ts';
import { until } from './fleet.ts';
import { openScene, type Scene, seconds, untilAcquainted } from './scene.ts';

describe('with three instances', () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await openScene();
  });
  afterAll(() => scene.close());

  const first = () => scene.cluster.instances[0] ?? { url: '' };

  it('10. an instance dies between a commit and its fan-out and acknowledgement', async () => {
    const { cluster } = scene;
    // This one reaches MongoDB through a network that can keep the answer to the commit.
    const network = await openNetwork(cluster.mongodb.url.replace('mongodb:', 'http:'));
    const mongodbUri = `mongodb://${new URL(network.url).host}/parley?directConnection=true`;
    const doomed = await cluster.addInstance('doomed', { MONGODB_URI: mongodbUri });
    await untilAcquainted({ ...cluster, instances: [...cluster.instances, doomed] });
    const { ann, ben, body } = await untilItWrites(doomed, network, first().url);
    const reader = openReader(first().url, ben);
    const id = [ann.id, ben.id].sort().join('-');
    await until('the reader to be there', 5_000, () => reader.connection.status === 'online');

    await doomed.kill();
    const heardAfter = await until('the recipient to have it', 5_000, () =>
      reader.messages.view(id).messages.some(({ text }) => text === body.text),
    );
    const path = `/api/messages/send/${ben.id}`;
    const again = await call<Message>(first().url, 'POST', path, { as: ann, body });
    print('died after the commit', {
      heardAfter,
      retryAnswered: again.status,
      seq: again.body.seq,
    });
    expect(again.status).toBe(200);
    expect(reader.messages.view(id).messages.map(({ _id }) => _id)).toContain(again.body._id);
    expect(reader.messages.view(id).messages.map(({ seq }) => seq)).toEqual([1]);
    reader.stop();
    await network.close();
    await untilAcquainted(cluster);
  });

  it('11. only the acknowledgement is lost: the retry gets the same answer', async () => {
    const { cluster } = scene;
    const network = await openNetwork(cluster.url);
    const [ann, ben] = [await signUp(cluster.url), await signUp(cluster.url)];
    const path = `/api/messages/send/${ben.id}`;
    const body = { text: 'answered in vain', clientId: uniqueName('client') };
    const held = network.holdAnswers(body.text);
    const lost = call(network.url, 'POST', path, { as: ann, body }).catch(() => 'no answer');
    await held;
    network.cut();
    expect(await lost).toBe('no answer');
    network.restore();
    const history = await call<Message[]>(cluster.url, 'GET', `/api/messages/${ben.id}`, {
      as: ann,
    });
    const again = await call<Message>(network.url, 'POST', path, { as: ann, body });
    print('acknowledgement lost', { stored: history.body.length, retryAnswered: again.status });
    expect(again.status).toBe(200);
    expect([again.body]).toEqual(history.body);
    await network.close();
  });

  it('12. clients in a black hole, and with connections reset at random: complete after sync', async () => {
    const { cluster } = scene;
    const networks = await Promise.all(Array.from({ length: 10 }, () => openNetwork(cluster.url)));
    const fleet = await scene.fleet({
      urlOf: (index) => networks[index % 20]?.url ?? cluster.url,
    });
    const stop = fleet.write(100);
    const [hole, ...flaky] = networks;
    hole?.swallow();
    let resets = 0;
    for (let time = 1; time <= seconds(10, 60); time++) {
      await delay(1_000);
      flaky[time % flaky.length]?.reset();
      resets++;
    }
    hole?.restore();
    // What was swallowed is missing in the stream, so the connections are of no use any more.
    hole?.reset();
    stop();
    // Clients that were just cut wait for up to 12 s before they try again.
    await expectHolds(`a black hole, ${resets} resets`, cluster, fleet, { wholeWithinMs: 20_000 });
    await Promise.all(networks.map((network) => network.close()));
  });

  it('13. a reader at 1 KB/s in a busy group: memory stays bounded, it is cut, it syncs', async () => {
    const { cluster } = scene;
    const [instance] = cluster.instances;
    if (instance === undefined) throw new Error('an instance is needed');
    const network = await openNetwork(instance.url);
    const [ann, ben] = [await signUp(cluster.url), await signUp(cluster.url)];
    const group = await call<{ _id: string }>(cluster.url, 'POST', '/api/groups', {
      as: ann,
      body: { name: 'Busy', memberIds: [ben.id] },
    });
    const id = group.body._id;
    const reader = openReader(network.url, ben);
    await until('the reader to be there', 5_000, () => reader.connection.status === 'online');
    let cuts = 0;
    reader.connection.changed.listen(() => {
      if (reader.connection.status === 'offline') cuts++;
    });
    const before = residentMegabytes(instance);
    network.slow(1_000);
    const text = 'x'.repeat(3_900);
    let sent = 0;
    const limit = performance.now() + 60_000;
    while (!hasCut(scene, instance, ben) && performance.now() < limit) {
      await Promise.all(
        Array.from({ length: 50 }, () =>
          call(cluster.url, 'POST', `/api/groups/${id}/messages`, { as: ann, body: { text } }),
        ),
      );
      sent += 50;
    }
    const grownBy = residentMegabytes(instance) - before;
    const wasCut = hasCut(scene, instance, ben);
    network.restore();
    network.reset();
    const wholeAfter = await until('the reader to be whole', 30_000, () => {
      return reader.messages.lastSeq(id) === sent;
    });
    print('a slow reader', { sent, wasCut, cuts, grownByMB: grownBy, wholeAfter });
    expect(wasCut).toBe(true);
    expect(grownBy).toBeLessThan(150);
    const seqs = reader.messages.view(id).messages.map(({ seq }) => seq);
    expect(seqs).toEqual(seqs.map((_, index) => sent - seqs.length + 1 + index));
    reader.stop();
    await network.close();
  });
});

/** A person's client with the lists loaded, as the web client has them. */
function openReader(url: string, person: Person): ParleyClient {
  const client = new ParleyClient({
    baseUrl: url,
    token: person.token,
    ownId: person.id,
    storage: createMemoryStorage(),
  });
  client.start();
  void client.loadPeople();
  void client.loadGroups();
  return client;
}

/**
 * Has pairs of people write until the instance itself stores a first message, and keeps the
 * answer to its commit: it is stored then, and nobody was told.
 */
async function untilItWrites(instance: Instance, network: Network, elsewhere: string) {
  for (;;) {
    const [ann, ben] = [await signUp(elsewhere), await signUp(elsewhere)];
    const body = { text: uniqueName('stored'), clientId: uniqueName('client') };
    const held = network.holdAnswers(body.text).then(() => true);
    const path = `/api/messages/send/${ben.id}`;
    const answered = call(instance.url, 'POST', path, { as: ann, body }).then(
      () => false,
      () => true,
    );
    if (await Promise.race([held, answered])) return { ann, ben, body };
    // Another instance owns this conversation.
    network.restore();
  }
}

const residentMegabytes = ({ pid }: Instance): number => {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024);
};

/** Whether the instance says so in its log. */
const hasCut = ({ dataDir }: Scene, { name }: Instance, { id }: Person): boolean =>
  readFileSync(`${dataDir}/${name}.log`, 'utf8')
    .split('\n')
    .some((line) => line.includes(id) && line.includes('reads too slowly'));
