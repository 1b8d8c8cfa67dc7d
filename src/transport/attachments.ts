/** The routes of attachments, whose bodies are no JSON: files that come in, and that go out. */
import type { IncomingMessage } from 'node:http';
import { pipeline as pump } from 'node:stream/promises';
import type { Express, Request, RequestHandler, Response } from 'express';
import type {
  AttachmentContent,
  AttachmentForm,
} from '../features/attachments/attachments.service.ts';
import { isPicture } from '../features/attachments/image.ts';
import type { IncomingFile } from '../features/attachments/uploads.service.ts';
import type { ActiveSession } from '../features/auth/sessions.service.ts';
import type { Logger } from '../infra/logger.ts';
import type { RateLimits } from '../infra/rate-limit.ts';
import { idParams } from '../protocol/schemas.ts';
import type { Attachment } from '../protocol/types.ts';
import type { HttpLimits } from './http-limits.ts';
import { sendJson, sendProblem } from './http-reply.ts';
import { receiveFile } from './multipart.ts';
import { forUsers, type RequestContext } from './operation.ts';
import { parseInput, type RunOperation } from './run-operation.ts';

/** How long a client may go on sending what was refused, to come to read why. */
const LINGER_MS = 3_000;

export interface AttachmentRoutes {
  run: RunOperation;
  limits: Pick<RateLimits, 'files' | 'authenticated'>;
  authenticate: (req: Request, res: Response) => ActiveSession | Promise<ActiveSession>;
  contextOf: (req: Request) => RequestContext;
  open: (userId: string, id: string, form: AttachmentForm) => Promise<AttachmentContent>;
  upload: (userId: string, file: IncomingFile) => Promise<Attachment>;
  maxUploadBytes: number;
  log: Logger;
}

export function bindAttachments(app: Express, deps: AttachmentRoutes & HttpLimits): void {
  app.post('/api/attachments', receive(deps));
  app.get('/api/attachments/:id', serve('whole', deps));
  app.get('/api/attachments/:id/thumbnail', serve('thumbnail', deps));
}

function receive(deps: AttachmentRoutes & HttpLimits): RequestHandler {
  const operation = forUsers(async (file: IncomingFile, { userId }) => ({
    body: await deps.upload(userId, file),
  }));
  return async (req, res) => {
    const outcome = await deps.run({
      name: 'uploadAttachment',
      operation,
      context: deps.contextOf(req),
      authenticate: () => deps.authenticate(req, res),
      limit: (session) =>
        session && deps.takePromptly(res, deps.limits.authenticated, session.userId),
      read: () => receiveFile(req, deps.maxUploadBytes),
      atClientsPace: true,
    });
    // What nobody read, or no longer reads, must not stop the connection.
    req.unpipe();
    req.resume();
    if (!req.complete) lingerAfter(req, res);
    if (outcome.ok) sendJson(res, 201, 'application/json', JSON.stringify(outcome.reply.body));
    else sendProblem(res, outcome.problem);
  };
}

/**
 * What is left of a refused body is read for a moment. Ending the connection at once would take the
 * answer from those who read it only when they have sent everything.
 */
function lingerAfter(req: IncomingMessage, res: Response): void {
  res.once('finish', () => {
    const timer = setTimeout(() => req.complete || req.socket.destroy(), LINGER_MS);
    req.once('close', () => clearTimeout(timer));
  });
}

function serve(form: AttachmentForm, deps: AttachmentRoutes & HttpLimits): RequestHandler {
  return async (req, res) => {
    const { userId } = await deps.authenticate(req, res);
    await deps.take(req, res, deps.limits.files, userId);
    const { id } = parseInput(idParams, req.params, 'params');
    const { stream, record } = await deps.open(userId, id, form);
    const etag = form === 'whole' ? `"${id}"` : `"${id}-${form}"`;
    res.setHeader('ETag', etag);
    // An id's content never changes. What belongs to a message is asked for anew each time all
    // the same, because who may see it does change; the answer is then 304, without content.
    res.setHeader(
      'Cache-Control',
      record.audience === 'everyone' ? 'private, max-age=31536000, immutable' : 'private, no-cache',
    );
    if (req.headers['if-none-match'] === etag) {
      stream.destroy();
      res.status(304).end();
      return;
    }
    // Whatever it is, it cannot run as a page of this server.
    res.setHeader('Content-Security-Policy', "default-src 'none'; sandbox");
    if (isPicture(record)) res.setHeader('Content-Disposition', 'inline');
    else res.attachment(record.name ?? id);
    res.setHeader('Content-Type', form === 'whole' ? record.type : 'image/webp');
    if (form === 'whole') res.setHeader('Content-Length', record.size);
    await pump(stream, res).catch((error: unknown) => {
      // Most often a client that went away; the status line is out already.
      deps.log.debug({ err: error, attachmentId: id }, 'an attachment was not sent whole');
    });
  };
}
