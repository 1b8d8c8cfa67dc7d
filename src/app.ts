/**
 * The composition root: builds everything from one configuration, in order. Read this first.
 *
 * Nothing here is global: two applications fit in one process, which is how the tests prove
 * that several instances are one. Each resource registers its closer when it is opened;
 * closing runs in the reverse order.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from './config.ts';
import { AppError } from './errors.ts';
import { attachmentOperations } from './features/attachments/attachments.operations.ts';
import { createAttachmentService } from './features/attachments/attachments.service.ts';
import { createAttachmentStore } from './features/attachments/attachments.store.ts';
import { createUploadService, type UploadService } from './features/attachments/uploads.service.ts';
import { authOperations } from './features/auth/auth.operations.ts';
import { createAuthService } from './features/auth/auth.service.ts';
import { createSessionService } from './features/auth/sessions.service.ts';
import { createSessionStore } from './features/auth/sessions.store.ts';
import { contactOperations } from './features/contacts/contacts.operations.ts';
import { createContactService } from './features/contacts/contacts.service.ts';
import { directPartners } from './features/conversations/conversation-id.ts';
import { createConversationService } from './features/conversations/conversations.service.ts';
import { createConversationStore } from './features/conversations/conversations.store.ts';
import { deliveredEvents } from './features/conversations/delivered.operations.ts';
import { createHeads } from './features/conversations/heads.ts';
import { typingEvents } from './features/conversations/typing.operations.ts';
import { createTypingService } from './features/conversations/typing.service.ts';
import { groupOperations } from './features/groups/groups.operations.ts';
import { createGroupService } from './features/groups/groups.service.ts';
import { createGroupStore } from './features/groups/groups.store.ts';
import { type ChangeService, createChangeService } from './features/messages/changes.service.ts';
import { createDelivery } from './features/messages/delivery.ts';
import { createHeadRecovery } from './features/messages/head-recovery.ts';
import { messageEvents, messageOperations } from './features/messages/messages.operations.ts';
import { createMessageService } from './features/messages/messages.service.ts';
import { createMessageStore } from './features/messages/messages.store.ts';
import { createPersistBatch } from './features/messages/persist-batch.ts';
import { createPipeline, type MessageJob } from './features/messages/pipeline.ts';
import { createSyncService } from './features/messages/sync.service.ts';
import { operationsOperations } from './features/operations/operations.operations.ts';
import {
  createOperationsService,
  type InstanceFacts,
  SAMPLES_PER_MINUTE,
} from './features/operations/operations.service.ts';
import { searchOperations } from './features/search/search.operations.ts';
import { createSearchService } from './features/search/search.service.ts';
import { createSearchStore } from './features/search/search.store.ts';
import { createSearchIndex } from './features/search/search-index.ts';
import { createAdministratorService } from './features/users/administrators.service.ts';
import { createAdministratorStore } from './features/users/administrators.store.ts';
import { presenceEvents } from './features/users/presence.operations.ts';
import { userOperations } from './features/users/users.operations.ts';
import { createUserService } from './features/users/users.service.ts';
import { createUserStore } from './features/users/users.store.ts';
import { createDiskBlobStore } from './infra/blob-store.ts';
import { createBus } from './infra/bus.ts';
import { type CacheContext, cacheEntries, cacheTotals } from './infra/cache.ts';
import { createCacheEpoch } from './infra/cache-epoch.ts';
import { createChangePoll } from './infra/change-poll.ts';
import { type Cluster, createCluster } from './infra/cluster.ts';
import { watchEventLoop } from './infra/event-loop.ts';
import { exportFigures } from './infra/figures.ts';
import { createFreshness } from './infra/freshness.ts';
import { gracefulClose } from './infra/graceful-close.ts';
import { createLifecycle } from './infra/lifecycle.ts';
import { createLogger, type Logger } from './infra/logger.ts';
import { createMetrics, type ProcessMetrics } from './infra/metrics.ts';
import {
  connectMongo,
  createIndexes,
  databaseTime,
  deploymentId,
  isReachable,
  newId,
  onPrimaryReturned,
} from './infra/mongo.ts';
import { createPoolMonitor } from './infra/mongo-pool.ts';
import { createPasswordPool } from './infra/password-pool.ts';
import { createQueuedWork, type QueuedJob, type QueuedWork } from './infra/queued-work.ts';
import { createQueues, type InstanceQueue, type QueueName } from './infra/queues.ts';
import { createRateLimits } from './infra/rate-limit.ts';
import { connectRedis, type RedisLink } from './infra/redis.ts';
import { createSecondaryReads, readPrimary } from './infra/secondary-reads.ts';
import { keptSecret } from './infra/secret.ts';
import { createSocketServer } from './infra/socket-server.ts';
import { createTraffic, successOf } from './infra/traffic.ts';
import { problems } from './protocol/problems.ts';
import { createFanout } from './realtime/fanout.ts';
import { createHeadsBroadcaster } from './realtime/heads.ts';
import { createPresence, type Presence } from './realtime/presence.ts';
import { createAddressOf } from './transport/address.ts';
import { createAdmission } from './transport/admission.ts';
import { healthRoutes, isWatching } from './transport/health.ts';
import { createHttpApp } from './transport/http.ts';
import { createKnownDevices } from './transport/known-devices.ts';
import { createOriginCheck } from './transport/origin.ts';
import { queuePage, type ShownQueues } from './transport/queue-page.ts';
import { createRunOperation } from './transport/run-operation.ts';
import { bindSockets } from './transport/socket.ts';
import { createSocketCaps } from './transport/socket-caps.ts';
import { timeWithoutExpress } from './transport/timing.ts';

export interface App {
  /** The address people open, e.g. http://127.0.0.1:3000 */
  url: string;
  /** Refuses new work, finishes what is under way, closes everything. Never throws. */
  close(): Promise<void>;
}

/** What a caller may provide instead of what the configuration would build. */
export interface AppOverrides {
  log?: Logger;
  clock?: () => Date;
  /** Told at /metrics, too; whoever owns the process collects them, once. */
  processMetrics?: ProcessMetrics;
}

/** A configuration whose MongoDB is known; Redis may be absent. */
export type AppConfig = Omit<Config, 'mongodb' | 'redisUrl'> & {
  mongodb: Config['mongodb'] & { uri: string };
  /** undefined or "off": without Redis. */
  redisUrl: string | undefined;
};

/** Those of this instance. */
interface OpenQueues {
  available(): boolean;
  messages: InstanceQueue<MessageJob>;
  images: InstanceQueue<QueuedJob>;
  search: InstanceQueue<QueuedJob>;
}

/**
 * Builds a complete server and starts it.
 * @throws MongoUnusableError, or the error of listening (address in use, not permitted).
 */
export async function createApp(config: AppConfig, overrides: AppOverrides = {}): Promise<App> {
  const log = overrides.log ?? createLogger(config.logLevel);
  const clock = overrides.clock ?? (() => new Date());
  const lifecycle = createLifecycle(log);
  try {
    return await build();
  } catch (error) {
    await lifecycle.close();
    throw error;
  }

  async function build(): Promise<App> {
    const instanceId = randomBytes(6).toString('hex');
    let isReady = false;

    // Infrastructure.
    const metrics = createMetrics(log, overrides.processMetrics);
    const pool = createPoolMonitor();
    const connection = await connectMongo(config.mongodb.uri, config.mongodb, log, pool);
    lifecycle.onClose('MongoDB', () => connection.close());
    // Keeps deployments apart that share one Redis.
    const namespace = `parley:${await deploymentId(connection)}`;
    const redis =
      config.redisUrl === undefined || config.redisUrl === 'off'
        ? undefined
        : await connectRedis(config.redisUrl, log);
    if (redis !== undefined) lifecycle.onClose('Redis', () => redis.close());
    const limits = createRateLimits({
      numbers: config.rateLimits,
      redis,
      namespace,
      count: metrics.rateLimited,
      log,
    });
    const passwords = await createPasswordPool(config.bcryptCost);
    lifecycle.onClose('password workers', () => passwords.close());
    const bus = createBus({
      instanceId,
      connection,
      redis,
      namespace,
      peers: () => cluster.peers(),
      log,
    });
    lifecycle.onClose('bus', () => bus.close());
    const cluster: Cluster = createCluster({ instanceId, bus, log });
    const freshness = createFreshness(bus, () => cluster.peers().length > 0);
    const cacheEpoch = createCacheEpoch(bus, cluster);
    const caches: CacheContext = {
      enabled: config.cache,
      freshness,
      // Who left a group is announced, and not found by a look at what changed.
      trusted: () => config.cache && changes.trusted() && bus.healthy(),
      redis,
      namespace: () => `${namespace}:${cacheEpoch()}`,
      figures: new Map(),
    };

    // The queues are opened last; until then, and without Redis, work is done directly.
    let queues: OpenQueues | undefined;
    const queueAvailable = (): boolean => queues?.available() ?? false;
    const workOf = (name: 'images' | 'search'): QueuedWork =>
      createQueuedWork({ queue: () => queues?.[name], queueAvailable, instanceId, log });
    const work = { images: workOf('images'), search: workOf('search') };

    // The socket server comes before the features, because they fan out through it.
    const isKnownOrigin = createOriginCheck(config);
    // As long as a large file takes on a slow line; what is silent meanwhile ends sooner.
    const http = createServer({ requestTimeout: 60 * 60_000 }, (req, res) => httpApp(req, res));
    const closeHttp = gracefulClose(http);
    const io = createSocketServer({
      http,
      redis,
      namespace,
      corsOrigins: config.corsOrigins,
      isKnownOrigin,
    });
    timeWithoutExpress(http, (url) => !url.startsWith('/socket.io/'));
    const fanout = createFanout({
      io,
      bus,
      adapterWorks: () => redis?.available() ?? false,
      peers: cluster.peers,
    });

    // Features.
    const attachmentStore = createAttachmentStore(connection);
    const blobs = createDiskBlobStore(join(config.dataDir, 'attachments'));
    const attachments = createAttachmentService({
      store: attachmentStore,
      blobs,
      authorize: (userId, conversationId) => conversations.authorize(userId, conversationId),
      newId,
      clock,
    });
    const uploads: UploadService = createUploadService({
      store: attachmentStore,
      blobs,
      queuedWork: work.images,
      holds: (claim, senderId, attachmentId) => messages.holds(claim, senderId, attachmentId),
      maxBytes: config.maxUploadBytes,
      newId,
      clock,
      log,
    });
    const userStore = createUserStore(connection, caches);
    const administrators = createAdministratorService({
      store: createAdministratorStore(connection),
      users: userStore,
      adminEmail: config.adminEmail,
    });
    const users = createUserService({
      store: userStore,
      administrators,
      attachments,
      isOnline: (userId) => presence.isOnline(userId),
      fanout,
      newId,
      clock,
    });
    const presence: Presence = createPresence({
      bus,
      cluster,
      fanout,
      touchLastSeen: users.touchLastSeen,
      clock,
      log,
    });
    lifecycle.onClose('presence', () => presence.close());
    const secret = config.jwtSecret ?? (await keptSecret(config.dataDir));
    const sessions = createSessionService({
      store: createSessionStore(connection),
      bus,
      secret,
      newId,
      clock,
      log,
    });
    const auth = createAuthService({ users, sessions, passwords });
    const conversationStore = createConversationStore(connection, caches);
    const heads = createHeads({
      store: conversationStore,
      bus,
      tellsOthers: () => cluster.peers().length > 0 && (redis?.available() ?? false),
      trusted: caches.trusted,
      figures: caches.figures,
      clock,
      log,
    });
    lifecycle.onClose('heads of conversations', () => heads.close());
    const conversations = createConversationService({
      store: conversationStore,
      heads,
      users,
      bus,
      fanout,
      newId,
      clock,
    });
    const messageStore = createMessageStore(
      connection,
      caches,
      config.readPreference === 'primary'
        ? readPrimary
        : createSecondaryReads({ connection, count: metrics.secondaryRead, log }),
    );
    const headRecovery = createHeadRecovery({
      store: messageStore,
      conversations,
      finishDeletions: (since) => messageChanges.finishDeletions(since),
      clock,
      log,
    });
    lifecycle.onClose('recovery of heads', () => headRecovery.close());
    const onUnknownOutcome = (): void => {
      void headRecovery.run();
      searchIndex.lookAgain();
    };
    const persist = createPersistBatch({
      store: messageStore,
      conversations,
      onUnknownOutcome,
      onStored: (created) => {
        metrics.batchStored(created.length);
        searchIndex.note(created);
      },
      clock,
    });
    fanout.onRemoteMessage((message) => {
      persist.noteStored(message);
      conversations.messageHeard(message);
      messageStore.noteStored(message);
    });
    const pipeline = createPipeline({
      persist,
      deliver: createDelivery(fanout),
      queue: () => queues?.messages,
      queueAvailable,
      cluster,
      bus,
      onStored: messageStore.noteStored,
      rememberHeads: conversations.rememberHeads,
      newId,
      log,
    });
    const messages = createMessageService({
      store: messageStore,
      pipeline,
      conversations,
      attachments,
      uploads,
      newId,
    });
    const messageChanges: ChangeService = createChangeService({
      store: messageStore,
      conversations,
      attachments,
      fanout,
      bus,
      tellsOthers: () => cluster.peers().length > 0,
      onChanged: (record) => searchIndex.note([record]),
      onUnknownOutcome,
      clock,
      log,
    });
    const searchStore = createSearchStore(connection);
    const searchIndex = createSearchIndex({
      store: searchStore,
      messages,
      cluster,
      queuedWork: work.search,
      clock,
      log,
    });
    const search = createSearchService({ store: searchStore, conversations, messages });
    const sync = createSyncService({ store: messageStore, conversations });
    const groups = createGroupService({
      store: createGroupStore(connection),
      conversations,
      users,
      messages: {
        ...messages,
        removeConversation: async (id) => {
          await Promise.all([messages.removeConversation(id), searchIndex.removeConversation(id)]);
        },
      },
      attachments,
      fanout,
      newId,
      clock,
      log,
    });
    const contacts = createContactService({
      users,
      conversations,
      messages,
      isOnline: presence.isOnline,
    });

    // All models are known now.
    await createIndexes(connection, config.mongodb.uri);
    await users.completeDirectory();
    await administrators.start();
    await bus.start();
    cluster.start();
    const databaseNow = () => databaseTime(connection);
    const changes = createChangePoll(
      [
        ...conversations.changeSources(),
        { name: 'profiles', latest: userStore.latestChange, look: userStore.lookForChanges },
      ],
      databaseNow,
      log,
    );
    if (caches.enabled) await changes.start();
    freshness.begin();
    lifecycle.onClose('poll of changes', () => changes.close());
    if (redis !== undefined) {
      const own = createQueues({ cluster, namespace, redis, log });
      queues = {
        available: own.available,
        // The writer behind them joins what arrives together.
        messages: own.open<MessageJob>('messages', 4, pipeline.process),
        images: own.open<QueuedJob>('images', 2, work.images.process),
        search: own.open<QueuedJob>('search', 1, work.search.process),
      };
      redis.onChange((available) => {
        if (available) pipeline.queueReturned();
        else pipeline.queueLost();
      });
      lifecycle.onClose('queues', own.close);
    }
    uploads.start();
    await groups.finishRemovals();
    onPrimaryReturned(connection, searchIndex.lookAgain);
    lifecycle.onClose('uploads', () => uploads.close());
    // Before the queue is closed, so that nobody puts a further job into it.
    lifecycle.onClose('cluster', () => cluster.close());
    lifecycle.onClose('terms of messages', () => searchIndex.close());
    // Before the queue: what was accepted is stored, even when its socket is gone already.
    lifecycle.onClose('message pipeline', () => pipeline.drained());
    lifecycle.onClose('changes of messages', () => messageChanges.drained());
    await headRecovery.run();
    await searchIndex.start();
    const headsBroadcaster = createHeadsBroadcaster({
      conversations,
      recoverHeads: headRecovery.run,
      directPartners,
      databaseNow,
      fanout,
      redis,
      bus,
      cluster,
      log,
    });
    await headsBroadcaster.start();
    lifecycle.onClose('heads broadcaster', () => headsBroadcaster.close());

    // Operations. The traffic of the last minute is counted beside the metrics.
    const traffic = {
      http: createTraffic(SAMPLES_PER_MINUTE),
      events: createTraffic(SAMPLES_PER_MINUTE),
    };
    const queueJobs = async (): Promise<Partial<Record<QueueName, Record<string, number>>>> => {
      if (queues === undefined || !queueAvailable()) return {};
      const { messages, images, search } = queues;
      const counts = [messages.counts(), images.counts(), search.counts()] as const;
      const [ofMessages, ofImages, ofSearch] = await Promise.all(counts);
      return { messages: ofMessages, images: ofImages, search: ofSearch };
    };
    const facts: InstanceFacts = {
      id: instanceId,
      host: hostname(),
      pid: process.pid,
      version: ownVersion(),
      startedAt: clock().toISOString(),
    };
    const operations = createOperationsService({
      facts,
      sources: {
        connections: () => io.engine.clientsCount,
        pendingMessages: pipeline.pending,
        storedMessages: metrics.storedMessages,
        mongodbUp: () => connection.readyState === 1,
        pool: pool.state,
        poolMax: config.mongodb.poolMax,
        redis: () => redisState(redis),
        queueJobs: async () => (await queueJobs()).messages ?? {},
        caches: caches.enabled ? () => cacheTotals(caches) : undefined,
      },
      http: traffic.http,
      events: traffic.events,
      eventLoop: watchEventLoop(),
      bus,
      cluster,
      clock,
      log,
    });
    operations.start();
    lifecycle.onClose('operations', () => operations.close());
    const requireAdmin = async (userId: string): Promise<void> => {
      if (await administrators.isAdmin(userId)) return;
      throw new AppError('forbidden', 'Only administrators may do this.');
    };

    // Transports.
    const clientAddress = createAddressOf(config.trustProxy);
    const admission = createAdmission({ limits, sessions });
    const run = createRunOperation(
      log,
      (operation, transport, outcome, seconds) => {
        metrics.operation(operation, transport, outcome, seconds);
        if (transport === 'socket') traffic.events.note(successOfOutcome(outcome), seconds * 1_000);
      },
      requireAdmin,
    );
    const httpApp = createHttpApp({
      operations: {
        ...authOperations(auth, sessions),
        ...userOperations(users),
        ...contactOperations(contacts),
        ...messageOperations(messages, messageChanges, sync),
        ...attachmentOperations(uploads),
        ...searchOperations(search),
        ...groupOperations(groups),
        ...operationsOperations(operations),
      },
      run,
      limits,
      admission,
      addressOf: clientAddress,
      devices: createKnownDevices(secret),
      renewSession: sessions.renew,
      attachments: {
        open: attachments.open,
        upload: uploads.upload,
        maxUploadBytes: config.maxUploadBytes,
      },
      isKnownOrigin,
      measure: (labels, seconds) => {
        metrics.httpRequest(labels, seconds);
        if (isWatching(labels.route) || isUpload(labels)) return;
        traffic.http.note(successOf(labels.status), seconds * 1_000);
      },
      mountHealth: healthRoutes({
        version: facts.version,
        isReady: () => isReady,
        mongodbUp: () => isReachable(connection),
        redis: () => redisState(redis),
        connections: () => io.engine.clientsCount,
        pendingMessages: pipeline.pending,
        instanceId,
        peers: cluster.peers,
        pool: pool.state,
        lastMinute: operations.lastMinute,
        cacheEntries: () => cacheEntries(caches),
        metrics,
        metricsToken: config.metricsToken,
      }),
      requireAdmin,
      mountQueuePage: queuePage({
        queues: () => [
          ...shownQueues('Messages numbered by the instance', queues?.messages),
          ...shownQueues('Pictures that were uploaded to the instance', queues?.images),
          ...shownQueues('Terms of messages stored by the instance', queues?.search),
        ],
        redis: () => redisState(redis),
      }),
      corsOrigins: config.corsOrigins,
      trustProxy: config.trustProxy,
      webRoot: ownPath('dist/web'),
      log,
    });
    const stopSweeping = bindSockets({
      io,
      operations: {
        ...messageEvents(messages, messageChanges, sync),
        ...deliveredEvents(conversations),
        ...typingEvents(createTypingService({ conversations, fanout })),
        ...presenceEvents(presence, users),
      },
      run,
      limits,
      caps: createSocketCaps(config.rateLimits.scale),
      admission,
      addressOf: clientAddress,
      sessions,
      conversations,
      presence,
      directPartners,
      fanout,
      bus,
      log,
    });
    lifecycle.onClose('sockets', async () => {
      stopSweeping();
      await closeHttp(() => io.close());
    });
    exportFigures(metrics, {
      connections: () => io.engine.clientsCount,
      pendingMessages: pipeline.pending,
      peers: cluster.peers,
      pool,
      poolMax: config.mongodb.poolMax,
      caches: caches.figures,
      redis,
      queueJobs,
      search: searchIndex,
    });
    const port = await listen(http, config.port, config.host);
    lifecycle.onClose('readiness', () => {
      isReady = false;
    });
    isReady = true;
    log.info({ instanceId, host: config.host, port, redis: redisState(redis) }, 'ready');
    return { url: addressOf(config.host, port), close: lifecycle.close };
  }
}

const shownQueues = (purpose: string, queue: InstanceQueue<unknown> | undefined): ShownQueues[] =>
  queue === undefined ? [] : [{ purpose, queues: queue.everyone() }];

/** It lasts as long as the client sends. */
const isUpload = ({ method, route }: { method: string; route: string }): boolean =>
  method === 'POST' && route === '/api/attachments';

/** For people and /health: "off" is without, on purpose. */
const redisState = (redis: RedisLink | undefined): 'off' | 'up' | 'down' =>
  redis === undefined ? 'off' : redis.available() ? 'up' : 'down';

/** @param outcome "ok", or the code of a problem */
const successOfOutcome = (outcome: string) =>
  outcome === 'ok' ? 'ok' : successOf(problems[outcome as keyof typeof problems].status);

/** Resolves with the port once the server listens. */
function listen(http: HttpServer, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    http.once('error', reject);
    http.listen(port, host, () => {
      http.off('error', reject);
      resolve((http.address() as AddressInfo).port);
    });
  });
}

/** What a person types into a browser on this machine. */
function addressOf(host: string, port: number): string {
  const everywhere = host === '0.0.0.0' || host === '::';
  const name = everywhere ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  return `http://${name}:${port}`;
}

/** A path below the project's folder; the compiled server lies one folder deeper (dist/server). */
function ownPath(path: string): string {
  const root = import.meta.url.endsWith('.ts') ? '../' : '../../';
  return fileURLToPath(new URL(`${root}${path}`, import.meta.url));
}

function ownVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(ownPath('package.json'), 'utf8'));
  const { version } = manifest as { version: string };
  return version;
}
