/** The one file of a multipart body, as it comes in. */
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import busboy, { type Busboy } from 'busboy';
import { AppError, invalid } from '../errors.ts';
import { type IncomingFile, tooLarge } from '../features/attachments/uploads.service.ts';

/** Without a further byte for so long, a client counts as gone. */
const SILENCE_MS = 30_000;
/** Boundaries, and headers of the part. */
const AROUND_BYTES = 16 * 1024;
const FIELD = 'file';

/**
 * Reads as far as the file begins; its content is read by who gets it, and fails when the body
 * ends too early or has anything behind it. Who stops reading leaves the rest of the request
 * where it is, so that it can be answered.
 * @throws AppError unsupported_media_type, too_large (when the headers say so already), invalid_input
 */
export function receiveFile(req: IncomingMessage, maxBytes: number): Promise<IncomingFile> {
  const type = req.headers['content-type'] ?? '';
  if (!/^multipart\/form-data\s*;/i.test(type)) {
    throw new AppError('unsupported_media_type', 'The body must be multipart/form-data.');
  }
  if (Number(req.headers['content-length'] ?? '0') > maxBytes + AROUND_BYTES) {
    throw tooLarge(maxBytes);
  }
  const parser = parserOf(req);
  return new Promise((resolve, reject) => {
    let fault: AppError | undefined;
    const read = whenRead(req, parser);
    const refuse = (error: unknown): void => {
      fault ??= unreadable(error);
      stopReading(req, parser);
      reject(fault);
    };
    parser.on('file', (field, content, { filename, mimeType }) => {
      // Its reader is told when it comes to read; until then nobody listens.
      content.on('error', () => undefined);
      if (field === FIELD) {
        resolve({ name: filename ?? '', type: mimeType, content: wholly(content) });
        return;
      }
      refuse(invalid(`body.${field.slice(0, 100)}`, `is not known; the field is ${FIELD}`));
    });
    for (const event of ['filesLimit', 'fieldsLimit'] as const) {
      parser.on(event, () => refuse(invalid('body', `takes one file, as its field ${FIELD}`)));
    }
    // Without effect where the file has begun: then its reader is told.
    read.then(() => reject(invalid(`body.${FIELD}`, 'a file is required')), refuse);
    req.pipe(parser);

    async function* wholly(content: Readable): AsyncGenerator<Buffer> {
      try {
        yield* content;
        await read;
      } catch (error) {
        throw fault ?? unreadable(error);
      } finally {
        stopReading(req, parser);
      }
      if (fault !== undefined) throw fault;
    }
  });
}

/** Resolves when the parser has the whole body. */
const whenRead = (req: IncomingMessage, parser: Busboy): Promise<void> =>
  new Promise((resolve, reject) => {
    let silence: NodeJS.Timeout;
    const heard = (): void => {
      clearTimeout(silence);
      silence = setTimeout(() => parser.destroy(new Error('the client sends no more')), SILENCE_MS);
    };
    parser.once('error', reject);
    parser.once('close', () => {
      clearTimeout(silence);
      req.off('data', heard);
      resolve();
    });
    req.once('close', () => {
      if (!req.complete) parser.destroy(new Error('the request ended before its body'));
    });
    req.on('data', heard);
    heard();
  });

/** Not by `pipeline`: it would end the connection, and nobody could be told why. */
function stopReading(req: IncomingMessage, parser: Busboy): void {
  req.unpipe(parser);
  parser.on('error', () => undefined);
  parser.destroy();
}

function parserOf(req: IncomingMessage): Busboy {
  try {
    return busboy({
      headers: req.headers,
      defParamCharset: 'utf8',
      limits: { files: 1, fields: 0, headerPairs: 20, fieldNameSize: 100 },
    });
  } catch (error) {
    throw unreadable(error);
  }
}

function unreadable(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const message = 'is no complete multipart/form-data with a file';
  return new AppError('invalid_input', `body: ${message}`, {
    errors: [{ path: 'body', message }],
    cause: error,
  });
}
